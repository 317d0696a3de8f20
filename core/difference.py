"""Where two versions of an article differ, for people to see why they are one story."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

Kind = Literal["same", "gone", "added"]

TOKENS_COMPARED = 4000  # of one stretch; comparing is quadratic, longer ones are shown whole
# A word, or a single character where a script writes without spaces.
_TOKEN = re.compile(r"[぀-ヿ㐀-鿿豈-﫿\U00020000-\U0003ffff]|[^\W㐀-鿿぀-ヿ]+|\s+|.", re.DOTALL)


class Stretch(NamedTuple):
    """A stretch of text that both have, or only one."""

    kind: Kind
    text: str


def difference(old: str, new: str) -> list[Stretch]:
    """`old` and `new` as stretches in reading order: by blocks first, then by words in them."""
    found: list[Stretch] = []
    before, after = _blocks(old), _blocks(new)
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        gone, added = "".join(before[i:j]), "".join(after[k:m])
        if tag == "equal":
            found.append(Stretch("same", gone))
        else:
            found += _by_words(gone, added)
    return _joined(found)


def _blocks(text: str) -> list[str]:
    return re.split(r"(?<=\n)(?=[^\n])", text) if text else []


def _by_words(gone: str, added: str) -> list[Stretch]:
    before, after = _TOKEN.findall(gone), _TOKEN.findall(added)
    if not before or not after or max(len(before), len(after)) > TOKENS_COMPARED:
        return _one_sided(gone, added)
    found: list[Stretch] = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(Stretch("same", "".join(before[i:j])))
        else:
            found += _one_sided("".join(before[i:j]), "".join(after[k:m]))
    return found


def _one_sided(gone: str, added: str) -> list[Stretch]:
    both = (Stretch("gone", gone), Stretch("added", added))
    return [stretch for stretch in both if stretch.text]


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for stretch in stretches:
        if joined and joined[-1].kind == stretch.kind:
            joined[-1] = Stretch(stretch.kind, joined[-1].text + stretch.text)
        else:
            joined.append(stretch)
    return joined

"""Extract the article from the data of a page that renders its text by script.

JSON-LD and microdata call it `articleBody`. In the state that frameworks write into a script (Next,
Nuxt, Gatsby, Apollo), the longest text under a usual name is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from core.body.clean import weight
from core.body.html import inner_text
from core.page.extractors import common_share, four_grams

_PART = r"(?:article|post|story|page|main|full|raw)?_?"
_NAMES = re.compile(
    rf"{_PART}(?:body|contents?|html|text|markdown|value)(?:_?(?:html|text|block|raw|markdown))?"
    r"|rendered|cooked|__html",
    re.IGNORECASE,
)
# A list under one of these names is one text in pieces; other lists are several articles.
_LISTS = re.compile(
    rf"{_PART}(?:body|contents?|blocks|paragraphs|sections)(?:_?(?:elements|blocks|items|raw))?",
    re.IGNORECASE,
)
# Script content: only JSON, or JSON assigned to one name.
_BEFORE_JSON = re.compile(
    r"\s*(?:(?:(?:window|self|globalThis)\.|(?:var|let|const)\s+)?\w+\s*=\s*)?(?=[{\[])"
)
_TAG = re.compile(r"<[^<>]*>")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)]*\s|[。！？]")
_MOST_VALUES = 100_000  # objects and lists per script; the search takes a tenth of a second
_MOST_CHECKED = 8  # longest candidates that are checked
_LEAST = 300.0  # weighted letters; descriptions have fewer
_LEAST_SENTENCES = 3  # a text with fewer is code or a list of names
_AGREES = 0.5  # share of four-grams of title and description; other articles share fewer


def text_in_data(root: etree._Element, title: str | None, description: str | None) -> str:
    """The longest running text in the page's data that agrees with title and description.

    HTML, markdown or plain text, as the site stores it; or empty.
    """
    wanted = four_grams(f"{title or ''} {description or ''}")
    found = sorted(set(_candidates(root)), key=len, reverse=True)
    for text in found[:_MOST_CHECKED] if wanted else ():
        words = _TAG.sub(" ", text)
        is_prose = weight(words) >= _LEAST and len(_SENTENCE_END.findall(words)) >= _LEAST_SENTENCES
        if is_prose and common_share(wanted, four_grams(words)) >= _AGREES:
            return text
    return ""


def _candidates(root: etree._Element) -> Iterator[str]:
    for meta in root.iter("meta"):
        if meta.get("itemprop") == "articleBody":
            yield meta.get("content") or ""
    for script in root.iter("script"):
        source = inner_text(script)
        before = _BEFORE_JSON.match(source)
        if before is None:
            continue
        try:
            data, _ = json.JSONDecoder(strict=False).raw_decode(source, before.end())
        except (ValueError, RecursionError):
            continue
        yield from _texts(data)


def _texts(data: Any) -> Iterator[str]:
    """All strings with names of texts, at any depth; lists of pieces are joined."""
    table = data if isinstance(data, list) else []  # Nuxt: values are indexes into this list
    waiting = [data]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        value = waiting.pop()
        if isinstance(value, list):
            waiting += (each for each in value if isinstance(each, dict | list))
            continue
        for name, held in value.items():
            if type(held) is int and 0 < held < len(table):
                held = table[held]
                if not isinstance(held, str):
                    continue
            if isinstance(held, str) and _NAMES.fullmatch(name):
                yield held
            elif isinstance(held, list) and _LISTS.fullmatch(name):
                yield "\n\n".join(_pieces(held))
            if isinstance(held, dict | list):
                waiting.append(held)


def _pieces(values: list[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from (
                each
                for name, each in value.items()
                if isinstance(each, str) and _NAMES.fullmatch(name)
            )

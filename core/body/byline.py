"""Determine title, author, date and original URL: as the entry states, then as its text does.

Lines before the text that only state these are cut, as they become metadata. Ambiguous statements
give None.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape

from core import dates
from core.body import junk
from core.body.blocks import Block, Line
from core.body.names import labelled, reporter, stated_author
from core.body.rules import Place, cut_own_address, is_about_page, is_prose
from core.models import FeedEntry, Removed
from core.text import letters_only, plain_title, wide_share
from core.urls import canonical_url, web_url

_ADDRESS = re.compile(r"https?://[^\s<>\"'）)」】》，。；、]+")
_ORIGINAL = re.compile(
    r"^.{0,60}?(?:转载自|转自|转帖自|转发自|摘自|译自|本文链接|本文地址|首发于|原载于?"
    r"|originally published|first published|appeared first on|cross-?posted from|republished from)"
    r"|^(?!图|照片|视频)[^:：]{0,4}(?:来源|原文|出处|原帖)|^(?:original|source|article url|via)\b"
)
_ORIGINAL_WORDS = tuple(
    "转载 转自 转帖 转发 摘自 译自 本文 首发 原载 来源 原文 出处 原帖 original source published"
    " appeared posted republished article via".split()
)
_PICTURE = re.compile(r"\.(?:jpe?g|png|gif|webp|svg|mp4|mp3|pdf)(?:\?|$)", re.IGNORECASE)
_ORIGINAL_FIELDS = (
    "original_url", "original", "canonical_url", "canonical", "source_url", "origin", "from",
    "source", "permalink", "link", "url",
)  # fmt: skip
_SOURCE_LINE = re.compile(
    r"^(?:(?:(?:文章|新闻|消息|稿件|信息)?来源于?|出处|source)[:：].{1,30}|[一-龥]{2,6}(?:社|网|日报|新闻)"
    r"|昨天|前天|\d+ ?(?:分钟|小时|天)前)$"
)
# Labels and values in the header of a Chinese page: 发布日期：2026-11-27 来源：省发改委
_VALUE = (
    r"[|｜/\s]*(?:(?:发布|发表|更新|发稿)?(?:日期|时间)|(?:文章|新闻|消息|稿件|信息)?来源于?|作者"
    r"|(?:责任)?编辑|(?:浏览|点击|阅读|评论)(?:次数|数|量)?|字[号体数])\s*[:：](?:[^:：。]|\d:\d\d){0,30}"
)
_HEADER = re.compile(
    rf"(?:{_VALUE}){{2,6}}|20\d\d[-./年]\d{{1,2}}[-./月]\d{{1,2}}日?[\d:\s]{{0,12}}(?:{_VALUE}){{1,6}}"
)
_IDENTIFIER = re.compile(r"\s*\((?:arxiv|doi|pmid|issn)\s*:[^()]{3,80}\)\s*$", re.IGNORECASE)
_SEPARATED = re.compile(r"\s*[-–—|_·»:：]\s*.{1,40}$")
_TOPICS_KEPT = 50  # same limit as for a feed entry
_LONGEST_NAME = 40  # letters
_MAX_TITLE = 160  # letters; 99 of 100 titles of 977 public pages have 80 at most


@dataclass(slots=True)
class Metadata:
    """The metadata of an entry; None where nothing is stated."""

    title: str | None = None
    author: str | None = None
    published: str | None = None
    original_url: str | None = None
    topics: tuple[str, ...] = ()  # categories in the front matter of a file


def read_metadata(
    entry: FeedEntry,
    front: dict[str, str],
    spots: list[Place],
    from_markup: dict[str, str],
    above: Sequence[Place] = (),
) -> Metadata:
    """Determine the metadata of an entry; cut the lines that only repeat it.

    `above` are lines of a page outside its body.
    """
    found = Metadata(topics=_topics(front))
    # The lines before the text; the first dozen if no text was found.
    texts = (here for here, spot in enumerate(spots) if spot.is_text and spot.word_rule is None)
    begins = next((here for here in texts if not is_about_page(spots[here])), 12)
    head, spots = [*above, *spots[:begins]], [*above, *spots]
    found.title = _title(entry, front, head)
    wanted = letters_only(found.title or "")
    repeats = [spot.line for spot in head if _is_headline(spot, wanted)]
    named = {
        **front,
        "original_url": front.get("original_url") or from_markup.get("original_url", ""),
    }
    found.original_url = _original(entry, named, head, spots, repeats)
    # The title of a short post may be its only text.
    alone = not any(s.line.letters and not s.line.is_linked for s in spots if s.line not in repeats)
    for line in repeats:
        if not alone or line.is_linked or any(s.block.is_heading for s in head if s.line is line):
            line.cut("title")
    if entry.link:
        cut_own_address(spots, canonical_url(entry.link), wanted)
    found.author = _author(entry, front, head, spots, from_markup)
    found.published = _published(entry, front, head, spots, from_markup, found.original_url)
    for spot in head:
        if spot.line.rule is None and not spot.line.images and _only_states(spot):
            spot.line.cut("stated")
    return found


def _is_headline(spot: Place, title: str) -> bool:
    """Whether a line above the text is the title, or a heading with most of the title."""
    words = spot.line.words.lower()
    if not words or words == title or not spot.block.is_heading:
        return bool(words) and words == title
    short, long = sorted((words, title), key=len)
    return 2 * len(short) >= len(long) and short in long


def _topics(front: dict[str, str]) -> tuple[str, ...]:
    stated = (front.get(name, "").split(",") for name in ("categories", "tags", "labels"))
    names = (plain_title(name.strip()[:200]) for each in stated for name in each)
    return tuple(dict.fromkeys(name for name in names if name))[:_TOPICS_KEPT]


def _title(entry: FeedEntry, front: dict[str, str], head: list[Place]) -> str | None:
    title = plain_title(entry.title, entry.title_type) or plain_title(front.get("title"))
    headings = _headings(head)
    if title is None:
        candidates = headings or _first_line(head)
        return plain_title(candidates[0].line.text) if candidates else None
    for spot in headings:
        text = spot.line.text.strip()
        if len(text) >= 4 and title.startswith(text) and _SEPARATED.fullmatch(title[len(text) :]):
            return text
    return (_IDENTIFIER.sub("", title) if ")" in title else title) or title


def _headings(head: list[Place]) -> list[Place]:
    """Headings that may be the headline, up to the first sentence."""
    found = []
    for spot in head:
        if spot.block.is_heading:
            found += [] if _is_junk(spot) or junk.is_related(spot.folded) else [spot]
        elif spot.line.letters >= 30 and not spot.line.is_linked and not spot.block.is_caption:
            break
    return found


def _first_line(head: list[Place]) -> list[Place]:
    """Without headings, the first line is the headline if a dateline or source follows."""
    lines = [spot for spot in head if not _is_junk(spot) and spot.line.letters]
    if not lines or lines[0].line.letters > _MAX_TITLE or lines[0].block.inside("li"):
        return []
    linked = lines[0].line.is_linked and len(lines[0].line.links) == 1
    followed = any(_only_states(spot) for spot in lines[1:4])
    return lines[:1] if linked or followed else []


def _is_junk(spot: Place) -> bool:
    return spot.word_rule is not None or (spot.line.is_linked and len(spot.line.links) > 1)


def _only_states(spot: Place) -> bool:
    text = spot.line.text
    return (
        dates.is_date_line(text)
        or _SOURCE_LINE.match(spot.folded) is not None
        or _HEADER.fullmatch(spot.folded) is not None
        or _named_on(spot) is not None
    )


def _named_on(spot: Place) -> str | None:
    """The author named on a line; the `address` element contains the author (HTML 4.3.10)."""
    line, owner = spot.line, spot.block.owner
    is_address = owner is not None and owner.tag == "address" and line.letters <= _LONGEST_NAME
    if is_address and not any(map(str.isdigit, line.text)):
        return line.text
    return labelled(line.text)


def _author(
    entry: FeedEntry,
    front: dict[str, str],
    head: list[Place],
    spots: list[Place],
    from_markup: dict[str, str],
) -> str | None:
    if named := stated_author(entry.author) or stated_author(from_markup.get("author")):
        return named
    for spot in (*head, *spots[-8:]):
        label = _named_on(spot) if spot.line.letters <= 100 else None
        if label:
            return reporter(label) or stated_author(label)
    closing = [spot for spot in spots[-25:] if len(spot.line.text) <= 40]
    for spot in (*head, *spots[len(head) : len(head) + 3], *closing):
        if name := reporter(spot.line.text):
            return name
    return stated_author(front.get("author"))


def _published(
    entry: FeedEntry,
    front: dict[str, str],
    head: list[Place],
    spots: list[Place],
    from_markup: dict[str, str],
    original: str | None,
) -> str | None:
    moment = entry.published or entry.updated
    if moment is not None:
        return dates.iso(moment)
    for field in ("date", "published", "pubdate", "publishdate", "created", "created_at", "time"):
        found = _stated_date(front[field], spots) if field in front else None
        if found:
            return found
    return (
        _date_in_text(head, spots, original)
        or (_stated_date(from_markup["published"], spots) if "published" in from_markup else None)
        or next(filter(None, map(dates.date_in_url, filter(None, (original, entry.link)))), None)
    )


def _stated_date(text: str, spots: list[Place]) -> str | None:
    """The date in a short text; a time without zone in a Chinese article is China's."""
    beginning = "".join(spot.line.text for spot in spots[:20])
    return dates.stated(text, chinese=wide_share(beginning) > 0.3)


def _date_in_text(head: list[Place], spots: list[Place], original: str | None) -> str | None:
    for spot in spots[: len(head) + 3]:
        if found := dates.dateline(spot.line.text, original):
            return found
    for spot in (*head, *spots[-10:]):
        if dates.is_date_line(spot.line.text):
            return _stated_date(spot.line.text, spots)
    for spot in head:
        if dates.is_date_header(spot.line.text):
            return _stated_date(spot.line.text, spots)
    return None


def _original(
    entry: FeedEntry,
    front: dict[str, str],
    head: list[Place],
    spots: list[Place],
    repeats: list[Line],
) -> str | None:
    own = canonical_url(entry.link) if entry.link else None
    candidates = [front[name] for name in _ORIGINAL_FIELDS if name in front]
    candidates += [line.links[0] for line in repeats if len(line.links) == 1]
    for spot in (*head, *spots[-25:]):
        if _names_origin(spot):
            candidates += [*_ADDRESS.findall(spot.line.text), *spot.line.links]
    for candidate in candidates:
        address = web_url(unescape(candidate))
        if address and canonical_url(address) != own and not _PICTURE.search(address):
            path = address.partition("//")[2].partition("/")[2]
            if len(path.strip("/")) > 1:  # a publisher's home page is not an article
                return address
    return None


def _names_origin(spot: Place) -> bool:
    folded = spot.folded
    if not (spot.line.links or "http" in folded) or is_prose(spot.line):
        return False
    return any(map(folded.__contains__, _ORIGINAL_WORDS)) and _ORIGINAL.match(folded) is not None


_CARD = {"标题": "title", "作者": "author", "来源": "original_url", "原文": "original_url",
         "原文链接": "original_url", "链接": "original_url", "发表日期": "date", "日期": "date",
         "title": "title", "author": "author", "source": "original_url", "date": "date",
         "published": "date", "original": "original_url"}  # fmt: skip
_MOST_ABOVE_CARD = 4  # lines above the card
_LEAST_OF_CARD = 3  # labelled rows or lines; other tables contain one by chance
_FIELD = re.compile(r"[^\s:：]{1,10}\s*[:：\t]+\s*[^:：]{1,60}$|[^:：]{1,10}[:：]\s*https?://\S+$")


def cut_card(blocks: list[Block], removed: list[Removed]) -> dict[str, str]:
    """The fields of an archive's card, labelled lines above the text that describe the original.

    The card is moved from `blocks` to `removed`: it is not text of the article.
    """
    lines = [(block, line) for block in blocks[:30] for line in block.lines]
    is_field = [_FIELD.match(line.text) is not None for _, line in lines]
    start = next((at for at, field in enumerate(is_field) if field), len(lines))
    end = next((at for at in range(start, len(lines)) if not is_field[at]), len(lines))
    found: dict[str, str] = {}
    for _, line in lines[start:end]:
        label, value = re.split(r"\s*[:：\t]+\s*", line.text, maxsplit=1)
        name = _CARD.get(label.lower())
        stated = line.links[0] if name == "original_url" and line.links else value.strip()
        if name and stated:
            found.setdefault(name, stated)
    if start > _MOST_ABOVE_CARD or len(found) < _LEAST_OF_CARD:
        return {}
    for block, line in lines[:end]:
        block.lines.remove(line)
        removed.append(Removed(rule="stated", text=line.text[:500]))
    blocks[:] = [block for block in blocks if block.lines or block.kind == "hr"]
    return found

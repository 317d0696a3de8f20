"""Title, author, date and first publisher: what the entry states, then what its text states.

Lines that only state these things, before the text begins, are cut: their content is kept as data.
Where the words allow two readings: None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from core import dates
from core.body import junk
from core.body.blocks import Line
from core.body.rules import Place, is_prose
from core.models import FeedEntry
from core.text import collapse, is_wide, plain_title, squeeze, wide_share
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
_NAMED = re.compile(r"(?:原文|转载自|轉載自)[^\n<]{0,40}?(https?://[^\s<>\"'）)」】》，。；、]+)")
_PICTURE = re.compile(r"\.(?:jpe?g|png|gif|webp|svg|mp4|mp3|pdf)(?:\?|$)", re.IGNORECASE)
_ORIGINAL_FIELDS = (
    "original_url", "original", "canonical_url", "canonical", "source_url", "origin", "from",
    "source", "permalink", "link", "url",
)  # fmt: skip
_SOURCE_LINE = re.compile(r"^(?:(?:文章|新闻|消息|稿件)?来源|出处|source)[:：].{1,30}$")
_IDENTIFIER = re.compile(r"\s*\((?:arxiv|doi|pmid|issn)\s*:[^()]{3,80}\)\s*$", re.IGNORECASE)
_SEPARATED = re.compile(r"\s*[-–—|_·»:：]\s*.{1,40}$")
_MAX_TITLE = 160  # letters; 99 of 100 titles of 977 public pages have 80 at most


@dataclass(slots=True)
class Metadata:
    """What an entry and its text state; None where nothing is stated."""

    title: str | None = None
    author: str | None = None
    published: str | None = None
    original_url: str | None = None


def read_metadata(
    entry: FeedEntry, front: dict[str, str], spots: list[Place], from_markup: dict[str, str]
) -> Metadata:
    """The metadata of an entry; the lines that only repeat it are cut."""
    found = Metadata()
    # The lines before the text begins, or a dozen where there is none.
    head = spots[: next((here for here, spot in enumerate(spots) if spot.is_text), 12)]
    found.title = _title(entry, front, head)
    wanted = squeeze(found.title or "")
    repeats = [s.line for s in head if s.line.letters and s.line.words.lower() == wanted]
    found.original_url = _original(entry, front, head, spots, repeats)
    # Of a post without more words the title is its text.
    alone = not any(s.line.letters and not s.line.is_linked for s in spots if s.line not in repeats)
    for line in repeats:
        if not alone or line.is_linked or any(s.block.is_heading for s in head if s.line is line):
            line.cut("title")
    found.author = _author(entry, front, head, spots, from_markup)
    found.published = _published(entry, front, head, spots, from_markup, found.original_url)
    for spot in head:
        if spot.line.rule is None and not spot.line.images and _only_states(spot):
            spot.line.cut("stated")
    return found


def named_original(front: dict[str, str], raw: str) -> str | None:
    """The first publisher's address by a quick look at the raw text."""
    for name in _ORIGINAL_FIELDS:
        if name in front:
            return web_url(front[name])
    match = _NAMED.search(raw)
    return web_url(unescape(match[1])) if match else None


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
    """Headings that may be the headline: no sentence stands before them."""
    found = []
    for spot in head:
        if spot.block.is_heading:
            found += [] if _is_junk(spot) or junk.is_related(spot.folded) else [spot]
        elif spot.line.letters >= 30 and not spot.line.is_linked and not spot.block.is_caption:
            break
    return found


def _first_line(head: list[Place]) -> list[Place]:
    """In text without headings the first line is the headline, if a dateline or source follows."""
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
        or labelled(text) is not None
    )


def _author(
    entry: FeedEntry,
    front: dict[str, str],
    head: list[Place],
    spots: list[Place],
    from_markup: dict[str, str],
) -> str | None:
    named = stated_author(entry.author) or stated_author(from_markup.get("author"))
    if named:
        return named
    for spot in (*head, *spots[-8:]):
        label = labelled(spot.line.text) if spot.line.letters <= 60 else None
        if label:
            return stated_author(label)
    closing = [spot for spot in spots[-25:] if len(spot.line.text) <= 40]
    for spot in (*head, *spots[len(head) : len(head) + 3], *closing):
        name = reporter(spot.line.text)
        if name:
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
    for field in ("date", "published", "pubdate", "created", "time"):
        found = _stated_date(front[field], spots) if field in front else None
        if found:
            return found
    return (
        _date_in_text(head, spots, original)
        or (_stated_date(from_markup["published"], spots) if "published" in from_markup else None)
        or next(filter(None, map(dates.in_address, filter(None, (original, entry.link)))), None)
    )


def _stated_date(text: str, spots: list[Place]) -> str | None:
    """The date that a short text states; the clock in a Chinese article is China's."""
    beginning = "".join(spot.line.text for spot in spots[:20])
    return dates.stated(text, chinese=wide_share(beginning) > 0.3)


def _date_in_text(head: list[Place], spots: list[Place], original: str | None) -> str | None:
    for spot in spots[: len(head) + 3]:
        found = dates.dateline(spot.line.text, original)
        if found:
            return found
    for spot in (*head, *spots[-10:]):
        if dates.is_date_line(spot.line.text):
            return _stated_date(spot.line.text, spots)
    for spot in head:
        if dates.in_header(spot.line.text):
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
            if len(path.strip("/")) > 1:  # a publisher's front page is no article
                return address
    return None


def _names_origin(spot: Place) -> bool:
    folded = spot.folded
    if not (spot.line.links or "http" in folded) or is_prose(spot.line):
        return False
    return any(map(folded.__contains__, _ORIGINAL_WORDS)) and _ORIGINAL.match(folded) is not None


_REPORTER = re.compile(
    r"(?:记者|記者|通讯员|通訊員|特约记者|特派员)[\s:：]*([\u4e00-\u9fff·‧、\s]{2,24}?)"
    r"[\s]*(?:报导|报道|報導|報道|编译报|編譯報|采访报|採訪報|综合报|綜合報|编译(?=[）)】])|編譯(?=[）)】]))"
)
_HOW = re.compile(
    r"(?:综合|綜合|整合|简讯|簡訊|翻译|翻譯|编译|編譯|采访|採訪|整理|特别|特別|专题|專題|独家|獨家|联合|聯合|现场|現場|[\s、])+$"
)
_LABEL = re.compile(
    r"^(?:来源[:：]\S{1,20}\s+)?(?:本文)?(?:作者|撰文|撰稿|原作者|文字|笔者|筆者|原著)"
    r"\s*[:：|｜/／]\s*(.{2,40})$"
    r"|^文\s*[/／|｜:：]\s*(.{2,20})$"
    r"|^(?:[Ww]ritten [Bb]y|[Pp]osted [Bb]y|(?:[Aa]uthor|[Aa]uteur|[Aa]utore?)s?(?=\s?[:：]))"
    r"\s*[:：]?\s*(.{3,60})$"
)
_NEXT_LABEL = re.compile(
    r"\s{2,}|\s(?=\S{2,4}[:：|｜/／])"
    r"|(?:来源|來源|(?:发布|發布|更新)?(?:时间|時間)|(?:责任)?编辑|編輯|责编|摄影|校对)\s*[:：|｜/／]"
)
_SIGNED = re.compile(  # a line that is nothing else: 新京报记者 陆一夫
    r"^[（(【]?\S{0,12}?(?:记者|記者)[\s:：|｜/／]*([\u4e00-\u9fff·]{2,4}(?:[\s、]+[\u4e00-\u9fff·]{2,4}){0,4})"
    r"(?:\s+(?:整合|整理|实习生|通讯员|编辑|責編|责编|網編|摄影|校对|图片).*)?[)）】]?$"
)
_BY = re.compile(r"^(?:[Bb]y:?|BY|Von|Par|Por|Di|Door|Af|Av)\s+(.{3,60})$")
_POSTED = re.compile(r"^(?:[Pp]osted|[Pp]ublished|[Ww]ritten)\b.{0,50}?\bby\s+(.{3,40})$")
_NAME = re.compile(
    r"[A-ZÀ-ÝŁŚŻŠČŽ][\w’'.-]*(?:\s+(?:de|da|di|del|della|van|von|der|den|la|le|bin|al|el|and|und|et|y|e|&"
    r"|[A-ZÀ-ÝŁŚŻŠČŽ][\w’'.-]*),?){1,7}"
)
_MAIL = re.compile(r"\s*<?\(?[\w.+-]+@[\w.-]+\)?>?\s*")
_MAIL_AND_NAME = re.compile(r"^[\w.+-]+@[\w.-]+\s*\((.+)\)$")
_PLACES = frozenset(
    "纽约 華盛頓 华盛顿 台北 臺北 香港 北京 上海 广州 深圳 东京 東京 首尔 伦敦 巴黎 柏林 悉尼"
    " 墨尔本 多伦多 温哥华 洛杉矶 旧金山 芝加哥 休斯顿 波士顿 渥太华 蒙特利尔 新加坡 曼谷 日内瓦"
    " 布鲁塞尔 维也纳 莫斯科 罗马 马德里 台湾 臺灣 高雄 台中 台南 澳门 亚特兰大 费城 西雅图"
    " 卡尔加里 奥克兰 布里斯班 珀斯 法兰克福 斯德哥尔摩 联合国 吉隆坡 马来西亚 印尼 日本 韩国"
    " 英国 德国 法国 加拿大 澳洲 美国".split()
)


def stated_author(author: str | None) -> str | None:
    """An author field as a name: without addresses, one line; None if nothing is left."""
    if not author:
        return None
    author = (plain_title(author[:400]) or "").strip()
    inside = _MAIL_AND_NAME.match(author)
    name = collapse(inside[1] if inside else _MAIL.sub(" ", author)).strip(" ,;<>")
    if name.count("(") != name.count(")") or (name[:1], name[-1:]) == ("(", ")"):
        name = name.strip(" ()")
    return name[:200] if name and name.lower() not in ("admin", "administrator", "null") else None


def reporter(text: str) -> str | None:
    """The reporter an agency's opening names, as in （记者李言综合报导）."""
    match = _REPORTER.search(text[:160]) or (_SIGNED.match(text) if len(text) <= 40 else None)
    if match is None:
        return None
    name = _HOW.sub("", match[1].strip())
    for _ in range(3):
        place = next((p for p in _PLACES if name.endswith(p) and len(name) > len(p) + 1), "")
        name = _HOW.sub("", name.removesuffix(place))
    parts = [part for part in re.split(r"[、\s]+", name) if part]
    if not parts or any(not 2 <= len(part) <= 4 for part in parts):
        return None
    return "、".join(parts)


def labelled(line: str) -> str | None:
    """The name in a line such as 作者：… or “By …”."""
    line = line.strip("*_ \u3000（）()【】")
    match = _LABEL.match(line)
    if match:
        value = next(group for group in match.groups() if group)
        return re.split(r"[（()）]", _NEXT_LABEL.split(value)[0])[0].strip(" ）)】*_") or None
    match = _BY.match(line) or _POSTED.match(line)
    if match is None or any(is_wide(char) for char in line):
        return None
    name = re.split(r"\s[|•·–—-]\s|,\s(?=[a-z])|\d", match[1])[0].strip(" ,.")
    return name if _NAME.fullmatch(name) else None

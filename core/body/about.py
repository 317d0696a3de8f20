"""Recognize lines that are about the page: calls to readers, rights, contacts, credits.

No phrases are listed, only words: how many of a line's letters are such words, how rare these are
in articles, and whether the line speaks to its reader. The words are in `junk.json`, under `about`.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

from core.body import junk
from core.text import count_letters, wide_share

_KINDS = {
    word: kind for kind, words in junk.RULES["about"]["words"].items() for word in words.split()
}
_SPACED = {name: frozenset(words.split()) for name, words in junk.RULES["about"]["spaced"].items()}
_TOKEN = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)*")
_CREDITS = junk.RULES["about"]["credits"]
_POINTS = {"rare": 3, "own": 2, "page": 2, "address": 1, "manner": 1}
# Minimum share of such words among the letters. Of what this cuts in 3,276 Chinese articles, read
# line by line, all is about the page.
_SHARE = 0.6
_SHARE_LINKED = 0.4  # of a line with links
_SHARE_RARE = 0.33  # of a line with two rare words that speaks to its reader
_SHARE_OTHERS = 0.8  # of a line that tells of others or counts them
_LONGEST = 300  # characters; the longest statement of a platform on 34 public pages has 180
_LITTLE = 8  # letters: a button, “分享”
_SHORT = 12  # letters: a label with a name, “点击阅读原文”
_NAMES = re.compile(r"《[^《》]{1,30}》|[“「『][^“”「」『』，。]{1,10}[”」』]")
_CONTACT = re.compile(
    r"https?://\S+|www\.\S+|[a-z0-9_.+-]+@[a-z0-9_.-]+|(?<!\w)@\w{3,}"
    r"|(?!(?:19|20)\d\d-)\+?\d[\d -]{6,}\d"
    r"|(?:\bid|微信号?|微博|公众号|小红书|抖音|qq|line|telegram|instagram|facebook|twitter|whatsapp)"
    r"\s?(?:id)?[:：]\s?@?[\w.-]{3,20}",
    re.IGNORECASE,
)
_FULL_STOP = re.compile(r"[。！？!?]")
_SENTENCE = 10  # letters; shorter ones are greetings
_URL = re.compile(r"https?://\S+|www\.\S+")
_CALLS = re.compile(  # links to what such lines ask for
    r"[/.](?:privacy|ad-?choices|(?:un)?sub(?:scri\w+)?|donat\w+|support-us|membership|newsletters?|patreon"
    r"|pay|sponsors?|comments|share)(?:[/?#.]|$)|//(?:t\.me|line\.me|lin\.ee|patreon\.com|ko-fi\.com)/",
    re.IGNORECASE,
)
# What is said inside a text, a line of a list or of verse, a caption, and the end of a broadcast.
_SPOKEN = re.compile(r"[“「][^“”「」]{12,}[”」]|图片?来源|编者?按|节目|收看|观看|^\d+[.、]|[，、]$")
_NARRATIVE = re.compile(
    rf"(?<![a-zа-яא-ת])(?:{'|'.join(junk.RULES['about']['narrative'].split())})(?![a-zà-ÿа-яא-ת])"
    r"|[二两三四五六七八九十百千万亿\d][多余]?(?:人|名|家|倍|万|亿|年|小时|元|成|%)"
    r"|[^まで][し]?た[。」]?$|[^니]다[.”]?$"  # plain form of Japanese and Korean reports
)
_TOPICS = re.compile(r"(?:#[^#\s]{1,20}#?\s*){2,}|\d{20,}")  # topics; numbers of pages
_VALUE = r"[^\s，。；:：|｜丨（(]{1,16}(?:[（(][^（）()]{1,20}[)）])?"
_MAKERS = "|".join(_CREDITS["makers"].split())
_MADE_BY = rf"(?:(?:{'|'.join(_CREDITS['before'].split())}|{_MAKERS})[、/和及]?)?(?:{_MAKERS})"
_CREDIT = re.compile(
    r"(?:转载?|来源?|摘|译|源)自[^，。]{2,16}|(?:以下|本)?文章?来(?:自|源于)[^。]{2,40}"
    rf"|(?:(?:{_MADE_BY}|[文摄编译]|图文|文图)"
    rf"(?:\s?[:：|｜丨/／】]\s*{_VALUE}|\s+[一-龥]{{2,4}}|\s*\d[\d年月日/.: -]+(?:[一-龥]{{2,4}})?)"
    r"[\s，、；;|｜]*){1,8}"
)


def _pattern(words: list[str]) -> re.Pattern[str]:
    words = sorted(words, key=len, reverse=True)
    wide = [re.escape(word) for word in words if not word.isascii()]
    firsts = "".join({word[0] for word in wide})  # most letters begin no word
    latin = "|".join(re.escape(word) for word in words if word.isascii())
    return re.compile(
        rf"(?=[{firsts}])(?:{'|'.join(wide)})|(?<![a-z])(?:{latin})(?![a-z])"
        r"|[\u3040-\u30ff\u3400-\u9fff]|[a-z]+"
    )


_WIDE = _pattern(list(_KINDS))


def about_page(text: str, *, links: tuple[str, ...] = (), is_end: bool = False) -> int:
    """Whether a line is about the page: 2 by itself, 1 among such lines, 0 not.

    Outside Chinese and Japanese only lines at the end are (“You can now receive newsletters in …”).
    """
    if not text or len(text) > _LONGEST or _SPOKEN.search(text):
        return 0
    named = _NAMES.sub("", text)
    plain = _CONTACT.sub(" ", named)
    contact = len(plain) < len(named)
    if contact and not count_letters(plain):
        return 2 * (count_letters(_URL.sub("", named)) > 0)  # accounts: 微博：@…
    calls = any(map(_CALLS.search, links))
    is_wide = wide_share(re.sub(r"\d", "", plain)) >= 0.3
    folded = junk.fold(plain)
    kinds, share, size = _wide_words(folded) if is_wide else _spaced_words(folded)
    if share < _SHARE_OTHERS and (
        _NARRATIVE.search(junk.fold(text)) or (is_wide and _has_text(folded))
    ):
        return 0
    known = sum(_POINTS[kind] * kinds[kind] for kind in ("rare", "own", "page")) + 3 * (
        contact + calls
    )
    if not is_wide:
        return _about_spaced(kinds, known, share, calls=calls) if is_end else 0
    points = known + kinds["address"] + kinds["manner"]
    if size <= _LITTLE:
        points -= 3 * contact if known == 3 else 0  # 视频 https://…
        return 2 * ((share == 1.0 and points >= 2) or (share >= 0.7 and known and points >= 4))
    least = 4 if size <= _SHORT else 6
    if known and share >= (_SHARE_LINKED if links else _SHARE) and points >= least:
        return 2
    speaks = kinds["address"] + kinds["own"] + calls > 0
    if speaks and known >= 5 and share >= _SHARE_RARE and points * share >= 4.5:
        return 2
    return int(known > 0 and share >= _SHARE_RARE and points >= 4)


def _has_text(folded: str) -> bool:
    """Whether one of several sentences says nothing of page or reader (scripts without spaces)."""
    sentences = [each for each in _FULL_STOP.split(folded) if count_letters(each) >= _SENTENCE]
    kinds = [_wide_words(each)[0].keys() - {"manner"} for each in sentences]  # any text has those
    return len(sentences) > 1 and not all(kinds)


def _about_spaced(kinds: Counter[str], known: int, share: float, *, calls: bool) -> int:
    """At the ends of 326 English pages this cuts 5 lines, all calls; a share of .4 cuts text."""
    if calls and share >= 0.2:
        return 2
    speaks = kinds["address"] or (kinds["rare"] >= 2 and share >= _SHARE)
    if known >= 5 and kinds["rare"] and share >= 0.5 and speaks:
        return 2
    return int(known >= 3 and share >= 0.4 and kinds["address"] > 0)


def _wide_words(folded: str) -> tuple[Counter[str], float, int]:
    """Distinct words of each kind, their share of the letters, and the letters of the line."""
    words = _WIDE.findall(folded)
    size = sum(map(len, words))
    known = {word: kind for word in words if (kind := _KINDS.get(word))}
    return Counter(known.values()), sum(len(w) for w in words if w in known) / max(size, 1), size


def _spaced_words(folded: str) -> tuple[Counter[str], float, int]:
    """The same by words; those of `manner` are too frequent to count."""
    words = [(word, _spaced_kind(word)) for word in _TOKEN.findall(folded)]
    content = [(word, kind) for word, kind in words if kind != "manner"]
    known = {word: kind for word, kind in content if kind}
    share = sum(word in known for word, _ in content) / max(len(content), 1)
    return Counter(known.values()), share, len(content)


@lru_cache(maxsize=20_000)
def _spaced_kind(word: str) -> str | None:
    for kind in ("page", "address", "manner"):
        if word in _SPACED[kind]:
            return kind
    prefixes = 1 if word < "\u0590" else 4  # Hebrew, Arabic and Korean words have prefixes
    starts = (word[at : at + size] for at in range(prefixes) for size in range(2, 13))
    return "rare" if any(start in _SPACED["stems"] for start in starts) else None


def is_credits(folded: str) -> bool:
    """Whether a folded line only names the makers of a text: 文／林曉棠；攝影／周止."""
    return _CREDIT.fullmatch(folded) is not None


def is_topics(text: str) -> bool:
    """Whether a line consists of hashtags, or of the number of a page."""
    return _TOPICS.fullmatch(text) is not None

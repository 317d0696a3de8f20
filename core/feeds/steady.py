"""The content of an entry without parts that change automatically: sessions, counters, ages.

Its digest shows whether the source changed the entry. `identity.py` compares its link and text with
those of other entries.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache

from core.ids import WHOLE, content_digest
from core.models import FeedEntry
from core.urls import canonical_url

# “Posted 3 minutes ago”, “12 comments”. Sets of words: an expression takes thirty times as long.
_UNITS = frozenset(
    "s m h d sec secs second seconds min mins minute minutes hr hrs hour hours day days week weeks"
    " month months year years sekunde sekunden minuten stunde stunden tag tage tagen woche wochen"
    " heure heures jour jours semaine semaines segundo segundos minuto minutos hora horas día días"
    " dia dias semana semanas minuti ore ora giorno giorni минуту минуты минут час часа часов день"
    " дня дней uur dagen timmar dagar".split()
)
_AGO = frozenset("ago fa geleden sedan назад".split())
_SINCE = frozenset("vor a hace há".split())  # vor 3 Stunden, il y a 3 heures
_COUNTED = frozenset(
    "comment comments view views like likes reply replies share shares point points vote votes"
    " upvote upvotes reaction reactions retweet retweets repost reposts boost boosts favorite"
    " favorites favourite favourites download downloads kommentar kommentare aufrufe commentaire"
    " commentaires vues comentario comentarios vistas visitas comentário comentários visualizações"
    " visualizaciones commento commenti visualizzazioni комментарий комментария комментариев"
    " просмотр просмотра просмотров".split()
)
_WIDE = (
    "(?:阅读|閱讀|浏览|瀏覽|点击|點擊|评论|評論|点赞|點讚|赞|讚|转发|轉發|收藏|热度|播放|人气|人氣|閲覧"
    "|コメント|いいね|조회|댓글|좋아요)"
)
_WIDE_AFTER = re.compile(
    rf"(?:秒|分|小?时|小?時|天|日|周|週|个?月|個月)[钟鐘間]?[之以]?前|(?:초|분|시간|일)전?|[次人条條个個件回]?{_WIDE}"
)
_WIDE_BEFORE = re.compile(rf"{_WIDE}[量数數次]{{0,2}} ?[:(：（]? ?$")
_NUMBER = re.compile(
    r"(?<!\d)\d[\d.,]{0,12}(?:[km]\b|[万亿萬億])?(?: ?([^\W\d_]{1,16}))?(?: ([^\W\d_]{1,12}))?",
    re.IGNORECASE,
)
_ENDS = 400  # characters at each end of a text that may contain counters; the author wrote the rest
_TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")
_PICTURE = re.compile(r"<img\b[^<>]{0,2000}?\bsrc\s*=\s*[\"']?([^\"'<>?\s]+)", re.IGNORECASE)

# Parts of a URL that differ at each visit: sessions, nonces, signatures, times.
_SESSION_STEP = re.compile(
    r";[a-z_]{0,12}(?:session|sess|sid)[a-z_]{0,12}=[^/?#;]*|/\([SXF]\([A-Za-z0-9]{8,64}\)\)", re.I
)
_SESSION_PAIR = re.compile(
    r"(?<=[?&])(?:(?:jsession|phpsess|aspsession|session|sess|cf)_?(?:id|token)?\w{0,10}|sid|cfid"
    r"|nonce|token|sig|sign|signature|expires?|ts|timestamp|_|rand(?:om)?|cb|cachebuster)"
    r"=[^&#]*(?:&|$|(?=#))",
    re.IGNORECASE,
)


def link_key(link: str | None) -> str:
    """A URL as a key that is the same for every session, scheme and spelling."""
    if not link:
        return ""
    if ";" in link or "(" in link:
        link = _SESSION_STEP.sub("", link)
    return canonical_url(_SESSION_PAIR.sub("", link) if "?" in link else link)


@lru_cache(maxsize=4)  # the digest and the aliases of one entry need it
def steady_text(body: str) -> str:
    """The text of a body without white space, markup, counters and ages."""
    text = html.unescape(_TAG.sub(" ", body) if "<" in body else body)
    middle = max(_ENDS, len(text) - _ENDS)
    ends = _NUMBER.sub(_unless_counter, text[:_ENDS]), _NUMBER.sub(_unless_counter, text[middle:])
    return "".join(f"{ends[0]}{text[_ENDS:middle]}{ends[1]}".split())


def steady_title(entry: FeedEntry) -> str:
    """The title without counters and ages."""
    title = entry.title or ""
    return _NUMBER.sub(_unless_counter, title) if any(map(str.isdigit, title)) else title


def _unless_counter(found: re.Match[str]) -> str:
    """A number with the words after it, or what remains if it is a counter or an age."""
    word, next_word = (found[1] or "").lower(), (found[2] or "").lower()
    if word in _COUNTED or _WIDE_AFTER.match(word):
        return next_word
    if (word in _UNITS and next_word in _AGO) or next_word in _COUNTED:
        return ""
    before = found.string[max(0, found.start() - 16) : found.start()]
    last = before.rstrip(" :(：（").rpartition(" ")[2].lower()
    since = word in _UNITS and last in _SINCE
    counter = last in _COUNTED and before.rstrip()[-1:] in (":", "(", "：", "（")
    return next_word if since or counter or _WIDE_BEFORE.search(before) else found[0]


def entry_digest(entry: FeedEntry) -> bytes:
    """The content digest of an entry; a different one means that its source changed it.

    Signed URLs, nonces, counters and markup are ignored. Images count if there is hardly any text.
    If the text is long, the query of the link is ignored: some sources put a number into it that
    changes with every poll.
    """
    if entry.version is not None:
        return stated_digest(entry)
    text, summary = steady_text(entry.content), steady_text(entry.summary)
    link = link_key(entry.link)
    if len(text or summary) >= WHOLE:
        link = link.partition("?")[0]
    else:
        text += "".join(each.rpartition("/")[2] for each in _PICTURE.findall(entry.content))
    return content_digest("".join(steady_title(entry).split()), link, text, summary)


def stated_digest(entry: FeedEntry) -> bytes:
    """The content digest of every character that a source states; stores of layout 1 have these."""
    link = entry.link
    if link and len(entry.content or entry.summary) >= WHOLE:
        link = link.partition("?")[0]
    return content_digest(entry.title, link, entry.content, entry.summary, entry.version)

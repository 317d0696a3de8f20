"""Which entries of a document its source listed before, whatever it did to their guids and links.

An entry under a guid that was never seen is an old one when its source dropped the old guid with
the same document, and both say the same or agree in a date and what `Aliases` names. Without dates
their words tell only where the source changes its guids as a habit. Entries of one document are
never taken for one another here.
"""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from core.ids import CONTENT_DIGEST, WHOLE, content_digest, guid_digest, stated_digest
from core.models import FeedEntry
from core.text import squeeze
from core.urls import canonical_url

_WORDS_COMPARED = 1000  # characters of a body whose words tell an entry from others of its source
_PREFIX, _KINDS = 7, (b"l", b"w")  # an alias leads to the beginning of a guid, with its own kind
_LATER = b"\0now"  # begins the key under which the last guid of an entry is kept
_LEAST_WORDS = 6  # letters: “Photo”, “No content” say which entry it is only with a link or date
_HABIT = 2  # known texts under new guids in one poll, and half of all new guids: a habit

# “Posted 3 minutes ago”, “12 comments”: by word, as an expression takes thirty times as long.
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
_ENDS = 400  # characters at each end of a text in which these are; in between all is the author's
_TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")
_PICTURE = re.compile(r"<img\b[^<>]{0,2000}?\bsrc\s*=\s*[\"']?([^\"'<>?\s]+)", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")

# Parts of an address that are another one at each visit: sessions, nonces, signatures, times.
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
    """What stays of an address whatever session, scheme or spelling it comes with."""
    if not link:
        return ""
    if ";" in link or "(" in link:
        link = _SESSION_STEP.sub("", link)
    return canonical_url(_SESSION_PAIR.sub("", link) if "?" in link else link)


@lru_cache(maxsize=4)  # a digest and the aliases of one entry need it
def steady_text(body: str) -> str:
    """The text in a body without white space, markup and what changes by itself."""
    text = html.unescape(_TAG.sub(" ", body) if "<" in body else body)
    middle = max(_ENDS, len(text) - _ENDS)
    ends = _NUMBER.sub(_unless_counter, text[:_ENDS]), _NUMBER.sub(_unless_counter, text[middle:])
    return "".join(f"{ends[0]}{text[_ENDS:middle]}{ends[1]}".split())


def _unless_counter(found: re.Match[str]) -> str:
    """A number and the words behind it, without what is a counter or the time since."""
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
    """The content digest of an entry: another one means that its source changed what it says.

    Signed addresses, nonces, counters and markup are not what it says; a picture is where there is
    hardly any text. Beside a whole text the query of the link does not count: some sources put a
    number into it that changes with every poll.
    """
    if entry.version is not None:
        return strict_digest(entry)
    text, summary = steady_text(entry.content), steady_text(entry.summary)
    link = link_key(entry.link)
    if len(text or summary) >= WHOLE:
        link = link.partition("?")[0]
    else:
        text += "".join(each.rpartition("/")[2] for each in _PICTURE.findall(entry.content))
    return content_digest("".join((entry.title or "").split()), link, text, summary)


def strict_digest(entry: FeedEntry) -> bytes:
    """The content digest by the rules before: of every character that a source stated."""
    stated = (entry.title, entry.link, entry.content, entry.summary)
    return stated_digest(*stated, version=entry.version)


class Aliases(NamedTuple):
    """Digests of what an entry is known by beside its guid."""

    link: bytes | None  # its link and title, with its date or, where it states none, its words
    words: bytes | None  # its title, words and date

    @classmethod
    def of(cls, entry: FeedEntry) -> Aliases:
        """Those of one entry: none of one without title and text."""
        title = squeeze(entry.title or "")
        words = steady_text(entry.content or entry.summary)[:_WORDS_COMPARED]
        words = _DIGITS.sub("", words)
        date = entry.published.isoformat() if entry.published else ""
        link = link_key(entry.link) if title or words else ""
        enough = len(title) + len(words) >= _LEAST_WORDS
        return cls(
            guid_digest(f"link\0{link}\0{title}\0{date or words}") if link else None,
            guid_digest(f"words\0{title}\0{words}\0{date}") if enough else None,
        )

    def without(self, shared: Collection[bytes]) -> Aliases:
        """Those that are not `shared` with other entries of the document."""
        return Aliases(*(None if alias in shared else alias for alias in self))


NO_ALIASES = Aliases(None, None)


class Listed(NamedTuple):
    """An entry of a document."""

    entry: FeedEntry
    digest: bytes
    seen: bytes | None  # the digest when it was seen last
    aliases: Aliases
    stated: bytes  # digest of the guid that its source gives it now
    was: bytes | None = None  # digest of the guid under which it was seen, where it is another one

    @property
    def is_new(self) -> bool:
        """Whether it was never seen."""
        return self.seen is None

    @property
    def is_changed(self) -> bool:
        """Whether it said something else when it was seen."""
        if self.seen in (None, self.digest, self.entry.former):
            return False
        return self.seen != strict_digest(self.entry)

    @property
    def guid(self) -> bytes:
        """Digest of the guid that it is remembered under."""
        return self.was or guid_digest(self.entry.guid)

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """What is remembered of it: under its guid what it says, under its aliases its guid.

        Of the guids that its source gave it later the last is remembered, in one row that each new
        one overwrites.
        """
        yield self.guid, self.digest
        if self.stated != self.guid:
            yield _LATER + self.guid[: -len(_LATER)], self.stated[:CONTENT_DIGEST]
        for kind, alias in zip(_KINDS, self.aliases, strict=True):
            if alias is not None:
                yield alias, self.guid[:_PREFIX] + kind


def listed(
    entries: Sequence[FeedEntry],
    seen: Mapping[bytes, bytes],
    unchanged: Sequence[tuple[bytes, bytes]] = (),
) -> list[Listed]:
    """The entries of a document with what was `seen` of them before, under whatever guid.

    `unchanged`: guids and contents of others in the document, which were not read again.
    """
    later = _later_guids(seen)
    every = [_listed(entry, seen, later) for entry in entries]
    counts = Counter(alias for each in every for alias in each.aliases if alias).items()
    shared = {alias for alias, count in counts if count > 1}
    every = [each._replace(aliases=each.aliases.without(shared)) for each in every]
    if not seen or not every:
        return every
    if any(each.is_new for each in every):
        every = _recognized(every, unchanged, seen)
    # The first aliases of an entry stay: one that changes at each poll would add to what is kept.
    first = _aliases_by_guid(seen)
    return [
        each._replace(
            aliases=Aliases(
                *(known.get(k) or own for k, own in zip(_KINDS, each.aliases, strict=True))
            )
        )
        if (known := first.get(each.guid[:_PREFIX]))
        else each
        for each in every
    ]


def _listed(entry: FeedEntry, seen: Mapping[bytes, bytes], later: Mapping[bytes, bytes]) -> Listed:
    stated = guid_digest(entry.guid)
    was = None if stated in seen else later.get(stated[:CONTENT_DIGEST])
    digest, aliases = entry_digest(entry), Aliases.of(entry)
    return Listed(entry, digest, seen.get(was or stated), aliases, stated, was)


def _later_guids(seen: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The beginning of the last guid of an entry -> the guid it was taken in with."""
    kept = {key[len(_LATER) :]: value for key, value in seen.items() if key.startswith(_LATER)}
    return {kept[guid[: -len(_LATER)]]: guid for guid in seen if guid[: -len(_LATER)] in kept}


def rows_of_unchanged(
    unchanged: Sequence[tuple[bytes, bytes]], seen: Mapping[bytes, bytes]
) -> list[tuple[bytes, bytes]]:
    """What is remembered of entries that were not read again, with their aliases."""
    there = {guid[:_PREFIX] for guid, _ in unchanged}
    later = {_LATER + guid[: -len(_LATER)] for guid, _ in unchanged}
    others = (
        (key, value)
        for key, value in seen.items()
        if (value[_PREFIX:] in _KINDS and value[:_PREFIX] in there) or key in later
    )
    return [*unchanged, *others]


def _aliases_by_guid(seen: Mapping[bytes, bytes]) -> dict[bytes, dict[bytes, bytes]]:
    """By the beginning of a guid's digest, its aliases by kind."""
    found: dict[bytes, dict[bytes, bytes]] = defaultdict(dict)
    for alias, value in seen.items():
        if value[_PREFIX:] in _KINDS:
            found[value[:_PREFIX]][value[_PREFIX:]] = alias
    return found


def _recognized(
    every: Sequence[Listed], unchanged: Sequence[tuple[bytes, bytes]], seen: Mapping[bytes, bytes]
) -> list[Listed]:
    """`every`, those that were listed before under guids that are not listed now as such."""
    now = {guid for guid, _ in unchanged} | {each.guid for each in every if not each.is_new}
    said_now = {content for _, content in unchanged} | {e.digest for e in every if not e.is_new}
    by_prefix = {guid[:_PREFIX]: guid for guid in seen if guid not in now}
    by_content = {content: guid for guid, content in seen.items() if guid not in now}
    surely: dict[bytes, int] = {}  # guid -> place of the entry
    by_words: dict[bytes, int] = {}
    fresh = [(at, each) for at, each in enumerate(every) if each.is_new]
    for at, each in fresh:
        link, words = (
            by_prefix.get(seen.get(alias, b"")[:_PREFIX]) if alias else None
            for alias in each.aliases
        )
        digests = () if each.digest in said_now else (each.digest, strict_digest(each.entry))
        same = next(filter(None, map(by_content.get, digests)), None)
        # The same words may be of the next hour's news, other figures of another draw.
        dated = each.entry.published is not None
        sure = link or words if dated else None if each.entry.enclosures else same
        if sure is not None:
            surely.setdefault(sure, at)
        elif (known := same or link or words) is not None:
            by_words.setdefault(known, at)
    if len(by_words) >= _HABIT and 2 * len(by_words) >= len(fresh):
        surely = by_words | surely
    was = {at: guid for guid, at in surely.items()}
    return [
        each._replace(was=was[at], seen=seen[was[at]]) if at in was else each
        for at, each in enumerate(every)
    ]

"""A folder of markdown files as a feed: which files are articles, and which are newest."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import NamedTuple

from core.errors import DocumentError
from core.feeds.github import Change, Folder, Listing, page_url, raw_urls
from core.models import Article, FeedEntry, ParsedFeed
from core.text import letters_only
from core.urls import canonical_url

FILES_KEPT = 200_000  # 4 MB in the store; split a larger folder into a source per sub-folder
FIRST_TAKEN = 100  # articles that a first poll accepts; the others count as known from then on
TAKEN = 2000  # new or changed articles that any poll accepts; the others follow at the next poll
MASS_CHANGE = 100  # files in one commit; it is an import, and its date is not that of the articles
SAME_TEXT = 0.7  # share of common pieces among all pieces of two texts: one article
OTHER_TEXT = 0.2  # below this share, two texts have at most a page frame in common
PIECE = 10  # characters
LONGEST_COMPARED = 50_000  # characters

_LANGUAGE = r"[._-][a-z]{2}(?:[_-][a-z]{2,4})?"
_ARTICLE = re.compile(r".+\.(?:mdx?|markdown|mkdn?|mdown|mdwn|txt)", re.IGNORECASE)
_OTHER_TEXT = re.compile(r".+\.(html?|rst|adoc|asciidoc|org|textile|ipynb)", re.IGNORECASE)
_NO_ARTICLE = re.compile(  # SUMMARY.md is GitBook's; summary.md is an article
    r"(?i:license|licence|contributing|changelog|code_of_conduct|_sidebar|_navbar|_coverpage"
    r"|_footer|_index|robots|humans|ads|llms(?:-full)?|requirements[\w-]*|cmakelists)"
    rf"(?i:{_LANGUAGE})?\.\w+|(?:SECURITY|Security|SUMMARY|Summary)(?:{_LANGUAGE})?\.\w+"
)
_README = re.compile(rf"readme[._ -]?\d*(?:{_LANGUAGE})?\.\w+", re.IGNORECASE)
_INDEX = re.compile(rf"index(?:{_LANGUAGE})?\.\w+", re.IGNORECASE)
# Folders of site generators beside the articles: Jekyll, Hugo, Hexo, Eleventy, Astro.
_NO_SECTION = frozenset(
    "templates _templates template layouts _layouts includes _includes partials archetypes"
    " scaffolds drafts _drafts themes node_modules vendor".split()
)
_DAY = re.compile(
    r"(?<!\d)((?:19|20)\d\d)(?:([-_./])(\d{1,2})(?:\2(\d{1,2}))?|年(\d{1,2})月(?:(\d{1,2})日)?"
    r"|(\d\d)(\d\d))(?!\d)"
)
_YEAR = re.compile(r"(?:^|/)((?:19|20)\d\d)年?(?=/)")
_NUMBERS = re.compile(r"(\d+)")

Day = tuple[int, int, int]


def may_hold_articles(folder: str) -> bool:
    """Whether a folder with this name may contain articles."""
    return not folder.startswith(".") and folder.lower() not in _NO_SECTION


def may_be_article(name: str) -> bool:
    """Whether a file with this name is an article, or the text of a page bundle."""
    return _ARTICLE.fullmatch(name) is not None and _NO_ARTICLE.fullmatch(name) is None


def is_plain_text(name: str) -> bool:
    """Whether a file is plain text: an article where its folder has no markdown."""
    return name.lower().endswith(".txt")


def is_readme(name: str) -> bool:
    """Whether a file is a README: an article where folders hold nothing else."""
    return _README.fullmatch(name) is not None


def unread_form(name: str) -> str | None:
    """The extension of a file that may be an article but cannot be read."""
    found = _OTHER_TEXT.fullmatch(name)
    return found[1].lower() if found else None


def is_index(name: str) -> bool:
    """Whether a file is the index of its folder; as in Hugo, it is an article if it is alone."""
    return _INDEX.fullmatch(name) is not None


class Section(NamedTuple):
    """One folder: the id of its tree, and the blobs of files whose names may be articles."""

    tree: str
    files: dict[str, str]
    unread: Mapping[str, int] = {}  # extension -> number of texts that cannot be read


def sections_of(path: str, tree: str, listing: Listing) -> dict[str, Section]:
    """The sections of a tree listed at `path`, including those below it in a recursive listing."""
    sections = {path: Section(tree, {})}
    for name, inner in listing.folders.items():
        if "/" in name or may_hold_articles(name):
            sections[join_path(path, name)] = Section(inner, {})
    for name, file in listing.files.items():
        folder, _, base = name.rpartition("/")
        where, form = join_path(path, folder), unread_form(base)
        if file.size == 0 or not (form or may_be_article(base)):
            continue
        section = sections.setdefault(where, Section("", {}))
        if form:
            unread = {**section.unread, form: section.unread.get(form, 0) + 1}
            sections[where] = section._replace(unread=unread)
        else:
            section.files[base] = file.blob
    return {where: each for where, each in sections.items() if _is_listed(path, where)}


def check_size(sections: Mapping[str, Section]) -> None:
    """Raise DocumentError if a folder has more files than can be stored."""
    if sum(len(section.files) for section in sections.values()) > FILES_KEPT:
        raise DocumentError(
            "the folder holds more than {count} markdown files: name its sub-folders",
            count=f"{FILES_KEPT:,}",
        )


def _is_listed(root: str, path: str) -> bool:
    below = path[len(root) :].strip("/")
    return not below or all(may_hold_articles(step) for step in below.split("/"))


def join_path(folder: str, name: str) -> str:
    """The path of a name in a folder; the uppermost folder is the empty one."""
    return f"{folder}/{name}" if folder and name else folder or name


def newest_first(paths: Collection[str], dates: Mapping[str, datetime] | None = None) -> list[str]:
    """`paths` in their probable order of publication, newest first.

    Days stated by a commit or path are compared across sections. Names without a day are comparable
    only within their section, so sections alternate; dated and undated paths alternate too.
    """
    days = {path: day for path in paths if (day := _day_of(path, dates or {})) is not None}
    dated = sorted(days, key=lambda path: (days[path], _natural(path)), reverse=True)
    sections: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths, key=_natural, reverse=True):
        if path not in days:
            sections[_section(path)].append(path)
    turns = list(_alternating(list(sections.values())))
    return list(_alternating([dated, turns]))


def dates_of(changes: Iterable[Change]) -> dict[str, datetime]:
    """When articles were added, according to commits that did not import a whole collection."""
    commits: dict[datetime, list[str]] = defaultdict(list)
    for change in changes:
        if change.status == "added" and change.date is not None:
            commits[change.date].append(change.path)
    small = {date: paths for date, paths in commits.items() if len(paths) < MASS_CHANGE}
    return {path: date for date, paths in sorted(small.items()) for path in paths}


class Intake(NamedTuple):
    """The articles of a folder that a poll accepts, and those it postpones."""

    news: list[str]  # paths
    revised: list[str]
    put_off: list[str]


def intake(
    news: Sequence[str], changed: Sequence[str], renamed: Iterable[str], *, first: bool
) -> Intake:
    """Split new, changed and renamed articles by the limits of a poll; `news` are in order.

    A first poll accepts the newest articles; the others count as known. Beyond the limit, a renamed
    article only keeps its old link.
    """
    if first:
        return Intake(list(news[:FIRST_TAKEN]), [], [])
    room = TAKEN - len(news[:TAKEN])
    now = changed[:room]
    moved = list(renamed)[: room - len(now)]
    return Intake(list(news[:TAKEN]), [*now, *moved], [*news[TAKEN:], *changed[room:]])


def folder_entries(
    folder: Folder,
    paths: Iterable[str],
    blobs: Mapping[str, str],
    *,
    guids: Mapping[str, str],
    dates: Mapping[str, datetime],
    raw: str,
    commit: str,
) -> list[FeedEntry]:
    """The articles at `paths` as entries in that order, without bodies.

    `blobs` are those of all articles, `guids` those of articles whose guid is not their path. If an
    article took over another's path, its link contains the commit, to differ from the other's link.
    """
    return [
        FeedEntry(
            guid=guids.get(path, path),
            position=position,
            link=page_url(folder, path, commit if path + "#" in guids.get(path, "") else None),
            updated=_moment_in(path) or dates.get(path),
            content_type="text" if is_plain_text(path) else "markdown",
            base=raw_urls(raw, folder, commit, path)[0],
            body_urls=raw_urls(raw, folder, commit, path),
            version=blobs[path],
        )
        for position, path in enumerate(paths)
    ]


def folder_feed(folder: Folder, entries: Sequence[FeedEntry], revised: Iterable[str]) -> ParsedFeed:
    """The folder as a feed document; `revised` are the guids of changed entries."""
    title = f"{folder.owner}/{folder.repository}"
    return ParsedFeed(
        title=title,
        link=f"https://github.com/{title}",
        entries=tuple(entries),
        revised=frozenset(revised),
    )


def _day_of(path: str, dates: Mapping[str, datetime]) -> Day | None:
    """The day stated by an article's path, else by its commit."""
    for found in _DAY.finditer(path):
        year, month, day = (
            int(found[1]),
            int(found[3] or found[5] or found[7]),
            int(found[4] or found[6] or found[8] or 0),
        )
        if 1 <= month <= 12 and day <= 31:
            return year, month, day
    if path in dates:
        date = dates[path]
        return date.year, date.month, date.day
    year_alone = _YEAR.search(path)
    return (int(year_alone[1]), 0, 0) if year_alone else None


def _moment_in(path: str) -> datetime | None:
    """The beginning of the day that the path of an article states."""
    year, month, day = _day_of(path, {}) or (0, 0, 0)
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None


def _section(path: str) -> str:
    """The folder of an article; a page bundle is an article itself."""
    folder, _, name = path.rpartition("/")
    return folder.rpartition("/")[0] if is_index(name) else folder


def _alternating(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for turn in zip_longest(*rows):
        yield from (path for path in turn if path is not None)


def _natural(path: str) -> list[tuple[int, str]]:
    """Sort key by which 10 follows 9. A name contains a date and a number or two."""
    parts = _NUMBERS.split(path[:1024], maxsplit=12)
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in parts]


def is_same_article(before: Article, now: Article, *, in_place: bool = False) -> bool:
    """Whether two texts are versions of one article: same original URL, else mostly same words.

    Git reports a rename from half of the lines on, and mirrors put the same frame around every
    text: two articles in a frame of twenty links share up to two thirds of their lines. A file
    changed `in_place` is the same article unless both title and text differ: some mirrors put each
    day's article into one file.
    """
    one, other = _pieces(before.text), _pieces(now.text)
    shared = len(one & other) / max(1, len(one | other))
    one_title = letters_only(before.title or "") == letters_only(now.title or "")
    if before.original_url and now.original_url:
        one_address = canonical_url(before.original_url) == canonical_url(now.original_url)
        return one_address or (in_place and (one_title or shared >= SAME_TEXT))
    return (in_place and one_title) or shared >= (OTHER_TEXT if in_place else SAME_TEXT)


def _pieces(text: str) -> set[str]:
    text = letters_only(text[:LONGEST_COMPARED])
    return {text[at : at + PIECE] for at in range(len(text) - PIECE + 1)}

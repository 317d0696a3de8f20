"""A folder of text files as a feed: its sections, what a poll accepts of them, and its entries."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

from core.dates import parse_date, spoken
from core.errors import DocumentError
from core.feeds.github import Change, Folder, Listing, page_url, raw_urls
from core.feeds.paths import (
    is_page,
    is_plain_text,
    may_be_article,
    may_hold_articles,
    moment_in,
    unread_form,
)
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
DAYS_LEAST = 2  # headings with a day that make the sections of a README a feed

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.{1,300}?)[ \t#]*$", re.MULTILINE)
_FENCED = re.compile(r"^(```|~~~).{0,100000}?^\1", re.MULTILINE | re.DOTALL)


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
            updated=moment_in(path) or dates.get(path),
            content_type="text" if is_plain_text(path) else "html" if is_page(path) else "markdown",
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


def readme_feed(folder: Folder, path: str, text: str) -> ParsedFeed | None:
    """The sections of a README that is a log: below headings of one level that state a day.

    None if fewer than DAYS_LEAST headings of one level do.
    """
    outline = _FENCED.sub(lambda code: " " * len(code[0]), text)
    found = [(m, parse_date(m[2], language=spoken(m[2], None))) for m in _HEADING.finditer(outline)]
    levels = Counter(len(heading[1]) for heading, day in found if day)
    level, count = max(levels.items(), key=lambda pair: pair[1], default=(0, 0))
    if count < DAYS_LEAST:
        return None
    ends = [heading.start() for heading, _ in found if len(heading[1]) <= level]
    entries: dict[str, FeedEntry] = {}
    for heading, day in found:
        title = heading[2].strip()
        if len(heading[1]) != level or day is None or len(entries) == FIRST_TAKEN:
            continue
        end = next((at for at in ends if at > heading.start()), len(text))
        anchor = re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
        entries.setdefault(
            title,
            FeedEntry(
                guid=f"{path}#{title}",
                position=len(entries),
                title=title,
                link=f"{page_url(folder, path)}#{quote(anchor)}",
                published=day,
                content=text[heading.end() : end].strip(),
                content_type="markdown",
                base=page_url(folder, path),
            ),
        )
    return folder_feed(folder, list(entries.values()), ()).model_copy(update={"revised": None})


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

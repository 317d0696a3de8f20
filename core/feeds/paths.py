"""What the path of a file states: whether it is an article, its day, order and title."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest

_LANGUAGE = r"[._-][a-z]{2}(?:[_-][a-z]{2,4})?"
_ARTICLE = re.compile(r".+\.(?:mdx?|markdown|mkdn?|mdown|mdwn|txt|html?)", re.IGNORECASE)
_OTHER_TEXT = re.compile(r".+\.(rst|adoc|asciidoc|org|textile|ipynb)", re.IGNORECASE)
_NO_ARTICLE = re.compile(  # SUMMARY.md is GitBook's; summary.md is an article
    r"(?i:license|licence|contributing|changelog|code_of_conduct|_sidebar|_navbar|_coverpage"
    r"|_footer|_index|robots|humans|ads|llms(?:-full)?|requirements[\w-]*|cmakelists)"
    rf"(?i:{_LANGUAGE})?\.\w+|(?:SECURITY|Security|SUMMARY|Summary)(?:{_LANGUAGE})?\.\w+"
    r"|(?i:404|search|sitemap|google[\da-f]{12,})\.html?"
)
_README = re.compile(rf"readme[._ -]?\d*(?:{_LANGUAGE})?\.\w+", re.IGNORECASE)
_INDEX = re.compile(rf"index(?:{_LANGUAGE})?\.\w+", re.IGNORECASE)
# Folders of site generators beside the articles: Jekyll, Hugo, Hexo, Eleventy, Astro.
_NO_SECTION = frozenset(
    "templates _templates template layouts _layouts includes _includes partials archetypes"
    " scaffolds drafts _drafts themes node_modules vendor".split()
)
_DAY = re.compile(
    r"(?<!\d)((?:19|20)\d\d)(?:年?([-_./])(\d{1,2})月?(?:\2(\d{1,2}))?|年(\d{1,2})月(?:(\d{1,2})日)?"
    r"|(\d\d)(\d\d))(?!\d)"
)
_YEAR = re.compile(r"(?:^|/)((?:19|20)\d\d)年?(?=/)")
_NUMBERS = re.compile(r"(\d+)")
_SUFFIX = re.compile(r"#[\da-f]{16}$")  # in the guid of an article that took over a path
_DIGEST = re.compile(r"[\da-fA-F ]{8,}")
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


def is_page(name: str) -> bool:
    """Whether a file is a web page: an article where its folder has neither markdown nor texts."""
    return name.lower().endswith((".html", ".htm"))


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


def title_in_path(path: str) -> str | None:
    """The title that a file's name gives, without its date; None for numbers and digests."""
    folder, _, name = _SUFFIX.sub("", path).rpartition("/")
    if is_index(name) or is_readme(name):  # a page bundle
        name = folder.rpartition("/")[2]
    else:
        name = name.rpartition(".")[0]
    name = _DAY.sub("", name).strip(" -_.") if _DAY.match(name) else name
    name = name if " " in name else " ".join(name.replace("_", "-").split("-"))
    return name if re.search(r"[^\W\d_]{2}", name) and not _DIGEST.fullmatch(name) else None


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


def moment_in(path: str) -> datetime | None:
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

"""`millrace extract`: reads files, prints one JSON object for each article, in order.

Needs no store and no network. Each file stands for itself, unless the files are to be taken as
the items of one source that teaches its boilerplate as it goes. For people who make rules there is
also a page that shows original, kept and removed side by side: self-contained and safe to open,
nothing in it runs or is loaded.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from core.body.boilerplate import Boilerplate
from core.body.clean import Cleaned, CleanOptions, clean_entry
from core.body.html import parse_page, sanitize
from core.body.walk import Walker
from core.config.settings import Source
from core.errors import ConfigError, MillraceError
from core.feeds.charset import decode
from core.feeds.parse import parse_feed
from core.models import Article, FeedEntry
from core.page.extract import extract_page
from core.pipeline import clean_options
from core.text import letters_only
from millrace.commands.options import DEFAULT_CONFIG
from millrace.process.config import read_config

Kind = Literal["auto", "page", "entry", "feed"]
FIELDS = (
    "title", "author", "published", "original_url", "link", "lead_image", "html", "text", "images",
    "links", "method", "needs_page", "removed", "lead_alt",
)  # fmt: skip
_FEED = re.compile(
    rb"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,2000}?-->\s*|<\?[^>]*>\s*|<!DOCTYPE[^>]*>\s*)*<(?:rss|feed|rdf:RDF)\b",
    re.IGNORECASE | re.DOTALL,
)
_JSON_FEED = re.compile(rb"^\s*\{.{0,400}?jsonfeed\.org/version", re.DOTALL)
_PAGE = re.compile(
    rb"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S
)

_MOST_LINES = 2000  # of an original; the largest of 177 public pages has 1,900
_LEAST = 3  # letters; shorter lines stand in any text
_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>What was extracted</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 1rem; color: #222; background: #fff }
.sides { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 1rem }
.sides > div { border: 1px solid #ccc; padding: .5rem; overflow: auto; max-height: 90vh }
.kept { background: #dff5df } .cut { background: #fbdede } p { margin: .3rem 0 }
b { color: #a00 } dt { color: #555; font-size: .85em } dd { margin: 0 0 .4rem }
</style></head><body>
"""


def extract_files(
    files: Iterable[str],
    *,
    url: str | None,
    kind: Kind,
    config: str | None,
    source: str | None,
    learn: bool,
    html: str | None = None,
) -> int:
    """Print one JSON object a line; the exit code. Raises ConfigError for an unknown source.

    With `html` also a page of that name, with originals beside what was kept and removed.
    """
    failed = False
    options = _source(config, source)
    compared = []
    for found in extract_documents(files, url=url, kind=kind, learn=learn, source=options):
        failed = failed or "error" in found
        if html:
            compared.append(_compared(found))
        sys.stdout.buffer.write(orjson.dumps(found) + b"\n")
        sys.stdout.buffer.flush()
    if html:
        Path(html).write_text(comparison_page(compared), encoding="utf-8")
    return 1 if failed else 0


def _compared(found: dict[str, Any]) -> Compared:
    name = found["file"]
    original = b"" if name == "-" or not Path(name).is_file() else Path(name).read_bytes()
    removed = tuple((each["rule"], each["text"]) for each in found.get("removed", ()))
    kept = found.get("html", ""), found.get("text", "")
    return Compared(name, original, found.get("title"), *kept, removed, found.get("error", ""))


def _source(config: str | None, name: str | None) -> Source | None:
    if name is None:
        return None
    path = config or DEFAULT_CONFIG
    for source in read_config(path).sources:
        if source.name == name:
            return source
    raise ConfigError([f"{path}: has no source named {name!r} (--source)"])


def extract_documents(
    files: Iterable[str],
    *,
    url: str | None = None,
    kind: Kind = "auto",
    learn: bool = False,
    source: Source | None = None,
) -> Iterator[dict[str, Any]]:
    """The articles of each file (`-`: standard input); a fault gives `error` instead."""
    options = clean_options(source) if source else CleanOptions()
    learned = Boilerplate() if learn else None
    for name in files:
        try:
            data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
            for cleaned in _articles(data, url=url, kind=kind, options=options, learned=learned):
                if learned is not None:
                    learned.learn(cleaned.signatures)
                yield printable(name, cleaned.article)
        except (OSError, MillraceError, ValueError) as error:
            yield {"file": name, "error": f"{type(error).__name__}: {error}"}


def printable(name: str, article: Article) -> dict[str, Any]:
    """An article in the form that the command prints."""
    stated = article.model_dump(mode="json", include=set(FIELDS))
    return {"file": name, **{field: stated[field] for field in FIELDS}}


def kind_of(data: bytes, name: str = "") -> Kind:
    """The kind of a file, by its first bytes."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe\x00")
    if _FEED.search(head) or _JSON_FEED.search(head):
        return "feed"
    return "page" if _PAGE.search(head) else "entry"


def _articles(
    data: bytes,
    *,
    url: str | None,
    kind: Kind,
    options: CleanOptions,
    learned: Boilerplate | None,
) -> Iterator[Cleaned]:
    found = kind_of(data) if kind == "auto" else kind
    if found == "feed":
        parsed = parse_feed(data, url=url or "", content_type=None)
        for entry in parsed.entries:
            yield clean_entry(entry, options=options, learned=learned)
    elif found == "page":
        page = extract_page(data, url=url, options=options, learned=learned)
        if page is None:
            raise ValueError("the page holds no article")
        yield page
    else:
        text = decode(data).text
        entry = FeedEntry(guid="", position=0, content=text, link=url, base=url)
        yield clean_entry(entry, options=options, learned=learned)


class Compared(NamedTuple):
    """A document and the article made of it."""

    name: str
    original: bytes  # as it came; a page, a feed or the body of an entry
    title: str | None
    html: str  # what is kept
    text: str  # the same, as text
    removed: tuple[tuple[str, str], ...]  # rule and text
    note: str = ""  # such as a score, or why nothing was kept


def comparison_page(documents: Iterable[Compared]) -> str:
    """The comparison page, with one section for each document."""
    return _HEAD + "".join(map(_section, documents)) + "</body></html>\n"


def _section(document: Compared) -> str:
    removed = "".join(
        f"<dt>{escape(rule)}</dt><dd>{escape(text)}</dd>" for rule, text in document.removed
    )
    heading = f"{escape(document.name)} <small>{escape(document.note)}</small>"
    return (
        f"<section><h2>{heading}</h2><div class=sides><div><h3>Original</h3>{_original(document)}"
        f"</div><div><h3>Kept</h3><h4>{escape(document.title or '')}</h4>{sanitize(document.html)}"
        f"</div><div><h3>Removed, with its rule</h3><dl>{removed}</dl></div></div></section>\n"
    )


def _original(document: Compared) -> str:
    """The lines of the original, with kept lines and lines cut by a rule marked."""
    root = parse_page(decode(document.original).text)[1]
    kept = letters_only(document.text)
    cut = {letters_only(text): rule for rule, text in document.removed}
    shown = []
    for block in Walker(None, judging=False).walk(root)[:_MOST_LINES]:
        for line in block.lines:
            key = letters_only(line.text)
            if rule := cut.get(key):
                mark = f"<p class=cut><b>{escape(rule)}</b> {escape(line.text)}</p>"
            else:
                name = " class=kept" if len(key) >= _LEAST and key in kept else ""
                mark = f"<p{name}>{escape(line.text)}</p>"
            shown.append(mark)
    return "".join(shown)

"""Read subscriptions from an OPML file and write the sources as one.

A file is untrusted: entities are not resolved, its size is bounded, nothing is fetched, and invalid
feed URLs are reported instead of passed on. Folders become tags.
"""

from __future__ import annotations

import html.entities
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from core.config.fields import check_address
from core.config.settings import Source
from core.errors import DocumentError
from core.models import Frozen
from core.text import escaped, quoted
from core.urls import web_url, without_login

MAX_BYTES = 32 * 2**20  # same limit as feeds.yaml, to which its feeds are added
MAX_TAGS = 8  # nesting depth of folders

_AMPERSAND = re.compile(
    rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9A-Fa-f]+);)(?:([A-Za-z]+[0-9]*);)?"
)
_FEED_TYPES = ("rss", "atom", "feed")


class OpmlFeed(Frozen):
    """One feed in an OPML file."""

    url: str
    title: str = ""
    site: str = ""  # the website of the feed
    tags: tuple[str, ...] = ()


class OpmlFeeds(Frozen):
    """The contents of an OPML file, in document order."""

    found: tuple[OpmlFeed, ...]
    unusable: tuple[str, ...]  # one line for each outline that was rejected, with the reason


def read_opml(data: bytes) -> OpmlFeeds:
    """Parse OPML. Raises DocumentError if `data` is not OPML."""
    if len(data) > MAX_BYTES:
        raise DocumentError(f"the OPML file is over {MAX_BYTES // 2**20} MiB")
    if not data.strip():
        raise DocumentError("not OPML: the file is empty")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True
    )
    try:
        root = etree.fromstring(_repaired(data), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DocumentError(f"not OPML: {error}") from error
    if root is None or not isinstance(root.tag, str) or root.tag.lower() != "opml":
        raise DocumentError("not OPML: the file must begin with <opml>")
    taken = _collect(root)
    fatal = [each for each in parser.error_log if each.level == etree.ErrorLevels.FATAL]
    if not fatal:
        return taken
    broken = f"the XML is broken in line {fatal[0].line}; what follows may be missing"
    return taken.model_copy(update={"unusable": (*taken.unusable, broken)})


def _repaired(data: bytes) -> bytes:
    """Replace what is invalid in XML: HTML entities such as `&eacute;`, and bare `&` in URLs."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
        data = re.sub(r"^\s*<\?xml[^>]*\?>", "", text).encode()
    return _AMPERSAND.sub(_as_xml, data.removeprefix(b"\xef\xbb\xbf").lstrip())


def _as_xml(found: re.Match[bytes]) -> bytes:
    name = (found[1] or b"").decode()
    signs = html.entities.html5.get(f"{name};")
    if signs is None:
        return b"&amp;" + found[0][1:]
    return "".join(f"&#{ord(sign)};" for sign in signs).encode()


def _collect(root: etree._Element) -> OpmlFeeds:
    found: list[OpmlFeed] = []
    unusable: list[str] = []
    waiting: list[tuple[etree._Element, tuple[str, ...]]] = [(root, ())]
    while waiting:
        element, tags = waiting.pop()
        inner = tags
        if isinstance(element.tag, str) and element.tag.lower() == "outline":
            attributes = {str(key).lower(): str(value).strip() for key, value in element.items()}
            address = _address(attributes)
            if address:
                _add_subscription(attributes, address, tags, found, unusable)
            elif _is_feed(attributes):
                title = attributes.get("text") or attributes.get("title") or "an outline"
                unusable.append(f"{title}: it has no address (xmlUrl)")
            else:
                inner = _with_tags(tags, attributes.get("text") or attributes.get("title") or "")
        # An explicit stack, last first: documents may be nested deeper than Python's call stack.
        waiting.extend((child, inner) for child in reversed(element))
    return OpmlFeeds(found=tuple(found), unusable=tuple(unusable))


def _address(attributes: dict[str, str]) -> str:
    """The feed URL: `xmlUrl`, or `url` if the outline has a feed type."""
    if attributes.get("xmlurl"):
        return attributes["xmlurl"]
    return attributes.get("url", "") if _is_feed(attributes) else ""


def _is_feed(attributes: dict[str, str]) -> bool:
    return attributes.get("type", "").lower() in _FEED_TYPES


def _add_subscription(
    attributes: dict[str, str],
    address: str,
    folders: tuple[str, ...],
    found: list[OpmlFeed],
    unusable: list[str],
) -> None:
    title = " ".join((attributes.get("text") or attributes.get("title") or "").split())
    try:
        url = check_address(address)
    except ValueError as error:
        unusable.append(f"{title or 'an outline'}: {error}")
        return
    tags = folders
    for category in attributes.get("category", "").split(","):
        tags = _with_tags(tags, category.strip().strip("/").rpartition("/")[2])
    site = web_url(attributes.get("htmlurl")) or ""
    found.append(OpmlFeed(url=url, title=title, site=site, tags=tags))


def _with_tags(tags: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Add `name` as a tag, reduced to characters that are valid in a URL path."""
    shown = "".join(sign if sign.isprintable() else " " for sign in name)
    tag = re.sub(r"[\s/?#&\\,${}-]+", "-", shown.strip()).strip("-.").lower()
    if not tag or tag in tags or len(tags) >= MAX_TAGS:
        return tags
    return (*tags, tag)


def opml_document(
    sources: Iterable[Source],
    *,
    title: str,
    titles: Mapping[str, str] | None = None,
    sites: Mapping[str, str] | None = None,
    credentials: bool = False,
) -> bytes:
    """All sources as OPML, in folders by tag. `titles` and `sites` come from the feeds.

    Values set in feeds.yaml take precedence. `credentials`: keep logins in URLs. Writing the result
    of `read_opml` again gives the same document.
    """
    root = _OutlineFolder()
    for source in sources:
        folder = root
        for tag in source.tags:
            folder = folder.folders.setdefault(tag, _OutlineFolder())
        shown = source.title or (titles or {}).get(source.name) or source.name
        site = source.site or (sites or {}).get(source.name)
        url = source.url if credentials else without_login(source.url)
        page = f" htmlUrl={quoted(without_login(site))}" if site else ""
        names = f"text={quoted(shown)} title={quoted(shown)}"
        folder.feeds.append(f'<outline type="rss" {names} xmlUrl={quoted(url)}{page}/>\n')
    return "".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">\n',
            f"<head><title>{escaped(title)}</title></head>\n<body>\n",
            *root.lines(),
            "</body>\n</opml>\n",
        )
    ).encode()


@dataclass
class _OutlineFolder:
    """The feeds of one folder, and its subfolders."""

    feeds: list[str] = field(default_factory=list)
    folders: dict[str, _OutlineFolder] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """The lines of its outlines; recursion depth is the number of tags of one source."""
        yield from self.feeds
        for tag, folder in self.folders.items():
            yield f"<outline text={quoted(tag)} title={quoted(tag)}>\n"
            yield from folder.lines()
            yield "</outline>\n"

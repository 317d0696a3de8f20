"""The files of an entry: what can be heard and seen, and the entry's picture.

A file is known by its stated type, else by its medium, else by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from core.feeds.elements import Element, Entry
from core.models import ENCLOSURES_KEPT, Enclosure
from core.text import text_in
from core.urls import type_by_name, web_url

_LONGEST = 4096  # characters of an address
_LONGEST_ALT = 500  # characters; half of 46 captions of public pages have under 51
_MEDIA = ("audio", "video", "image")
_FLASH = "application/x-shockwave-flash"  # YouTube's players
# Of a person, of a smile or a counter; pictures of articles are named otherwise.
_NO_PICTURE = re.compile(
    r"gravatar\.com/|[/_.-]avatars?[/_.-]|/emojis?/|/smil(?:ies|eys)/|/twemoji/"
    r"|/pixel\.|/1x1\.|//feeds\.feedburner\.com/~|//pixel\.|//stats?\.",
    re.IGNORECASE,
)
# Of the site, unless it is stated as the entry's own; `nokia-logo.jpg` is of an article.
_LOGO = re.compile(
    r"/logos?/|/favicon[_.-]|/(?:(?:site|blog|brand|header|feed|rss|default|www|page)[_-])*logo"
    r"(?:[_-](?:\d+(?:x\d+)?|small|large|square|rss|feed|white|black|default|og|new))*\.\w+(?:\?|$)",
    re.IGNORECASE,
)
_WITH_TEXT = frozenset("atom:link link enclosure media:thumbnail thumb thumbnail".split())
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2})(?:\.\d+)?")
_PERIOD = re.compile(r"PT(?:(\d{1,3})H)?(?:(\d{1,4})M)?(?:(\d{1,5})(?:\.\d+)?S)?")  # ISO 8601


class Picture(NamedTuple):
    """A stated picture; `width` is 0 where none is stated."""

    url: str
    width: int
    own: bool = False  # stated as the picture of the entry
    alt: str | None = None  # what it shows


def files_of(entry: Entry, base: str) -> tuple[Enclosure, ...]:
    """All files that are not only pictures of the entry, each address once, as stated."""
    files: dict[str, Enclosure] = {}
    duration = seconds(entry.text("itunes:duration"))
    for element in _file_elements(entry):
        kind = _type_of(element)
        if element.name == "media:content" and not _is_film(element, kind):
            continue  # a picture
        address = web_url(_address(element)[:_LONGEST], base)
        if address is None:
            continue
        size = element.get("length") or element.get("fileSize") or element.get("filesize")
        size = size.replace(",", "")
        file = Enclosure(
            url=address,
            type=kind or None,
            length=int(size) if size.isascii() and size.isdigit() and len(size) < 18 else None,
            duration=seconds(element.get("duration")) or (duration if _heard(kind) else None),
        )
        known = files.get(address)
        files[address] = _completed(known, file) if known else file
        if len(files) >= ENCLOSURES_KEPT:
            break
    return (*files.values(), *_about_files(entry, base))


def has_film(entry: Entry, files: tuple[Enclosure, ...]) -> bool:
    """Whether a video or audio belongs to the entry."""
    if any(_heard(file.type or "") for file in files) or entry.all("media:player"):
        return True
    return any(_is_film(each, _type_of(each)) for each in entry.all("media:content"))


def picture_of(entry: Entry, base: str) -> dict[str, str | None]:
    """The largest stated picture of the entry's own, as `image` and `image_alt` of a `FeedEntry`.

    No portrait, logo or smile.
    """
    for group in _picture_groups(entry):
        found = [
            picture._replace(url=address)
            for picture in group
            if (address := web_url(picture.url[:_LONGEST], base))
            and not _NO_PICTURE.search(address)
            and (picture.own or not _LOGO.search(address))
        ]
        if found:
            largest = max(found, key=lambda picture: picture.width)  # the first of equals
            return {"image": largest.url, "image_alt": largest.alt}
    return {}


def seconds(stated: str) -> int | None:
    """A duration as podcasts state it: seconds, MM:SS, HH:MM:SS or PT1H2M3S."""
    clock = _CLOCK.fullmatch(stated.strip()) or _PERIOD.fullmatch(stated.strip())
    if clock:
        hours, minutes, rest = (int(part or 0) for part in clock.groups())
        return hours * 3600 + minutes * 60 + rest or None
    whole = stated.strip().partition(".")[0]
    return int(whole) or None if whole.isascii() and whole.isdigit() and len(whole) < 8 else None


def _file_elements(entry: Entry) -> Iterator[Element]:
    yield from entry.all("enclosure")
    for link in entry.all("atom:link", "link"):
        if link.get("rel") == "enclosure":
            yield link
    yield from entry.all("media:content", "podcast:alternateenclosure")


def _address(element: Element) -> str:
    stated = element.get("url") or element.get("href") or element.get("src")
    stated = stated.replace("&amp;", "&")  # escaped twice
    if not stated and element.name == "podcast:alternateenclosure":
        return next((source.get("uri", "") for source in element.node), "")
    return stated or (element.text if element.name in _WITH_TEXT else "")


def _type_of(element: Element) -> str:
    """The stated type, or one by medium and name; may be `image` alone, which is enough here."""
    stated = element.get("type").lower()
    if stated and stated not in ("application/octet-stream", "binary/octet-stream"):
        return stated
    by_name = type_by_name(_address(element))
    medium = element.get("medium").lower()
    return by_name or (medium if medium in _MEDIA else "") or stated


def _heard(kind: str) -> bool:
    return kind.startswith(("audio", "video")) or kind == type_by_name("x.m3u8")


def _is_film(element: Element, kind: str) -> bool:
    return _heard(kind) or kind == _FLASH or element.get("medium").lower() in ("audio", "video")


def _completed(first: Enclosure, second: Enclosure) -> Enclosure:
    """One file that two elements name, with the attributes of both."""
    missing = {
        name: value
        for name in ("type", "length", "duration")
        if getattr(first, name) is None and (value := getattr(second, name)) is not None
    }
    return first.model_copy(update=missing) if missing else first


def _about_files(entry: Entry, base: str) -> Iterator[Enclosure]:
    """Transcripts and chapters of the podcast namespace."""
    for element in entry.all("podcast:transcript", "podcast:chapters")[:ENCLOSURES_KEPT]:
        address = web_url(_address(element)[:_LONGEST], base)
        if address:
            yield Enclosure(
                url=address,
                type=element.get("type") or type_by_name(address) or None,
                language=element.get("language") or None,
                role="chapters" if element.name == "podcast:chapters" else "transcript",
            )


def _picture_groups(entry: Entry) -> Iterator[list[Picture]]:
    """The stated pictures, those most surely of the entry first."""
    yield [
        _sized(each)
        for each in entry.all("media:content")
        if _type_of(each).startswith("image") and not _is_film(each, "")
    ]
    yield [_sized(e) for e in _file_elements(entry) if _type_of(e).startswith("image")]
    yield [Picture(_nested_address(e), 0, own=True) for e in entry.all("image", "itunes:image")]
    yield [
        Picture(_nested_address(e), 0)
        for e in entry.all("webfeeds:featuredimage", "featuredimage", "googleplay:image")
    ]
    yield [_sized(each) for each in entry.all("media:thumbnail", "thumbnail", "thumb")]
    yield [Picture(_nested_address(e), 0) for e in entry.all("post-thumbnail", "og:image")]


def _sized(element: Element) -> Picture:
    width = (element.get("width") or element.get("height")).removesuffix("px")
    texts = (child.text for child in element.node if str(child.tag).endswith("}description"))
    return Picture(
        _address(element),
        int(width) if width.isdigit() and len(width) < 6 else 0,
        alt=text_in(next(texts, None), _LONGEST_ALT),
    )


def _nested_address(element: Element) -> str:
    """RSS has `<image><url>`, others an attribute or the address as text."""
    nested = next((child.text for child in element.node if str(child.tag).endswith("url")), None)
    return _address(element) or (nested or element.text).strip()

"""The files of an entry: audio, video, transcripts, and the entry's image.

The kind of a file is its stated type, else its medium, else derived from its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from core.feeds.elements import Element, Entry
from core.models import ENCLOSURES_KEPT, Enclosure
from core.text import text_in
from core.urls import is_decoration, type_by_name, web_url

_LONGEST = 4096  # characters of a URL
_LONGEST_ALT = 500  # characters; half of 46 captions of public pages have under 51
_MEDIA = ("audio", "video", "image")
_FLASH = "application/x-shockwave-flash"  # YouTube's players
# Images of the site, unless stated as the entry's own. `nokia-logo.jpg` belongs to an article.
_LOGO = re.compile(
    r"/logos?/|/favicon[_.-]|/(?:(?:site|blog|brand|header|feed|rss|default|www|page)[_-])*logo"
    r"(?:[_-](?:\d+(?:x\d+)?|small|large|square|rss|feed|white|black|default|og|new))*\.\w+(?:\?|$)",
    re.IGNORECASE,
)
_WITH_TEXT = frozenset("atom:link link enclosure media:thumbnail thumb thumbnail".split())
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2})(?:\.\d+)?")
_PERIOD = re.compile(  # ISO 8601, and “1 h 2 min”
    r"(?:PT(?=\d))?(?:(\d{1,3})H)?(?:(\d{1,4})M(?:IN)?)?(?:(\d{1,5})(?:\.\d+)?S)?", re.IGNORECASE
)
_PIXEL = 2  # width of a counter's image, in pixels


class Picture(NamedTuple):
    """A stated image; `width` in pixels, 0 if none is stated."""

    url: str
    width: int
    own: bool = False  # stated as the image of this entry
    alt: str | None = None  # alternative text


def files_of(entry: Entry, base: str) -> tuple[Enclosure, ...]:
    """All files except plain images of the entry, one per URL, as stated."""
    files: dict[str, Enclosure] = {}
    duration = seconds(entry.text("itunes:duration"))
    for element in _file_elements(entry):
        kind = _type_of(element)
        if element.name == "media:content" and not _is_film(element, kind):
            continue  # an image
        address = web_url(_address(element)[:_LONGEST], base)
        if address is None:
            continue
        size = element.get("length") or element.get("fileSize") or element.get("filesize")
        size = size.replace(",", "")
        file = Enclosure(
            url=address,
            type=kind or None,
            length=int(size) if size.isascii() and size.isdigit() and len(size) < 18 else None,
            duration=seconds(element.get("duration")) or (duration if _is_media(kind) else None),
        )
        known = files.get(address)
        files[address] = _completed(known, file) if known else file
        if len(files) >= ENCLOSURES_KEPT:
            break
    return (*files.values(), *_about_files(entry, base))


def has_film(entry: Entry, files: tuple[Enclosure, ...]) -> bool:
    """Whether the entry has a video or audio file."""
    if any(_is_media(file.type or "") for file in files) or entry.all("media:player"):
        return True
    return any(_is_film(each, _type_of(each)) for each in entry.all("media:content"))


def picture_of(entry: Entry, base: str) -> dict[str, str | None]:
    """The largest stated image of the entry, as `image` and `image_alt` of a `FeedEntry`.

    Portraits, logos and emoji are excluded.
    """
    for group in _picture_groups(entry):
        found = [
            picture._replace(url=address)
            for picture in group
            if (address := web_url(picture.url[:_LONGEST], base))
            and not is_decoration(address)
            and (picture.own or not _LOGO.search(address))
            and not 0 < picture.width <= _PIXEL
        ]
        if found:
            largest = max(found, key=lambda picture: picture.width)  # the first of equals
            return {"image": largest.url, "image_alt": largest.alt}
    return {}


def seconds(stated: str) -> int | None:
    """A podcast duration in seconds, from seconds, MM:SS, HH:MM:SS or PT1H2M3S; None if invalid."""
    stated = "".join(stated.split())
    clock = _CLOCK.fullmatch(stated) or _PERIOD.fullmatch(stated)
    if clock and stated:
        hours, minutes, rest = (int(part or 0) for part in clock.groups())
        return hours * 3600 + minutes * 60 + rest or None
    whole = stated.partition(".")[0]
    return int(whole) or None if whole.isascii() and whole.isdigit() and len(whole) < 8 else None


def _file_elements(entry: Entry) -> Iterator[Element]:
    yield from entry.all("enclosure")
    for link in entry.all("atom:link", "link"):
        if link.get("rel") == "enclosure":
            yield link
    yield from entry.all("media:content", "podcast:alternateenclosure")


def _address(element: Element) -> str:
    stated = element.get("url") or element.get("href") or element.get("src")
    stated = stated.replace("&amp;", "&")  # double-escaped
    if not stated and element.name == "podcast:alternateenclosure":
        return next((source.get("uri", "") for source in element.node), "")
    return stated or (element.text if element.name in _WITH_TEXT else "")


def _type_of(element: Element) -> str:
    """The stated type, else by name or medium; it may be only `image`, which suffices here."""
    stated = element.get("type").lower()
    if stated and stated not in ("application/octet-stream", "binary/octet-stream"):
        return stated
    by_name = type_by_name(_address(element))
    medium = element.get("medium").lower()
    return by_name or (medium if medium in _MEDIA else "") or stated


def _is_media(kind: str) -> bool:
    return kind.startswith(("audio", "video")) or kind == type_by_name("x.m3u8")


def _is_film(element: Element, kind: str) -> bool:
    return _is_media(kind) or kind == _FLASH or element.get("medium").lower() in ("audio", "video")


def _completed(first: Enclosure, second: Enclosure) -> Enclosure:
    """Merge two elements that refer to one file."""
    missing = {
        name: value
        for name in ("type", "length", "duration")
        if getattr(first, name) is None and (value := getattr(second, name)) is not None
    }
    return first.model_copy(update=missing) if missing else first


def _about_files(entry: Entry, base: str) -> Iterator[Enclosure]:
    """Transcripts and chapters (podcast namespace)."""
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
    """The stated images in groups, the most reliable group first."""
    yield [
        _image_of(each)
        for each in entry.all("media:content")
        if _type_of(each).startswith("image") and not _is_film(each, "")
    ]
    yield [_image_of(e) for e in _file_elements(entry) if _type_of(e).startswith("image")]
    own = entry.all("image", "itunes:image", "podcast:image")
    yield [Picture(_nested_address(e), 0, own=True) for e in own]
    yield [
        Picture(_nested_address(e), 0)
        for e in entry.all("webfeeds:featuredimage", "featuredimage", "googleplay:image")
    ]
    yield [_image_of(each) for each in entry.all("media:thumbnail", "thumbnail", "thumb")]
    yield [Picture(_nested_address(e), 0) for e in entry.all("post-thumbnail", "og:image")]


def _image_of(element: Element) -> Picture:
    width = (element.get("width") or element.get("height")).removesuffix("px")
    texts = (child.text for child in element.node if str(child.tag).endswith("}description"))
    return Picture(
        _address(element),
        int(width) if width.isdigit() and len(width) < 6 else 0,
        alt=text_in(next(texts, None), _LONGEST_ALT),
    )


def _nested_address(element: Element) -> str:
    """The URL in `<image><url>` (RSS), in an attribute, or as text."""
    nested = next((child.text for child in element.node if str(child.tag).endswith("url")), None)
    return _address(element) or (nested or element.text).strip()

"""The languages of the interface: English, Simplified and Traditional Chinese.

Texts are marked in English where they are used, and translated in `locale/LANGUAGE.po`. The .po
files are read directly, without a compile step. Content of sources is never translated.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from io import BytesIO
from typing import Literal
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from core.config.settings import FeedSettings
from service.responses import weighted

Language = Literal["en", "zh-Hans", "zh-Hant"]  # as HTML names them
_LOCALES: dict[Language, str] = {"en": "en_GB", "zh-Hans": "zh_Hans", "zh-Hant": "zh_Hant"}
LANGUAGES = tuple(_LOCALES)


def language_of(request: web.Request, feed: FeedSettings) -> Language:
    """The language of a page: the browser's first that we have, else that of the feed."""
    stated = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")
    return _accepted(stated[:1000]) or feed_language(feed)


def feed_language(feed: FeedSettings) -> Language:
    """The language for readers whose browser names none that we have."""
    return _ours(feed.language or "") or "en"


@lru_cache(1024)
def _accepted(stated: str) -> Language | None:
    weights = weighted(stated)
    for tag in sorted(weights, key=lambda tag: -weights[tag]):  # stable: as stated, in ties
        found = _ours(tag) if weights[tag] > 0 else None
        if found:
            return found
    return None


def _ours(tag: str) -> Language | None:
    """Our language for a tag; a Chinese tag without script implies one by its region (CLDR)."""
    language, *parts = tag.lower().split("-")
    if language == "zh":
        traditional = "hant" in parts or ("hans" not in parts and {"tw", "hk", "mo"} & set(parts))
        return "zh-Hant" if traditional else "zh-Hans"
    return "en" if language == "en" else None


@cache
def translations(language: Language) -> NullTranslations:
    """The translations of a language; English has none."""
    if language == "en":
        return NullTranslations()
    name = _LOCALES[language]
    source = resources.files("service").joinpath("locale", f"{name}.po").read_bytes()
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source), locale=name))
    compiled.seek(0)
    return GNUTranslations(compiled)


def day_name(moment: datetime | date, language: Language, *, weekday: bool = True) -> str:
    """`Monday, 30 November 2026` as the language writes it."""
    form = "full" if weekday else "long"
    return format_date(moment, form, locale=_LOCALES[language])


@lru_cache(1024)
def foreign_name(tag: str, language: Language) -> str:
    """The name of another language in the page's language; empty when it is the same."""
    base = tag.split("-")[0].lower()
    if base == language.split("-")[0]:
        return ""
    names = Locale.parse(_LOCALES[language]).languages
    return names.get(tag.replace("-", "_")) or names.get(base) or tag


def in_zone(moment: datetime, feed: FeedSettings) -> datetime:
    """A time in `feed.timezone`."""
    return moment.astimezone(ZoneInfo(feed.timezone))

"""Validated and escaped values of a published feed: URLs, languages, media types, XML."""

from __future__ import annotations

import re

from yarl import URL

from core.text import escaped, without_illegal_xml
from core.urls import type_by_name, without_login

_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9.])?|[0-9a-f:.]*:[0-9a-f:.]*", re.IGNORECASE)
_PLAIN = re.compile(
    rf"https?://(?:{_HOST.pattern.partition('|')[0]})(?::\d+)?"
    r"/[a-z0-9\-._~:/?#@!$&'()*+,;=]*",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(r"([A-Za-z]{2})(-[A-Za-z0-9]{2,8})*")
# ISO 639-1; validators and readers accept no others.
_LANGUAGES = frozenset(
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da"
    " de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy"
    " hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg"
    " li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or"
    " os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta"
    " te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu".split()
)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")


def web_address(url: str | None) -> str | None:
    """`url` as an http(s) URL in ASCII without credentials; None for anything else."""
    if not url:
        return None
    url = without_login(url.strip())
    if _PLAIN.fullmatch(url):
        return url
    try:
        parsed = URL(url)
    except ValueError:
        return None
    if parsed.scheme not in ("http", "https") or not _HOST.fullmatch(parsed.raw_host or ""):
        return None
    return str(parsed)


def language_tag(language: str | None) -> str | None:
    """`language` if it is a valid tag of an existing language, such as `zh-Hans`; else None."""
    tag = (language or "").strip().replace("_", "-")
    found = _LANGUAGE.fullmatch(tag)
    return tag if found and found[1].lower() in _LANGUAGES else None


def media_type(url: str, stated: str | None) -> str:
    """The stated media type if well-formed, else one by the file extension."""
    kind = (stated or "").split(";")[0].strip().lower()
    if _MEDIA_TYPE.fullmatch(kind):
        return kind
    return type_by_name(url) or "application/octet-stream"


def plain(text: str) -> str:
    """`text` escaped for elements that some readers parse as HTML; RSS leaves this open.

    The RSS profile recommends these two references, which most readers show as text.
    """
    return (
        without_illegal_xml(text).replace("&", "&#x26;").replace("<", "&#x3C;").replace(">", "&gt;")
    )


def cdata(text: str) -> str:
    """`text` as a CDATA section: a third smaller than escaped markup, and readable."""
    return f"<![CDATA[{without_illegal_xml(text).replace(']]>', ']]]]><![CDATA[>')}]]>"


def element(name: str, text: str | None, attributes: str = "") -> str:
    """`<name>text</name>`, or an empty string if there is no text."""
    if not text:
        return ""
    space = " " if attributes else ""
    return f"<{name}{space}{attributes}>{escaped(text)}</{name}>"

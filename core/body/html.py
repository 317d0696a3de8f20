"""Markup to a tree, safe against documents that are made to stall or to lose their text."""

from __future__ import annotations

import re
from typing import cast

from lxml import etree
from lxml.etree import ElementDefaultClassLookup
from lxml.html import HtmlElement

from core.text import collapse, strip_invisible

_PLAIN = ElementDefaultClassLookup()
# One class for all: the choice by name that `lxml.html` itself makes is slow.
_FOR_EXTRACTORS = ElementDefaultClassLookup(element=HtmlElement)
_LONG_TAG = re.compile(r"<([a-zA-Z][\w:-]{0,40})(\s[^<>]{6000,})>")
_KEPT_ATTRIBUTE = re.compile(
    r"""\s(src|href|alt|srcset|data-src|data-srcset|class|id)\s*=\s*("[^"]{0,4000}"|'[^']{0,4000}')"""
)
_WRAPPER = re.compile(
    r"</?(?:div|span|section|article|main|center|font|b|i|u|strong|em|small|big|table|tbody|tr|td|ul|ol"
    r"|li|dl|dt|dd|blockquote|aside|header|footer|form|fieldset|noscript|a|figure)\b[^<>]*>",
    re.IGNORECASE,
)


def parse_markup(markup: str) -> etree._Element:
    """The tree of a piece of HTML; never fails, an empty tree for nothing."""
    return _parse(f"<html><body>{_slim(markup)}</body></html>", "body", _PLAIN)[1]


def parse_page(page: str) -> tuple[str, etree._Element]:
    """A whole web page, made safe for other parsers, and its tree; the tree's root is `html`.

    Its elements are those of `lxml.html`, so that extractors need no tree of their own.
    """
    return _parse(_slim(strip_invisible(page)), "html", _FOR_EXTRACTORS)


def _parse(
    source: str, name: str, elements: ElementDefaultClassLookup
) -> tuple[str, etree._Element]:
    root, too_deep = _tree(source, elements)
    if too_deep:
        # The wrappers go, each as a line end, and the text inside them stays.
        source = _WRAPPER.sub("<br>", source)
        root, _ = _tree(source, elements)
    return source, root if root is not None else etree.Element(name)


def _tree(source: str, elements: ElementDefaultClassLookup) -> tuple[etree._Element | None, bool]:
    if not source.strip():
        return None, False
    parser = etree.HTMLParser(
        huge_tree=True, remove_comments=True, remove_pis=True, encoding="utf-8"
    )
    parser.set_element_class_lookup(elements)
    root = etree.fromstring(source.encode("utf-8", "replace"), parser)
    deep = any("depth" in entry.message for entry in parser.error_log)
    return root, deep


def _slim(markup: str) -> str:
    """Tags of endless length keep only the attributes that are read."""
    return _LONG_TAG.sub(_slim_tag, markup)


def _slim_tag(match: re.Match[str]) -> str:
    kept = dict(reversed(_KEPT_ATTRIBUTE.findall(match[2][:200_000])))
    return f"<{match[1]}" + "".join(f" {name}={value}" for name, value in kept.items()) + ">"


def inner_text(element: etree._Element) -> str:
    """All text inside the element, as it stands in the source."""
    return "".join(cast("list[str]", list(element.itertext())))


def spaced_text(element: etree._Element) -> str:
    """The text inside the element on one line, its pieces kept apart."""
    return collapse(" ".join(cast("list[str]", list(element.itertext())))).strip()

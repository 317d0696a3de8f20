"""Markup in and out: to a tree, safe against documents that are made to stall, and back.

`sanitize` is the last step of every body: strangers' markup becomes markup that cannot act, by a
strict list of what may stay. Nothing edits HTML after it.
"""

from __future__ import annotations

import re
from typing import cast

import nh3
from lxml import etree
from lxml.etree import ElementDefaultClassLookup
from lxml.html import HtmlElement

from core.text import collapse, letters, strip_invisible

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
    return _parse(f"<html><body>{_shorten_long_tags(markup)}</body></html>", "body", _PLAIN)[1]


def parse_page(page: str) -> tuple[str, etree._Element]:
    """A whole web page, made safe for other parsers, and its tree; the tree's root is `html`.

    Its elements are those of `lxml.html`, so that extractors need no tree of their own.
    """
    return _parse(_shorten_long_tags(strip_invisible(page)), "html", _FOR_EXTRACTORS)


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
    if root is not None:
        # A template that closes the page after its menu leaves the article outside of the tree.
        # Browsers put what follows into the body (WHATWG HTML 13.2.6.4.19).
        body = root.find("body")
        for more in list(root.itersiblings()):
            (root if body is None else body).append(more)
    deep = any("depth" in entry.message for entry in parser.error_log)
    return root, deep


def _shorten_long_tags(markup: str) -> str:
    """Tags of endless length keep only the attributes that are read."""
    return _LONG_TAG.sub(_shortened_tag, markup)


def _shortened_tag(match: re.Match[str]) -> str:
    kept = dict(reversed(_KEPT_ATTRIBUTE.findall(match[2][:200_000])))
    return f"<{match[1]}" + "".join(f" {name}={value}" for name, value in kept.items()) + ">"


def inner_text(element: etree._Element) -> str:
    """All text inside the element, as it stands in the source."""
    return "".join(cast("list[str]", list(element.itertext())))


def spaced_text(element: etree._Element) -> str:
    """The text inside the element on one line, its pieces kept apart."""
    return collapse(" ".join(cast("list[str]", list(element.itertext())))).strip()


# With more letters than this in it, such an element was not closed, and the page is inside.
_UNCLOSED = {"button": 1000, "dialog": 1000}
_FALLBACK = 250  # letters for readers without scripts that are more than a request to enable them


def holds_page(element: etree._Element, tag: str) -> bool:
    """Whether an element that is usually no text holds much of a page.

    Some forums serve their posts in `noscript`; an unclosed button or dialog holds what follows it.
    """
    if tag == "nav":
        return True
    if tag == "noscript":
        around = element.getparent()
        least = _FALLBACK if around is not None and around.tag != "head" else None
    else:
        least = _UNCLOSED.get(tag)
    if least is None:
        return False
    size = letters(inner_text(element))
    linked = sum(letters(inner_text(link)) for link in element.iter("a"))
    return size >= least and linked <= 0.7 * size


FromMarkup = dict[str, str]  # `author`, `published`, `original_url`, as elements state them
# A translation names its original: 点击查看本文英文版
_ORIGINAL = re.compile(
    r"本文.{0,2}[英中日法德][文语語]版|原文版|\bread (?:it|this.{0,10}) in english", re.I
)
_AUTHOR = re.compile(
    r"(?:^|[-_ ])(?:author(?:-?name)?|byline(?:-?name)?)(?:$|[-_ ])", re.IGNORECASE
)


def note_author_and_date(element: etree._Element, from_markup: FromMarkup) -> None:
    """Notes the author, the date and the original that a by-line element states."""
    for found in element.iter("a", "time", "span", "p", "div", "address"):
        names = f"{found.get('class', '')} {found.get('itemprop', '')}"
        if found.tag == "time":
            if found.get("datetime") and "updated" not in names:
                from_markup.setdefault("published", found.get("datetime", ""))
        elif "author" in (found.get("rel") or "").split() or (
            "author" in names and len(found) == 0 and _AUTHOR.search(names)
        ):
            name = collapse(inner_text(found)).strip()
            if 1 < len(name) <= 60:
                from_markup.setdefault("author", name)
        elif found.tag == "a" and _ORIGINAL.search(inner_text(found)[:100]):
            from_markup.setdefault("original_url", found.get("href") or "")


TAGS = frozenset(
    "a abbr b blockquote br caption cite code dd del dfn div dl dt em figcaption figure h1 h2 h3 h4"
    " h5 h6 hr i img ins kbd li mark ol p pre q rp rt ruby s samp small strong sub sup table tbody"
    " td tfoot th thead tr u ul var".split()
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height", "referrerpolicy"},
    "ol": {"start", "reversed"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "abbr": {"title"},
    **{tag: {"dir"} for tag in "p h1 h2 h3 h4 h5 h6 pre".split()},
    "table": {"dir"},
}
# The only value of each; hosts of Chinese sites answer 403 where a referrer is sent.
_FIXED = {"dir": "rtl", "referrerpolicy": "no-referrer"}
_NUMERIC = frozenset({"width", "height", "start", "colspan", "rowspan"})


def _checked_attribute(tag: str, attribute: str, value: str) -> str | None:
    if attribute in _FIXED:
        return value if value == _FIXED[attribute] else None
    if attribute in _NUMERIC:
        return value if value.isascii() and value.isdigit() and len(value) < 6 else None
    if tag == "a" and attribute == "href":  # an address without a site leads nowhere in a feed
        return value if value[:8].lower().startswith(("http://", "https://", "mailto:")) else None
    if tag == "img" and attribute == "src":
        if not value[:8].lower().startswith(("http://", "https://")):
            return None
        # An address that ends like an attribute's name breaks readers that search for `src=`.
        return value[:-1] + "%3D" if value.lower().endswith("src=") else value
    return value


_CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    attributes=_ATTRIBUTES,
    url_schemes={"http", "https", "mailto"},
    attribute_filter=_checked_attribute,
    link_rel="noopener noreferrer",
    clean_content_tags={"script", "style", "template", "noscript", "iframe", "svg", "math"},
    strip_comments=True,
)


def sanitize(html: str) -> str:
    """`html` with nothing in it that could run, load or restyle; safe to publish as it is."""
    return _CLEANER.clean(html)


def drop_element(element: etree._Element) -> None:
    """Take an element out of its tree; the text behind it stays."""
    parent = element.getparent()
    if parent is None:
        return
    previous = element.getprevious()
    if element.tail and previous is not None:
        previous.tail = (previous.tail or "") + element.tail
    elif element.tail:
        parent.text = (parent.text or "") + element.tail
    parent.remove(element)

"""Parse HTML into a tree, safely for hostile documents, and sanitize the output.

`sanitize` is the last step of every body: only allowlisted markup remains, so nothing can run. HTML
is not modified after it.
"""

from __future__ import annotations

import re
from typing import cast

import nh3
from lxml import etree
from lxml.etree import ElementDefaultClassLookup
from lxml.html import HtmlElement

from core.text import collapse, count_letters, strip_invisible

_PLAIN = ElementDefaultClassLookup()
# One class for all elements: the lookup by name in `lxml.html` is slow.
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
    """Parse an HTML fragment. Never fails; empty input gives an empty tree."""
    return _parse(f"<html><body>{_shorten_long_tags(markup)}</body></html>", "body", _PLAIN)[1]


def parse_page(page: str) -> tuple[str, etree._Element]:
    """Parse a web page; return its text, safe for other parsers, and its `html` element.

    Elements are of `lxml.html`, so that extractors can use the same tree.
    """
    return _parse(_shorten_long_tags(strip_invisible(page)), "html", _FOR_EXTRACTORS)


def _parse(
    source: str, name: str, elements: ElementDefaultClassLookup
) -> tuple[str, etree._Element]:
    root, too_deep = _tree(source, elements)
    if too_deep:
        # Replace wrapper elements by line breaks; keep the text inside them.
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
        # A template that closes the page after its menu leaves the article outside the tree.
        # Browsers append such content to the body (WHATWG HTML 13.2.6.4.19).
        body = root.find("body")
        for more in list(root.itersiblings()):
            (root if body is None else body).append(more)
    deep = any("depth" in entry.message for entry in parser.error_log)
    return root, deep


def _shorten_long_tags(markup: str) -> str:
    """Reduce extremely long tags to the attributes in use."""
    return _LONG_TAG.sub(_shortened_tag, markup)


def _shortened_tag(match: re.Match[str]) -> str:
    kept = dict(reversed(_KEPT_ATTRIBUTE.findall(match[2][:200_000])))
    return f"<{match[1]}" + "".join(f" {name}={value}" for name, value in kept.items()) + ">"


def inner_text(element: etree._Element) -> str:
    """All text inside the element, unmodified."""
    return "".join(cast("list[str]", list(element.itertext())))


def spaced_text(element: etree._Element) -> str:
    """The text inside the element on one line, with spaces between its parts."""
    return collapse(" ".join(cast("list[str]", list(element.itertext())))).strip()


# An element with more letters is unclosed and contains the rest of the page.
_UNCLOSED = {"button": 1000, "dialog": 1000}
_FALLBACK = 250  # letters; longer than a request to enable scripts


def holds_page(element: etree._Element, tag: str) -> bool:
    """Whether an element that is usually not text contains much of a page.

    Some forums put posts into `noscript`; an unclosed button or dialog contains all that follows.
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
    size = count_letters(inner_text(element))
    linked = sum(count_letters(inner_text(link)) for link in element.iter("a"))
    return size >= least and linked <= 0.7 * size


FromMarkup = dict[str, str]  # `author`, `published`, `original_url` from markup
# A translation that links to its original: 点击查看本文英文版
_ORIGINAL = re.compile(
    r"本文.{0,2}[英中日法德][文语語]版|原文版|\bread (?:it|this.{0,10}) in english", re.I
)
_AUTHOR = re.compile(
    r"(?:^|[-_ ])(?:author(?:-?name)?|byline(?:-?name)?)(?:$|[-_ ])", re.IGNORECASE
)


def note_author_and_date(element: etree._Element, from_markup: FromMarkup) -> None:
    """Record author, date and original URL from a byline element."""
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
# The only allowed value of each; hosts of Chinese sites answer 403 to requests with a referrer.
_FIXED = {"dir": "rtl", "referrerpolicy": "no-referrer"}
_NUMERIC = frozenset({"width", "height", "start", "colspan", "rowspan"})


def _checked_attribute(tag: str, attribute: str, value: str) -> str | None:
    if attribute in _FIXED:
        return value if value == _FIXED[attribute] else None
    if attribute in _NUMERIC:
        return value if value.isascii() and value.isdigit() and len(value) < 6 else None
    if tag == "a" and attribute == "href":  # relative links do not work in a feed
        return value if value[:8].lower().startswith(("http://", "https://", "mailto:")) else None
    if tag == "img" and attribute == "src":
        if not value[:8].lower().startswith(("http://", "https://")):
            return None
        # A URL that ends with `src=` breaks readers that search for that string.
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
    """Remove everything that could run, load or restyle; the result is safe to publish."""
    return _CLEANER.clean(html)


def drop_element(element: etree._Element) -> None:
    """Remove an element from its tree; keep the text after it."""
    parent = element.getparent()
    if parent is None:
        return
    previous = element.getprevious()
    if element.tail and previous is not None:
        previous.tail = (previous.tail or "") + element.tail
    elif element.tail:
        parent.text = (parent.text or "") + element.tail
    parent.remove(element)

"""Small questions to an element, typed."""

from __future__ import annotations

from typing import cast

from lxml import etree

from core.text import collapse


def inner_text(element: etree._Element) -> str:
    """All text inside the element, as it stands in the source."""
    return "".join(cast("list[str]", list(element.itertext())))


def spaced_text(element: etree._Element) -> str:
    """The text inside the element on one line, its pieces kept apart."""
    return collapse(" ".join(cast("list[str]", list(element.itertext())))).strip()

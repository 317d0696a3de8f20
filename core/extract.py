"""An article from a web page: where trafilatura finds it, cut out of the page's own markup."""

from __future__ import annotations

from core.boilerplate import Boilerplate
from core.charset import decode
from core.clean import DEFAULT, Cleaned, CleanOptions, clean_entry
from core.models import Article, FeedEntry, Method


def extract_page(
    data: bytes,
    *,
    url: str | None,
    content_type: str | None = None,
    feed: Article | None = None,
    options: CleanOptions = DEFAULT,
    learned: Boilerplate | None = None,
) -> Cleaned | None:
    """The page's article; None where it gives nothing better than the feed's text."""
    text = decode(data, content_type=content_type).text
    entry = FeedEntry(guid="", position=0, content=text, content_type="html", link=url, base=url)
    cleaned = clean_entry(entry, options=options, learned=learned)
    if not cleaned.article.text:
        return None
    article = cleaned.article.model_copy(update={"method": Method.PAGE, "needs_page": False})
    return Cleaned(article, cleaned.signatures)

"""Imported once by the process that forks the children: loads what every child needs.

Patterns that are compiled at first use, tables and caches of libraries are then ready in each child
from its start, and shared in memory.
"""

from __future__ import annotations

import gc

from core.config.settings import Source
from core.feeds.new_entries import read_new_entries
from core.models import Article
from core.pipeline import prepare, prepare_first_page
from core.polling import robots_allow

_PARAGRAPH = (
    "<p>The mill by the river was built in 1874 and has ground corn for the village ever since, "
    "except in the two years after the flood. 水車はおよそ百年前に建てられ、村人は今も粉を挽く。"
    "磨坊在河邊，建於1874年，村民至今仍在使用。Photo: A. Miller (Reuters)</p>"
)
# Some patterns are compiled for a length of line: one line of each length.
_LINES = "".join(f"<p>{'Corn ' * length}</p>" for length in range(1, 102))
_PAGE = (
    "<html lang='en'><head><title>The mill - Example</title></head><body><nav><a href='/'>Home</a>"
    f"</nav><article><h1>The mill</h1><figure><img src='/a.jpg'><figcaption>The mill</figcaption>"
    f"</figure>{_PARAGRAPH * 8}{_LINES}<ul><li>Corn</li></ul><p>Share this</p></article></body>"
    "</html>"
)
_SOURCE = Source(url="https://example.org/feed.xml")
_LINK = "https://example.org/mill"


def warm_up() -> None:
    """Run the whole pipeline once, for an entry and for a page."""
    feed = (
        f"<rss version='2.0'><channel><title>Mill</title><item><title>The mill</title>"
        f"<link>{_LINK}</link><description><![CDATA[{_PARAGRAPH}]]></description></item>"
        f"</channel></rss>"
    )
    parsed = read_new_entries(feed.encode(), url=_SOURCE.url, content_type=None)
    prepare(parsed.entries, _SOURCE, None)
    robots_allow(b"User-agent: *\nDisallow: /x\n", url=_LINK, agent="Millrace")
    article = Article(title="The mill", link=_LINK)
    prepare_first_page(_PAGE.encode(), _LINK, "text/html", article, _SOURCE)


warm_up()
gc.collect()
gc.freeze()  # children do not collect these objects, so their memory stays shared

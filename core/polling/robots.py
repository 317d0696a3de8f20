"""What a site's robots.txt says about one address.

Run this in a child: the patterns are a stranger's and can be made to take for ever.
"""

from __future__ import annotations

from protego import Protego

from core.feeds.charset import decode


def robots_allow(robots: bytes, *, url: str, agent: str) -> bool:
    """Whether `robots` lets `agent` fetch `url`; what cannot be read forbids nothing."""
    rules = Protego.parse(decode(robots).text)
    allowed: bool = rules.can_fetch(url, agent)
    return allowed

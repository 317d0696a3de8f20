"""The headers that every answer carries."""

from __future__ import annotations

from core.config.settings import Settings

# We republish strangers' markup: even if one of them got through, no script of theirs would run.
SECURE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
FEED_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' https: http: data:; media-src https: http:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def secured(headers: dict[str, str]) -> dict[str, str]:
    """`headers` with the security headers they do not set themselves."""
    return {**SECURE, **headers}


def feed_headers(content_type: str, settings: Settings, *, stale: bool) -> dict[str, str]:
    """Headers of a feed document."""
    private = settings.service.private
    headers = {
        "Content-Type": f"{content_type}; charset=utf-8",
        "Content-Security-Policy": FEED_POLICY,
        "Cache-Control": "private, no-cache" if private else "public, max-age=1",
        "Vary": "Accept-Encoding, Sec-Fetch-Dest" + (", Authorization" if private else ""),
    }
    if not private:
        headers["Access-Control-Allow-Origin"] = "*"
    if stale:
        headers["Warning"] = '110 millrace "Response is Stale"'
    return secured(headers)

"""The stage of the demo and the end-to-end test: an origin with the seed articles and reposts.

Each seed is served in the shape in which such articles arrive; two further sources reprint all of
them with edited sentences, promo lines, share links and, for one, in Traditional characters.
"""

from __future__ import annotations

import asyncio
import html
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from opencc import OpenCC

SEEDS = Path(__file__).parent / "examples" / "seeds"
IDS = ("000", "001", "002", "003", "004")

_RSS = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/">'
    "<channel><title>{title}</title><link>{link}</link><description>{title}</description>"
    "{items}</channel></rss>"
)
_ATOM = (
    '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
    "<title>{title}</title><id>{link}</id><updated>2026-01-01T00:00:00Z</updated>{items}</feed>"
)
_PAGE = (
    "<!doctype html><html lang='zh'><head><meta charset='utf-8'><title>{title} - 城市新闻网</title>"
    "</head><body><header><nav><a href='/'>首页</a> <a href='/world'>国际</a> <a href='/life'>生活"
    "</a></nav></header><main><h1>{title}</h1>{body}</main><aside><h2>热门文章</h2><ul>"
    "<li><a href='/1'>今天的天气</a></li><li><a href='/2'>周末去哪里</a></li></ul></aside>"
    "<footer>版权所有 联系我们 隐私政策</footer></body></html>"
)


def seed_text(seed: str) -> str:
    """A seed as it arrives."""
    return (SEEDS / f"{seed}.txt").read_text(encoding="utf-8")


def expected(seed: str) -> dict[str, Any]:
    """What a clean entry made from a seed must hold."""
    found: dict[str, Any] = json.loads(
        (SEEDS / f"{seed}.expected.json").read_text(encoding="utf-8")
    )
    return found


def reprint(seed: str, *, promo: str, traditional: bool = False) -> str:
    """The article of a seed as a reprint site shows it: edited, wrapped in promo."""
    blocks = [block["text"] for block in expected(seed)["blocks"] if block["type"] == "p"]
    blocks[1] = blocks[1].replace("表示", "指出").replace("称", "说")
    blocks[-1] += "更多细节有待公布。"
    body = [f"<p>{html.escape(block, quote=False)}</p>" for block in blocks]
    body.insert(3, f"<p>{promo}</p>")
    body.append(f'<p><a href="https://share.example/?u={seed}">分享到微信</a></p><p>{promo}</p>')
    text = "".join(body)
    return OpenCC("s2t").convert(text) if traditional else text


async def _broken(how: str) -> web.Response:
    """An answer that is no feed."""
    if how == "silent":
        await asyncio.Event().wait()  # until the other side gives up
    bodies = {"garbage": "\x00\x01<<<&&&", "html": "<html><body><p>Hello</p></body></html>"}
    status = 500 if how == "500" else 200
    return web.Response(text=bodies.get(how, ""), status=status, content_type="text/html")


class Stage:
    """The origin: documents by path, and how often each was asked for."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: Counter[str] = Counter()
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> str:
        """Serve on 127.0.0.1; returns the address."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        host, bound = self._runner.addresses[0][:2]
        self.address = f"http://{host}:{bound}"
        return self.address

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner:
            await self._runner.cleanup()

    def config(self, **overrides: str) -> str:
        """A feeds.yaml that reads every source of this stage."""
        port = self.address.rsplit(":", 1)[1]
        lines = ["feed: {title: Millrace demo, language: zh}", "sources:"]
        for name in ("full-text", "markdown", "escaped", "atom", "stubs"):
            lines.append(f"  - {{url: {self.address}/{name}.xml, name: {name}, priority: 1}}")
        for name in ("reprints", "reprints-hant"):
            lines.append(f"  - {{url: {self.address}/{name}.xml, name: {name}, tags: [reprint]}}")
        lines += [
            "fetch:",
            "  min_interval: 2s",
            "  max_interval: 10s",
            "  backoff: {base: 1s, cap: 5s}",
            "  per_host: {in_flight: 8, per_second: 50}",
            f'  allow_private: ["127.0.0.1:{port}"]',
        ]
        lines += [f"{key}: {value}" for key, value in overrides.items()]
        return "\n".join(lines) + "\n"

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.path
        self.asked[path] += 1
        if path.startswith("/broken/"):
            return await _broken(path.removeprefix("/broken/").removesuffix(".xml"))
        body = self.document(path)
        if body is None:
            return web.Response(status=404)
        kind = "text/html" if path.endswith(".html") else "application/xml"
        tag = f'"{hash(body) & 0xFFFFFFFF:x}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(text=body, content_type=kind, headers={"ETag": tag})

    def document(self, path: str) -> str | None:
        """What stands at `path`; None: nothing."""
        documents = {
            "/full-text.xml": lambda: self._rss("Full text", ["002"]),
            "/markdown.xml": lambda: self._rss("Markdown mirror", ["000"]),
            "/escaped.xml": lambda: self._rss("Escaped mirror", ["004"]),
            "/atom.xml": lambda: self._atom("Atom mirror", ["001"]),
            "/stubs.xml": lambda: self._stubs("Stubs", ["003"]),
            "/reprints.xml": lambda: self._reprints("Reprints", "关注我们的频道，天天有好文"),
            "/reprints-hant.xml": lambda: self._reprints(
                "Reprints Hant", "订阅电子报，早安问候送到家", traditional=True
            ),
            "/pages/003.html": lambda: self._page("003"),
        }
        make = documents.get(path)
        return make() if make else None

    def _item(self, seed: str, body: str, *, source: str) -> str:
        title = html.escape(expected(seed)["title"], quote=False)
        return (
            f"<item><title>{title}</title><link>{self.address}/{source}/{seed}</link>"
            f"<guid isPermaLink='false'>{source}-{seed}</guid>"
            f"<content:encoded>{html.escape(body, quote=False)}</content:encoded></item>"
        )

    def _rss(self, title: str, seeds: list[str]) -> str:
        source = title.lower().replace(" ", "-")
        items = "".join(self._item(seed, seed_text(seed), source=source) for seed in seeds)
        return _RSS.format(title=title, link=self.address, items=items)

    def _reprints(self, title: str, promo: str, *, traditional: bool = False) -> str:
        source = title.lower().replace(" ", "-")
        items = "".join(
            self._item(seed, reprint(seed, promo=promo, traditional=traditional), source=source)
            for seed in IDS
        )
        return _RSS.format(title=title, link=self.address, items=items)

    def _atom(self, title: str, seeds: list[str]) -> str:
        items = "".join(
            f"<entry><title>{html.escape(expected(seed)['title'], quote=False)}</title>"
            f"<id>urn:example:{seed}</id><link href='{self.address}/atom/{seed}'/>"
            f"<updated>{expected(seed)['published'][:10]}T00:00:00Z</updated>"
            f"<content type='text'>{html.escape(seed_text(seed), quote=False)}</content></entry>"
            for seed in seeds
        )
        return _ATOM.format(title=title, link=self.address, items=items)

    def _stubs(self, title: str, seeds: list[str]) -> str:
        items = "".join(
            f"<item><title>{html.escape(expected(seed)['title'], quote=False)}</title>"
            f"<link>{self.address}/pages/{seed}.html</link>"
            f"<description>{html.escape(expected(seed)['title'], quote=False)}</description></item>"
            for seed in seeds
        )
        return _RSS.format(title=title, link=self.address, items=items)

    def _page(self, seed: str) -> str:
        raw = seed_text(seed)
        body = raw[raw.index("<div>") : raw.rindex("</div>") + len("</div>")]
        return _PAGE.format(title=expected(seed)["title"], body=body)


@contextmanager
def staged() -> Iterator[Stage]:
    """The origin on a loop of its own, for those who wait without one."""
    stage, loop = Stage(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(stage.start(), loop).result(10)
    try:
        yield stage
    finally:
        asyncio.run_coroutine_threadsafe(stage.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

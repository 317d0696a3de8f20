"""`make demo`: Millrace as a user starts it, on an origin of its own, without a network.

Five articles arrive in five shapes, and two more sources reprint each of them. The merged feed
shows five stories. Runs until it is interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from tests.score import f1
from tests.stage import IDS, Stage, expected

_PATIENCE = 120.0  # seconds until all must be there
_LOOK = 0.5  # seconds between two looks at the feed


async def main() -> int:
    """Start the origin and Millrace, show what came out, wait for Ctrl-C."""
    arguments = _arguments()
    stage = Stage()
    await stage.start()
    with tempfile.TemporaryDirectory(prefix="millrace-demo-") as folder:
        config = Path(folder) / "feeds.yaml"
        config.write_text(stage.config(), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "millrace", "run", "--config", str(config),
            "--data", str(arguments.data or Path(folder) / "data"), "--port", str(arguments.port),
        )  # fmt: skip
        try:
            return await _show(process, f"http://127.0.0.1:{arguments.port}", arguments.check)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()
            await stage.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--data", type=Path, help="kept; a folder that is removed if unset")
    parser.add_argument("--check", action="store_true", help="end when all is there")
    return parser.parse_args()


async def _show(process: asyncio.subprocess.Process, address: str, check: bool) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ended = asyncio.create_task(process.wait())
    watching = asyncio.create_task(_wait_for_stories(address))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
    good = watching.done() and _report(watching.result(), address)
    if watching.done() and not check:
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (watching, stopping):
        task.cancel()
    return 0 if good else 1


async def _wait_for_stories(address: str) -> list[dict[str, Any]]:
    """The stories of the feed, once each has its reposts or patience ends."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE
    items: list[dict[str, Any]] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while loop.time() < deadline:
            try:
                async with session.get(f"{address}/feed.json") as answer:
                    if answer.status == 200:
                        items = json.loads(await answer.text())["items"]
            except (aiohttp.ClientError, TimeoutError):
                items = []
            if sum(len(i["_millrace"]["sources"]) for i in items) >= 3 * len(IDS):
                return items
            await asyncio.sleep(_LOOK)  # the feed is looked at from outside, as a reader does
    return items


def _report(items: list[dict[str, Any]], address: str) -> bool:
    by_title = {expected(seed)["title"]: seed for seed in IDS}
    good = len(items) == len(IDS)
    print(f"\n{len(items)} stories from 15 entries of 7 sources:\n")
    for item in items:
        seed = by_title.get(item["title"])
        score = f1(item.get("content_text") or _text_of(item), expected(seed)) if seed else 0.0
        copies = ", ".join(s["name"] for s in item["_millrace"]["sources"])
        good = good and score >= 0.95 and len(item["_millrace"]["sources"]) == 3
        print(f"  {item['title']}\n    body F1 {score:.3f}   {copies}")
    print(f"\nSubscribe: {address}/feed.xml   look: {address}/   end: Ctrl-C\n", flush=True)
    return good


def _text_of(item: dict[str, Any]) -> str:
    from lxml import html

    return "\n".join(html.fromstring(f"<div>{item['content_html']}</div>").itertext())


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

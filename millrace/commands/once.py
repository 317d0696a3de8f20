"""`millrace once`: polls every source once and writes the merged feed as files. For cron."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from core.config.opml import opml_document
from core.config.settings import Settings, Source
from core.errors import MillraceError
from millrace.process.cluster import refuse_another_file
from millrace.process.config import Snapshot, read_snapshot
from millrace.process.data_folder import locked, private_store
from millrace.process.lifetime import stop_event
from millrace.process.logs import progress_bar
from service.feeds.query import FeedQuery
from service.feeds.render import FORMATS, Format, ServedFeed, Stamp, item_of, render, style_of
from service.languages import feed_language
from service.pages.page import render_page, static_bytes
from service.river import KeptStory, River
from store.connection import Store, opened
from store.migration import ensure_layout
from store.schedule import PAGES, add_sources, due_within, poll_in_order
from store.sources import SourceState, load_sources
from workers.settle import Sequencer
from workers.worker import run_worker

FALLBACK_HOME = "https://feed.invalid/"  # RSS wants an absolute address; `feed.link` gives one

_LOOK_SECONDS = 0.1
_UNDER_WAY = 30.0  # a page whose next attempt is further away than a lease has failed for now


def write_once(*, config: str, data: Path, redis: str | None, out: Path) -> int:
    """Poll all sources and write into `out`; returns the exit code.

    Raises ConfigError or MillraceError.
    """
    snapshot = read_snapshot(config)
    settings = snapshot.settings()
    # Sources that fail are named once, at the end.
    logging.getLogger().setLevel(logging.ERROR)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MillraceError(f"{out}: cannot be written: {error.strerror}") from error
    return asyncio.run(_once(snapshot, settings, data, redis, out))


async def _once(
    snapshot: Snapshot, settings: Settings, data: Path, redis: str | None, out: Path
) -> int:
    stop = stop_event()
    async with _store_url(data, redis) as url, opened(url) as store:
        await ensure_layout(store)
        await refuse_another_file(store, snapshot)
        # So that one input gives one feed: nothing may depend on who answers first.
        sequencer = Sequencer(strict=True)
        started = await store.now()
        due = await _make_due(store, settings, started)
        worker = asyncio.create_task(
            run_worker(redis_url=url, settings=lambda: settings, stop=stop, sequencer=sequencer)
        )
        polling = asyncio.create_task(_all_taken_in(store, due, started, sequencer))
        await asyncio.wait([worker, polling], return_when=asyncio.FIRST_COMPLETED)
        interrupted = not polling.done()
        stop.set()
        polling.cancel()
        await worker
        if interrupted:
            raise MillraceError("ended before every source was polled; nothing is written")
        failing = polling.result()
        stories = await write_site(store, settings, out)
    for line in failing:
        print(line, file=sys.stderr)
    print(f"{out}: {stories} stories from {len(settings.sources)} sources")
    return 0


@asynccontextmanager
async def _store_url(data: Path, redis: str | None) -> AsyncIterator[str]:
    if redis is not None:
        yield redis
        return
    with locked(data):
        async with private_store(data) as url:
            yield url


async def _make_due(store: Store, settings: Settings, now: float) -> list[str]:
    """Make every source due, in the order of feeds.yaml; returns their names."""
    sources = [source for source in settings.sources if source.enabled]
    names = [source.name for source in sources]
    await add_sources(store, names, spacing=0)
    states = zip(sources, await load_sources(store, names), strict=True)
    due = [source.name for source, state in states if not _left_alone(source, state, now)]
    await poll_in_order(store, due)
    return due


async def _all_taken_in(
    store: Store, due: Sequence[str], started: float, sequencer: Sequencer
) -> list[str]:
    """Wait until all entries are settled; returns one line for each source that failed."""
    with progress_bar() as progress:
        task = progress.add_task("polling", total=len(due))
        while True:
            states = await load_sources(store, due)
            done = sum(state is not None and (state.last_poll or 0) >= started for state in states)
            progress.update(task, completed=done)
            sequencer.pages_may_begin = done == len(due)
            if sequencer.pages_may_begin and not await due_within(store, PAGES, _UNDER_WAY):
                break
            await asyncio.sleep(_LOOK_SECONDS)  # workers write into the store without notice
    faults = zip(due, states, strict=True)
    return [f"{name}: {state.last_error}" for name, state in faults if state and state.last_error]


def _left_alone(source: Source, state: SourceState | None, now: float) -> bool:
    """Whether a source is skipped, however often cron runs: gone, or waiting for Retry-After."""
    if state is None or state.gone_from(source.url):
        return state is not None
    return state.last_status in (429, 503) and (state.next_poll or 0) > now


async def write_site(store: Store, settings: Settings, out: Path) -> int:
    """Write the feeds, sources.opml, index.html and, where it is on, the digest; returns how many
    stories the feeds hold."""
    river = River(store, lambda: settings)
    await river.catch_up()
    shown = river.newest()[: settings.feed.limit]
    files = _files(settings, river.newest(), shown)
    (out / "static").mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        _replace(out / name, body)
    return len(shown)


def _files(
    settings: Settings, kept: Sequence[KeptStory], shown: Sequence[KeptStory]
) -> dict[str, bytes]:
    home, now = (settings.feed.link or FALLBACK_HOME).rstrip("/") + "/", datetime.now(UTC)
    # Files have no hub of their own.
    alone = settings.service.model_copy(update={"hub": False})
    stamp = Stamp(0, settings.model_copy(update={"service": alone}), stale=False, fallback=now)

    def document(form: Format, name: str, stories: Sequence[KeptStory]) -> bytes:
        served = ServedFeed(form, FeedQuery(), home, name, (), digest=name.startswith("digest"))
        return render(served, stories, stamp, lambda _: now).body

    files = dict[str, bytes]()
    for form in FORMATS.values():
        files[f"feed.{form.name}"] = document(form, f"feed.{form.name}", shown)
        if settings.feed.digest != "off":
            files[f"digest.{form.name}"] = document(form, f"digest.{form.name}", kept)
    files["sources.opml"] = opml_document(settings.sources, title=settings.feed.title)
    files["index.html"] = _index(settings, shown)
    files["feed.xsl"] = static_bytes("feed.xsl")
    files["static/style.css"] = static_bytes("style.css")
    files["static/icon.svg"] = static_bytes("icon.svg")
    return files


def _index(settings: Settings, shown: Sequence[KeptStory]) -> bytes:
    style = style_of(settings)
    page = render_page(
        "site.html",
        feed_language(settings.feed),
        feed=settings.feed,
        items=[item_of(kept, style) for kept in shown],
        sources=[source.name for source in settings.sources],
    )
    return page.encode("utf-8", "replace")


def _replace(path: Path, body: bytes) -> None:
    """Replace a file atomically: a web server reads the old file or the new one, never a part."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(body)
    partial.replace(path)

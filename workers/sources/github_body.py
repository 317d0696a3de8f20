"""Fetches files of a folder: the bodies of pending entries, and files that may be renamed ones.

Git calls a file renamed when half of the lines agree, and articles of a mirror share many lines. So
texts are compared before a file counts as the same article.
"""

from __future__ import annotations

from typing import NamedTuple

from core.body.markdown import without_components
from core.body.normalize import is_draft
from core.config.settings import Source
from core.dates import iso
from core.errors import (
    BadStatus,
    DocumentError,
    FetchError,
    HostBusy,
    Phrase,
    RateLimited,
    ResourceLimit,
    TooLarge,
)
from core.feeds.charset import decode
from core.feeds.folder import is_same_article
from core.feeds.github import rate_limit
from core.feeds.steady import entry_digest
from core.ids import entry_id, guid_digest
from core.models import Article, EntryRecord, FeedEntry
from core.pipeline import PreparedEntry, without_page
from store.connection import Store
from store.entries import load_entries
from store.hosts import host_pause, pause_host
from store.monitoring import Counts
from store.sources import keep_learned, load_learned
from workers.context import WorkerContext, count_fetch
from workers.http.client import PATIENCE, Fetcher
from workers.http.response import PAGE_LINE, Response, shown_host
from workers.sources.documents import PollTools, prepare_entries
from workers.sources.github_api import PATIENCE as POLL_PATIENCE

PAUSE = 10.0  # seconds after a 429 without Retry-After, as raw.githubusercontent.com sends
PAUSE_CAP = 600.0
MOST_COMPARED = 50  # articles in one poll, one request each; others wait for the next poll
_POINTER = "version https://git-lfs.github.com/spec/"  # to a file that is stored elsewhere
MASS_REWRITE = 500  # articles in one poll; beyond that the whole folder was moved or reformatted


async def read_body(
    context: WorkerContext, record: EntryRecord, source: Source, counts: Counts
) -> PreparedEntry:
    """A pending entry with the body from its file; learned boilerplate is saved at once.

    Raises FetchError, ResourceLimit or DocumentError.
    """
    raw = record.raw
    assert raw is not None  # noqa: S101 - a pending entry has it
    whole = await fetch_body(context.store, context.fetcher, raw, attempts=record.attempts)
    count_fetch(counts, "page", seconds=0.0, size=len(whole.content))
    learned = await load_learned(context.store, record.source)
    prepared = await prepare_entries(context.sandbox, [whole], source, learned, counts)
    await keep_learned(context.store, record.source, prepared.learned)
    made = without_page(prepared.entries[0])
    article = made.article
    if article.published is None and raw.updated is not None:
        # After the dates in the text: the commit's date is when the article arrived here.
        article = article.model_copy(update={"published": iso(raw.updated)})
    kept_out = made.filtered
    if whole.content.startswith(_POINTER) or not (
        article.text or article.images or article.enclosures
    ):
        kept_out = "empty"  # only front matter
    if is_draft(whole.content):
        kept_out = "draft"
    return made._replace(article=article, filtered=kept_out)


async def fetch_body(
    store: Store,
    fetcher: Fetcher,
    entry: FeedEntry,
    *,
    attempts: int = 0,
    patience: float = PATIENCE,
) -> FeedEntry:
    """An entry with the body from its `body_urls`.

    The more `attempts` failed before, the longer is the pause after a 429 without Retry-After.
    Raises FetchError; HostBusy while the host of the files is paused.
    """
    for url in entry.body_urls:
        host = shown_host(url)
        if (pause := await host_pause(store, host)) is not None:
            seconds, reason = pause
            raise HostBusy(reason.text, wait=seconds, **reason.values)
        answer = await fetcher.get(
            url,
            accept="text/plain, */*;q=0.5",
            max_bytes=fetcher.settings.max_bytes.page,
            patience=patience,
            line=PAGE_LINE,
        )
        if answer.status == 200:
            if not answer.complete:
                raise FetchError("the answer of {host} broke off", host=host)
            text = decode(answer.body, content_type=answer.content_type).text
            if url.lower().endswith(".mdx"):
                text = without_components(text)
            return entry.model_copy(update={"content": text, "body_urls": (), "updated": None})
        await _pause_where_limited(store, host, answer, attempts)
        if answer.status != 404:  # the next address names the branch instead of the commit
            raise BadStatus(answer.status, host)
    raise BadStatus(404, shown_host(entry.body_urls[0]))


async def _pause_where_limited(store: Store, host: str, answer: Response, attempts: int) -> None:
    """Pause the host and raise RateLimited, if the response reports a limit."""
    pause = min(PAUSE * 2.0 ** min(attempts, 32), PAUSE_CAP)
    seconds = rate_limit(answer.status, answer.headers, now=await store.now(), otherwise=pause)
    if seconds is not None:
        reason = Phrase(
            "{host} answered {status}: nothing is fetched for {seconds} s",
            {"host": host, "status": str(answer.status), "seconds": f"{seconds:.0f}"},
        )
        await pause_host(store, host, seconds, reason)
        raise RateLimited(answer.status, host, retry_after=seconds, phrase=reason)


class Suspect(NamedTuple):
    """A file that may hold the known article `guid`, or another one."""

    path: str
    guid: str
    entry: FeedEntry  # of the present file
    in_place: bool = False  # the file was not renamed; then it usually holds that article


async def same_articles(
    tools: PollTools, source: Source, suspects: list[Suspect]
) -> dict[str, bool | None]:
    """Path -> whether the file holds that article; None when its text is not available now.

    Suspects whose known article has no stored text are left out.
    """
    records = await load_entries(tools.store, [entry_id(source.name, s.guid) for s in suspects])
    known = [
        (suspect, record.article)
        for suspect, record in zip(suspects, records, strict=True)
        if record is not None and record.article is not None and record.article.text
    ]
    found: dict[str, bool | None] = {suspect.path: None for suspect, _ in known}
    if len(known) > MASS_REWRITE:
        found = {suspect.path: suspect.in_place for suspect, _ in known}
        known = []
    for suspect, article in known[:MOST_COMPARED]:
        found[suspect.path] = await _is_same(tools, source, suspect, article)
    return found


async def returned(tools: PollTools, entries: list[FeedEntry]) -> list[FeedEntry]:
    """The entries whose path held another text before the file was removed."""
    seen = (await tools.reader.remembered()).seen
    digests = [seen.get(guid_digest(entry.guid)) for entry in entries]
    return [
        entry
        for entry, digest in zip(entries, digests, strict=True)
        if digest is not None and digest != entry_digest(entry)
    ]


async def _is_same(
    tools: PollTools, source: Source, suspect: Suspect, article: Article
) -> bool | None:
    learned = (await tools.reader.remembered()).learned
    try:
        whole = await fetch_body(tools.store, tools.fetcher, suspect.entry, patience=POLL_PATIENCE)
        made = await prepare_entries(tools.sandbox, [whole], source, learned, Counts())
    except (TooLarge, DocumentError, ResourceLimit):
        return suspect.in_place
    except FetchError as fault:
        gone = isinstance(fault, BadStatus) and fault.status == 404
        return suspect.in_place if gone else None
    return is_same_article(article, made.entries[0].article, in_place=suspect.in_place)

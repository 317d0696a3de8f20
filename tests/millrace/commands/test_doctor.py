"""The doctor names what is wrong and how to mend it; a container's health check tells the same."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from millrace.commands.doctor import Finding, examine
from millrace.healthcheck import service_is_well, worker_is_well
from store.connection import Store
from store.monitoring import WorkerBeat, beat
from tests.origin import Answer, Origin


async def found(config: Path, data: Path, redis: str | None = None) -> dict[str, Finding]:
    """Beside the loop, in which the origin has to go on answering."""
    looked = await asyncio.to_thread(
        lambda: list(examine(config=str(config), data=data, redis=redis))
    )
    return {finding.what: finding for finding in looked}


async def test_a_sound_machine_has_no_faults(
    tmp_path: Path, origin: Origin, store_url: str
) -> None:
    url = origin.at("/feed", Answer("<rss/>"))
    config = tmp_path / "feeds.yaml"
    config.write_text(
        f"sources: [{{url: '{url}'}}]\nfetch: {{allow_private: ['{origin.allowance}']}}\n"
    )

    findings = await found(config, tmp_path, store_url)

    assert {what for what, finding in findings.items() if not finding.well} == set()
    assert set(findings) >= {"python", "configuration", "data folder", "disk", "store", "network"}


async def test_each_fault_says_how_to_mend_it(tmp_path: Path) -> None:
    config = tmp_path / "feeds.yaml"
    config.write_text("sources: [{url: 'http://127.0.0.1:9/', evry: 3m}]\n")

    findings = await found(config, tmp_path, "redis://:secret@127.0.0.1:1")

    assert "did you mean `every`?" in findings["configuration"].said
    assert not findings["store"].well
    assert "; start it, or correct REDIS_URL" in findings["store"].said
    assert "secret" not in str(findings)


async def test_a_network_fault_names_the_source(tmp_path: Path) -> None:
    config = tmp_path / "feeds.yaml"
    config.write_text("sources: [{url: 'http://127.0.0.1:9/', name: quiet}]\n")

    findings = await found(config, tmp_path)

    assert findings["network"].said.startswith("quiet: ")


async def test_a_worker_is_well_when_the_store_saw_it(store: Store) -> None:
    assert not await worker_is_well(store.url)

    await beat(
        store,
        WorkerBeat(id="w", host=socket.gethostname(), pid=1, started=0, last=await store.now()),
    )

    assert await worker_is_well(store.url)


def test_a_service_that_does_not_answer_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setenv("MILLRACE_PORT", str(port))

    assert not service_is_well()

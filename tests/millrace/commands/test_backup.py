"""State that moves arrives whole, and never into a store that holds something."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.models import Decision, EntryRecord, FeedEntry
from millrace.cli import exit_code
from store import keys
from store.commit import Batch, commit
from store.connection import Store, opened
from store.migration import ensure_layout, export_state, restore_state


@pytest.fixture
async def other(store: Store) -> AsyncIterator[Store]:
    """A second empty store."""
    async with opened(f"{store.url}?db=1") as second:
        yield second


async def _contents(store: Store) -> dict[bytes, object]:
    found: dict[bytes, object] = {}
    async for key in store.redis.scan_iter():
        kind = await store.redis.type(key)
        found[key] = (kind, await store.redis.pexpiretime(key), await _value(store, key, kind))
    return found


async def _value(store: Store, key: bytes, kind: bytes) -> object:
    match kind:
        case b"string":
            return await store.redis.get(key)
        case b"hash":
            return await store.redis.hgetall(key)
        case b"zset":
            return await store.redis.zrange(key, 0, -1, withscores=True)
        case b"list":
            return await store.redis.lrange(key, 0, -1)
    return await store.redis.xrange(key)


async def fill(store: Store) -> None:
    await ensure_layout(store)
    now = datetime.now(UTC)
    record = EntryRecord(
        id="e1", source="a", guid="g", url=None, title="T", arrived=now, place=now, order=0,
        decision=Decision.PENDING, rule="page", raw=FeedEntry(guid="g", position=0),
    )  # fmt: skip
    await commit(store, Batch(entries=[record]))
    await store.redis.hset(keys.source("a"), mapping={"state": b"\xff{}", "listed": b"\x00\x01"})
    await store.redis.zadd(keys.SCHEDULE, {"a": 1_800_000_000_123})
    await store.redis.rpush(keys.PREFIX + "ix:slices", "1:1")
    await store.redis.xadd(keys.CHANGES, {"kind": "new", "story": "e1"}, id="1800000000000-3")


async def test_what_is_restored_is_what_was_exported(store: Store, other: Store):
    await fill(store)
    await store.redis.hset(keys.source("a"), "token", "123")
    await store.redis.set(keys.heartbeat("worker", "gone"), "x")
    await store.redis.zadd(keys.QUEUE, {"job": 1})
    await store.redis.set(keys.QUEUE + ":health-check", "x")

    await restore_state(other, [line async for line in export_state(store)])

    await store.redis.delete(
        keys.heartbeat("worker", "gone"), keys.QUEUE, keys.QUEUE + ":health-check"
    )
    await store.redis.hdel(keys.source("a"), "token")
    after = await _contents(other)
    assert await other.redis.zscore(keys.PENDING, "e1") is not None
    after.pop(keys.PENDING.encode())
    assert after == await _contents(store)


async def test_a_store_that_holds_something_is_left_alone(store: Store, other: Store):
    await fill(store)
    await ensure_layout(other)

    with pytest.raises(Exception, match="empty one"):
        await restore_state(other, [line async for line in export_state(store)])


async def test_a_file_that_is_no_state_is_refused(other: Store):
    with pytest.raises(Exception, match="not an exported state"):
        await restore_state(other, ["hello"])


async def test_a_move_by_the_commands(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    await fill(store)
    old, new, file = str(tmp_path / "old"), str(tmp_path / "new"), str(tmp_path / "state.gz")

    def move() -> list[int]:
        return [
            exit_code(["export", file, "--redis", store.url]),
            exit_code(["restore", file, "--data", old]),
            exit_code(["export", file, "--data", old]),
            exit_code(["restore", file, "--data", new]),
            exit_code(["restore", file, "--data", new]),
            exit_code(["restore", str(tmp_path / "none.gz"), "--data", str(tmp_path / "third")]),
        ]

    assert await asyncio.to_thread(move) == [0, 0, 0, 0, 1, 1]
    told = capsys.readouterr()
    written, read, again, read_again = (line.split()[-2] for line in told.out.splitlines())
    assert (written, again) == (read, read_again)
    assert "restore into an empty one" in told.err
    assert "cannot be read" in told.err


def test_a_folder_without_state_is_not_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    nowhere, file = tmp_path / "nowhere", tmp_path / "state.gz"

    assert exit_code(["export", str(file), "--data", str(nowhere)]) == 1
    assert "name its folder with --data" in capsys.readouterr().err
    assert not file.exists()
    assert not nowhere.exists()


def test_a_backup_in_a_folder_is_readable_by_its_owner_alone(store: Store, tmp_path: Path):
    before = os.umask(0)
    try:
        assert exit_code(["export", str(tmp_path / "backup"), "--redis", store.url]) == 0
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "backup" / "millrace-state.gz").stat().st_mode) == 0o600
    assert exit_code(["restore", str(tmp_path / "backup"), "--data", str(tmp_path / "new")]) == 0

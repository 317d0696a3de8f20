"""Scripts have one prelude, Lua cuts layouts as Python does, and plans arrive as they are."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from core.dedup.fingerprint import PRINT_BYTES
from store import keys
from store.commit import (
    Batch,
    EntryPlan,
    Fence,
    Plan,
    SourcePlan,
    SourceWrite,
    StoryPlan,
    commit,
)
from store.connection import Store
from store.index import ClaimPlan
from store.layout import LAYOUTS, LISTED, RECORD, SEEN, Layout, packed, script
from store.sources import SourceState

ROOT = Path(__file__).parents[2]
LUA = sorted(path.stem for path in (ROOT / "store/lua").glob("*.lua"))


async def run(store: Store, text: str, *arguments: object) -> object:
    """What a script of these lines returns, behind the prelude."""
    return await store.call(store.redis.register_script(script() + "\n" + text), [], [*arguments])


def test_all_lua_is_in_one_folder_and_starts_with_the_prelude() -> None:
    inline = [
        str(path.relative_to(ROOT))
        for folder in ("core", "store", "workers", "service", "millrace")
        for path in (ROOT / folder).rglob("*.py")
        if "redis.call(" in path.read_text(encoding="utf-8")
    ]
    clocks = [name for name in LUA if "'TIME'" in (ROOT / f"store/lua/{name}.lua").read_text()]

    assert inline == []
    assert clocks == ["prelude"]


@pytest.mark.parametrize("name", LUA)
async def test_a_script_compiles_and_says_what_it_is(store: Store, name: str) -> None:
    needs = ("index", name) if "Follows index.lua" in script(name) else (name,)

    await store.redis.script_load(script(*needs))

    assert (ROOT / f"store/lua/{name}.lua").read_text().startswith("-- ")


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
async def test_lua_cuts_a_layout_as_python_does(store: Store, layout: Layout) -> None:
    text = random.Random(1).randbytes(layout.size)
    cuts = [
        f"ARGV[1]:sub(1 + {layout.name}_{field.upper()}, 1 + {layout.name}_{field.upper()}_LAST)"
        for field in layout.fields
    ]

    found = await run(store, f"return {{{layout.name}_BYTES, {', '.join(cuts)}}}", text)

    assert found == [layout.size, *layout.split(text).values()]
    assert b"".join(layout.split(text).values()) == text


def test_layouts_have_the_sizes_of_what_is_kept_in_them() -> None:
    assert RECORD["print"] == PRINT_BYTES
    assert LISTED["content"] == SEEN["content"]
    for layout in LAYOUTS:  # what folders of users hold
        assert (
            layout.size
            == {"KEY": 5, "POSTING": 5, "RECORD": 60, "LISTED": 24, "SEEN": 12}[layout.name]
        )


async def test_a_guid_is_kept_in_the_layout_that_is_written_down(store: Store) -> None:
    write = SourceWrite(
        "source", SourceState(url="u", configured_url="u"), 60, [(b"g" * 16, b"8" * 8)]
    )
    await commit(store, Batch(source=write))

    (value,) = (await store.redis.hgetall(keys.seen("source"))).values()
    listed = SEEN.split(value)
    await commit(store, Batch(source=SourceWrite("source", write.state, 60, [])))
    (value,) = (await store.redis.hgetall(keys.seen("source"))).values()
    dropped = SEEN.split(value)

    assert listed == {"content": b"8" * 8, "dropped": b"\xff" * 4}
    assert dropped["content"] == b"8" * 8
    assert abs(int.from_bytes(dropped["dropped"], "big") - await store.now()) < 30


@pytest.mark.parametrize("number", [0, 1, 255, 256, 65535, 65536, 2**24 - 1, 2**32 - 1])
async def test_numbers_are_bytes_and_back(store: Store, number: int) -> None:
    text = "local b = as_bytes(tonumber(ARGV[1]), 4) return {b, tostring(number_at(b, 1, 4))}"

    as_bytes, again = await run(store, text, number)  # type: ignore[misc]

    assert as_bytes == number.to_bytes(4, "big")
    assert float(again) == number


async def test_a_plan_arrives_as_it_is(store: Store) -> None:
    binary = bytes(range(256)) * 300
    plan = Plan(
        layout="2",
        changes_kept=20_000,
        fences=[Fence("schedule", "state", "name", "token", 2**40)],
        entries=[EntryPlan("id", "key", binary, 60, True, ["url 1", "网址"])],
        stories=[StoryPlan("key", "id", 0, 1, "new", b"", score="1e3", arrived=-1)],
        claims=[ClaimPlan("id", b"\x00", weighed=[b"\xff"], again=False)],
        source=SourcePlan("key", "seen", "learned", b"state"),
        mark=None,
    )
    text = """
    local plan = cmsgpack.unpack(ARGV[1])
    local fence, entry = plan.fences[1], plan.entries[1]
    local story, claim = plan.stories[1], plan.claims[1]
    return {
      plan.layout, plan.changes_kept, fence.next, entry.doc, entry.fresh, entry.urls, story.doc,
      story.arrived, claim.keys, claim.weighed, claim.again == false, plan.source.state,
      plan.mark == nil, plan.source.seen == nil, #plan.fences,
    }"""

    found = await run(store, text, packed(plan))

    assert found == [
        b"2", 20_000, 2**40, binary, 1, [b"url 1", "网址".encode()], b"", -1, b"\x00", [b"\xff"], 1,
        b"state", 1, 1, 1,
    ]  # fmt: skip


def test_no_model_has_more_fields_than_one_byte_can_tell() -> None:
    models = [Plan, Fence, EntryPlan, StoryPlan, SourcePlan, ClaimPlan]

    assert all(len(model.__slots__) < 16 for model in models)


async def test_a_script_knows_the_prefix_of_keys(store: Store) -> None:
    assert await run(store, "return key('schedule')") == keys.SCHEDULE.encode()


def test_no_script_holds_a_size_that_a_layout_states() -> None:
    """A number in a `sub` would be a second place where a layout is written down."""
    for name in LUA:
        text = re.sub(r"--.*", "", (ROOT / f"store/lua/{name}.lua").read_text())
        cuts = re.findall(r":sub\(([^()]*)\)", text)
        numbers = [number for cut in cuts for number in re.findall(r"\b\d+\b", cut)]
        assert set(numbers) <= {"1"}, (name, cuts)

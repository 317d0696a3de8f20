"""`millrace dedup`: a line out for each line in, decided as live entries are."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from core.errors import ConfigError
from millrace.commands.dedup import FIELDS, dedup_file, dedup_lines
from tests.core.stories import body, paragraphs, title


def line(name: str, seed: int, **more: Any) -> bytes:
    stated = {"id": name, "title": title(seed), "content": _html(seed)} | more
    return orjson.dumps(stated)


def _html(seed: int, count: int = 16) -> str:
    return "".join(f"<p>{text}</p>" for text in paragraphs(seed, count))


async def answers(lines: list[bytes]) -> list[dict[str, Any]]:
    return [found async for found in dedup_lines(lines)]


async def test_reposts_name_the_first_member_and_share_its_story():
    found = await answers(
        [line("a", 1), line("b", 2), line("c", 1, title="Told again"), line("d", 1), b"\n"]
    )

    assert [each["id"] for each in found] == ["a", "b", "c", "d"]
    assert [each["repost_of"] for each in found] == [None, None, "a", "a"]
    assert found[0]["story"] == found[2]["story"] == found[3]["story"] != found[1]["story"]
    assert [each["rule"] for each in found] == ["founder", "founder", *["same text"] * 2]
    assert all(tuple(each) == FIELDS for each in found)
    assert found[3]["distance"] == 0
    assert found[3]["similarity"] == 1.0


async def test_lines_without_a_source_are_sources_of_their_own():
    texts = [line(name, 1, title=name * 30) for name in "ab"]
    apart = [orjson.dumps(orjson.loads(each) | {"source": "one"}) for each in texts]

    assert [each["repost_of"] for each in await answers(texts)] == [None, "a"]
    assert [each["repost_of"] for each in await answers(apart)] == [None, None]


async def test_a_line_that_is_no_entry_gets_an_answer_that_says_so():
    found = await answers([b"{broken", b"[1]", line("a", 1, content=None), line("b", 1)])

    assert ["error" in each for each in found] == [True, True, False, False]
    assert found[3]["id"] == "b"


def test_the_answers_are_written_where_they_are_wanted(tmp_path, capfd):
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(b"\n".join([line("a", 1), line("b", 1)]))

    code = dedup_file(str(path), out=str(out))

    assert code == 0
    assert len(out.read_bytes().splitlines()) == 2
    assert "2 entries, 1 stories" in capfd.readouterr().err


def test_a_file_that_is_not_there_is_a_fault_of_usage(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.jsonl"):
        dedup_file(str(tmp_path / "no.jsonl"), out=None)


def test_stories_of_the_tests_are_what_they_say():
    assert body(1).split("\n\n") == paragraphs(1)


def test_pairs_score_the_result_and_name_the_row_of_what_is_missed_and_wrong(tmp_path, capfd):
    path, truth = tmp_path / "in.jsonl", tmp_path / "truth.jsonl"
    lines = [line("a", 1), line("b", 1), line("c", 2), line("d", 3), line("e", 3)]
    path.write_bytes(b"\n".join(lines))
    labels = [("a", "b", "repost"), ("a", "c", "repost"), ("d", "e", "template")]
    rows = [orjson.dumps(dict(zip(("a", "b", "label"), row, strict=True))) for row in labels]
    truth.write_bytes(b"\n".join(rows))

    code = dedup_file(str(path), out=str(tmp_path / "out"), pairs=str(truth))

    said = capfd.readouterr().err
    assert code == 0
    assert "missed: a [founder] c [founder]: other text (different)" in said
    assert "missed: b [same text] c [founder]" in said
    assert "wrong template: d [founder] e [same text]: same text (same)" in said
    assert "all: F1 0.4000, precision 0.5000, recall 0.3333 (1 right, 2 missed, 1 wrong)" in said


@pytest.mark.parametrize("row", [b"{", b"[]", b'{"a": 1, "b": 2}', b'{"a":1,"b":2,"label":"x"}'])
def test_a_row_of_the_truth_that_cannot_be_read_is_named(tmp_path, row):
    truth = tmp_path / "truth.jsonl"
    truth.write_bytes(b'{"a": 1, "b": 2, "label": "repost"}\n' + row)

    with pytest.raises(ConfigError, match=r"truth\.jsonl:2"):
        dedup_file(str(tmp_path / "in.jsonl"), out=None, pairs=str(truth))

"""One event a line, for people or machines, and never a secret."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator

import pytest
import structlog

from millrace.process import logs


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(form: logs.Format, event: str, **fields: object) -> str:
    stream = io.StringIO()
    logs.configure(form, stream=stream)
    structlog.get_logger().warning(event, **fields)
    return stream.getvalue()


def test_text_is_one_line_with_level_and_fields() -> None:
    line = logged("text", "poll.failed", source="example", status=500)

    assert line.endswith(" warning poll.failed  source=example  status=500\n")


def test_a_child_of_a_supervisor_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.PROCESS_VARIABLE, "worker-1")

    assert logged("text", "store.away").endswith(" store.away  process=worker-1\n")


def test_json_is_one_object_a_line() -> None:
    event = json.loads(logged("json", "poll.failed", source="例", status=500))

    assert (event["event"], event["level"]) == ("poll.failed", "warning")
    assert (event["source"], event["status"]) == ("例", 500)


@pytest.mark.parametrize("form", ["text", "json"])
def test_credentials_and_queries_are_left_out(form: logs.Format) -> None:
    line = logged(
        form,
        "poll.failed",
        url="https://user:hunter2@example.org/feed?key=hunter2",
        reason="redis://:hunter2@store:6379/0 refused",
        token="hunter2",
    )

    assert "hunter2" not in line
    assert "example.org/feed" in line


def test_nobody_outside_writes_a_line_of_ours() -> None:
    line = logged("text", "entry.skipped", title="a\r\nb\x1b[31m\u2028c")

    assert line.count("\n") == 1
    assert r"a\x0d\x0ab\x1b[31m\x2028c" in line


def test_an_exception_is_one_line() -> None:
    stream = io.StringIO()
    logs.configure("text", stream=stream)

    try:
        raise ValueError("no\nway")
    except ValueError:
        logging.getLogger("library").exception("it broke")

    assert stream.getvalue().count("\n") == 1
    assert r"exception=ValueError: no\x0away (process/test_logs.py:" in stream.getvalue()


def test_libraries_log_in_the_same_form() -> None:
    stream = io.StringIO()
    logs.configure("json", stream=stream)

    logging.getLogger("library").error("%s went wrong", "something")

    assert json.loads(stream.getvalue())["event"] == "something went wrong"


def test_the_level_holds_for_processes_that_are_started_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(logs.LEVEL_VARIABLE, "info")
    stream = io.StringIO()
    logs.configure("text", stream=stream)

    logs.set_level("error")
    structlog.get_logger().warning("poll.failed")
    quiet = stream.getvalue()
    logs.set_level("debug")
    structlog.get_logger().debug("poll.failed")

    assert quiet == ""
    assert "debug   poll.failed" in stream.getvalue()
    assert os.environ[logs.LEVEL_VARIABLE] == "debug"

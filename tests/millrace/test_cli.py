"""The command line as people and scripts meet it: one line a fault, and an exit code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.config.settings import VERSION

GOOD = "sources:\n  - url: https://example.org/rss.xml\n"
BAD = GOOD + "    evry: 3m\n  - url: ftp://example.org\n"


@contextmanager
def feed_server() -> Iterator[str]:
    """A server with one feed; gives its address."""
    feed = (
        b"<rss version='2.0'><channel><title>The Mill</title><item><guid>1</guid>"
        b"<title>Flood</title><description>The river rose.</description></item></channel></rss>"
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(feed)))
            self.end_headers()
            self.wfile.write(feed)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def millrace(
    *arguments: str, cwd: Path, stdin: str | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """One command, run as a user does, with nothing in the environment but what is given."""
    return subprocess.run(
        [sys.executable, "-m", "millrace", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), **env},
    )


def test_check_is_quiet_about_a_good_file(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(GOOD)

    answer = millrace("check", cwd=tmp_path)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == "feeds.yaml: no faults, 1 source\n"


def test_check_tells_every_fault_in_a_line_with_the_path_as_given(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(BAD)

    answer = millrace("check", "./x.yaml", cwd=tmp_path)

    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.splitlines() == [
        "./x.yaml:3: sources[0].evry: unknown field; did you mean `every`?",
        "./x.yaml:4: sources[1].url: 'ftp://example.org' is not a web address: "
        "it must begin with https:// or http://",
    ]


def test_check_for_machines_is_one_object(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)

    good = millrace("check", "good.yaml", "--json", cwd=tmp_path)
    bad = millrace("check", "bad.yaml", "--json", cwd=tmp_path)

    assert (good.returncode, bad.returncode) == (0, 2)
    assert json.loads(good.stdout) == {"path": "good.yaml", "sources": 1, "faults": []}
    assert len(json.loads(bad.stdout)["faults"]) == 2


def test_an_import_for_machines_is_one_object(tmp_path: Path) -> None:
    (tmp_path / "in.opml").write_text(
        "<opml><body><outline text='Mill' xmlUrl='https://a.example/rss'/></body></opml>"
    )

    answer = millrace("opml", "import", "in.opml", "--no-ask", "--json", cwd=tmp_path)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout) == {
        "config": "feeds.yaml",
        "added": ["mill"],
        "there": 0,
        "twice": 0,
        "left_out": [],
        "unanswered": [],
    }


def test_an_address_for_machines_is_one_object(tmp_path: Path) -> None:
    with feed_server() as address:
        (tmp_path / "feeds.yaml").write_text(
            f"sources: []\nfetch: {{allow_private: ['{address.removeprefix('http://')}']}}\n"
        )

        answer = millrace("add", f"{address}/feed", "--json", cwd=tmp_path)

    found = json.loads(answer.stdout)
    assert (found["name"], found["added"], found["entries"]) == ("the-mill", True, 1)
    assert found["newest"] == [{"title": "Flood", "text": "The river rose."}]


def test_shells_complete_commands(tmp_path: Path) -> None:
    asked = {"_MILLRACE_COMPLETE": "complete_bash", "COMP_WORDS": "millrace ex", "COMP_CWORD": "1"}

    answer = millrace(cwd=tmp_path, **asked)

    assert answer.stdout.split() == ["extract", "export", "explain"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "nowhere.yaml"], "nowhere.yaml:1: there is no such file"),
        (["run", "--config", "nowhere.yaml"], "nowhere.yaml:1: there is no such file"),
        (["run", "--port", "many"], "--port"),
        (["work"], "no store: give --redis URL or set REDIS_URL"),
        (["serve"], "no store: give --redis URL or set REDIS_URL"),
        (["serve", "--redis", "http://x:y@z"], "REDIS_URL or --redis: must begin with redis://"),
        (["walk"], "No such command 'walk'"),
        (["check", "--evry"], "No such option: --evry"),
        (["once"], "--out"),
        (["opml"], "Missing command"),
        (["explain"], "(see millrace explain --help)"),
        (["add", "ftp://example.org"], "is not a web address"),
    ],
)
def test_wrong_usage_is_one_line_and_2(tmp_path: Path, arguments: list[str], says: str) -> None:
    answer = millrace(*arguments, cwd=tmp_path)

    assert answer.returncode == 2
    assert says in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["explain", "https://example.org/"], "no running Millrace at the data folder data"),
        (["forget", "x"], "neither the address of a story nor an id"),
        (["poll", "a"], "no running Millrace at the data folder data"),
        (["explain", "x", "--redis", "redis://:pw@127.0.0.1:1"], "redis://***@127.0.0.1:1"),
        (["opml", "import", "nowhere.opml"], "nowhere.opml: cannot be read"),
        (["extract", "nowhere.html"], ""),
    ],
)
def test_failure_is_one_line_and_1(tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "feeds.yaml").write_text("sources:\n  - {url: 'https://a.example/', name: a}\n")

    answer = millrace(*arguments, cwd=tmp_path)

    assert answer.returncode == 1
    assert says in answer.stderr
    assert "pw" not in answer.stderr
    assert answer.stderr.count("\n") <= 1


def test_a_port_in_use_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(GOOD)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        answer = millrace("run", "--port", str(port), cwd=tmp_path)

    assert answer.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in answer.stderr
    assert "--port" in answer.stderr


def test_the_environment_counts_before_the_default(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)

    answer = millrace("check", cwd=tmp_path, MILLRACE_CONFIG="mine.yaml")

    assert answer.stdout == "mine.yaml: no faults, 1 source\n"


def test_a_wrong_log_format_is_refused(tmp_path: Path) -> None:
    answer = millrace("check", cwd=tmp_path, MILLRACE_LOG="xml")

    assert answer.returncode == 2
    assert answer.stderr == "MILLRACE_LOG must be text or json, not 'xml'\n"


def test_the_version_is_told(tmp_path: Path) -> None:
    assert millrace("--version", cwd=tmp_path).stdout == f"millrace {VERSION}\n"


def test_help_names_every_command_and_starts_nothing_heavy(tmp_path: Path) -> None:
    answer = millrace("--help", cwd=tmp_path)

    assert answer.returncode == 0
    for command in ("run", "serve", "work", "once", "check", "extract", "dedup", "explain", "opml"):
        assert f"\n  {command} " in answer.stdout
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import millrace.cli"],
        capture_output=True,
        text=True,
    ).stderr
    for heavy in ("numpy", "trafilatura", "aiohttp", "arq"):
        assert f" {heavy}\n" not in imported


def test_extract_prints_one_object_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>Hello there, reader of a first paragraph.</p>")

    answer = millrace("extract", "a.html", "-", cwd=tmp_path, stdin="<p>And from a pipe.</p>")

    assert (answer.returncode, answer.stderr) == (0, "")
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [line["file"] for line in lines] == ["a.html", "-"]
    assert lines[1]["text"] == "And from a pipe."


def test_extract_for_an_unknown_source_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(GOOD)

    answer = millrace("extract", "-", "--source", "nobody", cwd=tmp_path, stdin="x")

    assert answer.returncode == 2
    assert answer.stderr == "feeds.yaml: has no source named 'nobody' (--source)\n"


def test_a_reader_that_leaves_early_is_no_fault(tmp_path: Path) -> None:
    files = []
    for number in range(200):
        (tmp_path / f"{number}.html").write_text(f"<p>{'word ' * 200}</p>")
        files.append(f"{number}.html")
    command = [sys.executable, "-m", "millrace", "extract", *files]

    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""

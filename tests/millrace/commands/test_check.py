"""`millrace check --explain` names every effective value with where it came from."""

from pathlib import Path

import pytest

from millrace.cli import exit_code

CONFIG = """\
feed: {link: https://news.example/}
service: {token: "${TOKEN}"}
defaults:
  world: {every: 30m}
webhooks:
  - {url: https://hook.example/, secret: "0123456789"}
sources:
  - url: https://user:pw@a.example/feed
    tags: [world]
  - {url: https://b.example/feed, name: bee, every: 1h}
"""


@pytest.fixture
def lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """What it says of the file above."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN", "open sesame")
    Path("feeds.yaml").write_text(CONFIG)
    assert exit_code(["check", "--explain"]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    "line",
    [
        'feed.link = "https://news.example/"  (feeds.yaml:1)',
        'fetch.user_agent = "Millrace/0.1.0 (+https://news.example/about)"'
        "  (follows from other values)",
        'fetch.timeout = "30s"  (default)',
        "service.token = set, not shown  (feeds.yaml:2)",
        "webhooks[0].secret = set, not shown  (feeds.yaml:6)",
        'a-example-feed.name = "a-example-feed"  (follows from other values)',
        'a-example-feed.every = "30m"  (defaults of world, feeds.yaml:4)',
        "a-example-feed.auth = set, not shown  (follows from other values)",
        'bee.every = "1h"  (feeds.yaml:10)',
        "bee.priority = 0  (default)",
    ],
)
def test_each_value_has_its_origin(lines: list[str], line: str):
    assert line in lines


def test_no_secret_is_shown(lines: list[str]):
    assert not [each for each in lines if "sesame" in each or "pw" in each or "01234" in each]

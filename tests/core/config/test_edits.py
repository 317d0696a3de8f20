"""Sources are added to the text of feeds.yaml; everything else stays as it was."""

from __future__ import annotations

import pytest

from core.config.edits import NewSource, with_sources
from core.config.file import load_settings

NEW = NewSource(
    url="https://new.example/feed?x=1&y=2",
    title="New: #1 „Zeitung“",
    name="new",
    tags=("a", "中文"),
)

COMMENTED = """\
# my list
feed: {title: 'River'}   # quoted
sources:
    # the first one
    - url: https://a.example/   # keep this
      name: a

    - {url: https://b.example/, name: b}
    # after the last

# then the rest
service: {token: ${TOKEN}}
"""

SHAPES = {
    "commented": COMMENTED,
    "not indented": "sources:\n- url: https://a.example/\n- url: https://b.example/\nfetch: {}\n",
    "no newline": "sources:\n  - url: https://a.example/",
    "empty list": "feed: {}\nsources: []  # none yet\nfetch: {}\n",
    "null": "sources:\nfetch: {}\n",
    "on one line": "sources: [{url: 'https://a.example/'}]\nfetch: {}\n",
    "no sources": "feed: {title: x}\n",
    "nothing": "# only a comment\n",
    "empty": "",
    "block text": "sources:\n  - url: https://a.example/\n    drop:\n      - |\n        x\n",
    "windows": "sources:\r\n  - url: https://a.example/\r\n",
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_a_source_is_added_and_nothing_else_changes(text: str) -> None:
    written = with_sources(text, [NEW])

    settings = load_settings(written, path="f", env={"TOKEN": "t"})
    assert settings.sources[-1].url == NEW.url
    assert settings.sources[-1].tags == NEW.tags
    if "url" in text:
        before = load_settings(text, path="f", env={"TOKEN": "t"})
        assert settings.sources[:-1] == before.sources
    kept = [line for line in text.splitlines() if not line.startswith("sources:")]
    remaining = written.splitlines()
    assert [line for line in kept if line not in remaining] == []


def test_a_source_is_written_as_people_write_it() -> None:
    written = with_sources(COMMENTED, [NEW])

    assert (
        "    - {url: https://b.example/, name: b}\n"
        "    - url: https://new.example/feed?x=1&y=2  # New: #1 „Zeitung“\n"
        "      name: new\n"
        '      tags: [a, "中文"]\n'
        "    # after the last\n"
    ) in written


@pytest.mark.parametrize("name", ["123", "null", "1e5", "true"])
def test_a_name_that_yaml_would_misread_is_quoted(name: str) -> None:
    written = with_sources("", [NewSource(url="https://a.example/", name=name)])

    assert load_settings(written, path="f", env={}).sources[0].name == name


REFERENCES = [
    "http://${TOKEN}:${TOKEN}@a.example/feed",
    "https://a.example/feed?k=${TOKEN}",
    "https://a.example/${TOKEN:-x}/$${TOKEN}/\\${TOKEN}",
    "https://a.example/#${TOKEN}",
]


@pytest.mark.parametrize("text", ["", "sources: [{url: 'https://x.example/'}]\n"])
@pytest.mark.parametrize("url", REFERENCES)
def test_what_is_added_never_names_the_environment(text: str, url: str) -> None:
    """A subscription list is a stranger's: `${NAME}` in it is text."""
    written = with_sources(text, [NewSource(url=url, name="new", tags=("${TOKEN}",))])

    literal = load_settings(written, path="f", env={}).sources[-1]
    assert load_settings(written, path="f", env={"TOKEN": "s3cret"}).sources[-1] == literal
    assert literal.tags == ("${TOKEN}",)
    assert "s3cret" not in repr(literal)

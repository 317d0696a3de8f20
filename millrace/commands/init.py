"""`millrace init`: writes a commented feeds.yaml, for those who installed the wheel."""

from __future__ import annotations

from pathlib import Path

from core.errors import MillraceError

_NAME = "feeds.yaml"
_TEXT = """\
# What Millrace reads. `millrace check` names every mistake with its line; a saved change takes
# effect within 5 seconds. All fields: docs/feeds-yaml.md.
feed:
  title: Morning river
  # link: https://news.example.org/   # public address of this service, once it has one
  # language: en
  # timezone: Asia/Shanghai           # where days begin and end
  # digest: daily                     # /digest.xml: each day's stories that most sources carried

sources:
  # Each line is a feed, a GitHub folder of markdown articles, or a page that lists articles.
  # `millrace add https://example.org/` finds the feed of a site and writes its line.
  - url: https://feeds.bbci.co.uk/news/world/rss.xml
    tags: [world]
  - url: https://www.solidot.org/index.rss
    tags: [zh, technology]
  # - url: https://example.org/rss.xml
  #   name: example           # a-z, 0-9 and -; made from the address where missing
  #   tags: [world]           # each tag has a feed of its own: /tags/world/feed.xml
  #   every: 30m              # unset: adaptive, by how often the source publishes
  #   full_text: page         # read every article from its page; unset: where the feed has no text
  #   drop: ["(?i)sponsored"] # leave these out: an expression on title or text

# service:
#   token: ${MILLRACE_TOKEN}  # needed to split, join and forget stories
"""


def write_example(folder: Path) -> str:
    """Write feeds.yaml into `folder`, unless there is one; returns lines with the next steps."""
    path = folder / _NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEXT)
    except FileExistsError:
        raise MillraceError(f"{path}: exists; `millrace check {path}` checks it") from None
    except OSError as error:
        raise MillraceError(f"{path}: cannot be written: {error.strerror}") from error
    run = "millrace run" if folder == Path() else f"millrace run --config {path}"
    return f"{path}: written; add your sources, then run: {run}"

"""A site's address is enough: its feed is found, shown and added."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from core.errors import ConfigError, MillraceError
from millrace.commands.add import add_source
from millrace.process.config import read_config
from tests.certificate import self_signed
from tests.origin import Answer, Origin

FEED = (
    "<rss version='2.0'><channel><title>The Mill</title><item><guid>1</guid><title>Flood</title>"
    "<description>&lt;p&gt;The river rose.&lt;/p&gt;&lt;script&gt;x()&lt;/script&gt;</description>"
    "</item></channel></rss>"
)
PAGE = "<html><head><link rel='alternate' type='application/rss+xml' href='/feed'></head></html>"


@pytest.fixture
def config(tmp_path: Path, origin: Origin) -> str:
    path = tmp_path / "feeds.yaml"
    path.write_text(f"# mine\nsources: []\nfetch: {{allow_private: ['{origin.allowance}']}}\n")
    return str(path)


def text_of(config: str) -> str:
    return Path(config).read_text()


def write(config: str, text: str) -> None:
    Path(config).write_text(text)


async def add(url: str, config: str, *, dry: bool = False) -> list[str]:
    """Beside the loop, in which the origin has to go on answering."""
    found = await asyncio.to_thread(add_source, url, config=config, tags=["world"], dry=dry)
    return found.lines()


async def test_the_feed_that_a_page_names_is_added(origin: Origin, config: str) -> None:
    origin.at("/feed", Answer(FEED))
    page = origin.at("/", Answer(PAGE, headers={"Content-Type": "text/html"}))

    lines = await add(page, config)

    source = read_config(config).sources[0]
    assert (source.url, source.name, source.tags) == (f"{page}feed", "the-mill", ("world",))
    assert text_of(config).startswith("# mine\n")
    assert lines[0] == f"The Mill: {page}feed"
    assert lines[2:4] == ["  Flood", "    The river rose."]
    assert lines[-1] == f"{config}: added as the-mill"


async def test_without_a_scheme_http_is_tried_where_https_does_not_connect(
    origin: Origin, config: str
) -> None:
    url = origin.at("/feed", Answer(FEED))

    await add(url.removeprefix("http://"), config)

    assert read_config(config).sources[0].url == url


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
async def test_a_site_with_a_wrong_certificate_is_not_asked_without_one(
    config: str, tmp_path: Path
) -> None:
    server = await asyncio.start_server(_hang_up, "127.0.0.1", 0, ssl=self_signed(tmp_path))
    port = server.sockets[0].getsockname()[1]
    write(config, f"fetch: {{allow_private: ['127.0.0.1:{port}']}}\n")

    async with server:
        with pytest.raises(MillraceError, match="its certificate"):
            await add(f"127.0.0.1:{port}/feed", config)


def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_a_refused_address_is_told_with_the_line_that_lets_it_in(
    origin: Origin, tmp_path: Path
) -> None:
    url = origin.at("/feed", Answer(FEED))

    with pytest.raises(MillraceError, match=rf'allow_private: \["{origin.allowance}"\]'):
        await add(url.removeprefix("http://"), str(tmp_path / "feeds.yaml"))

    assert origin.requests == []


async def test_a_feed_that_is_there_is_not_added_again(origin: Origin, config: str) -> None:
    url = origin.at("/feed", Answer(FEED))

    await add(url, config)
    lines = await add(url, config)

    assert lines[-1] == f"{config}: has it already, as the-mill"
    assert len(read_config(config).sources) == 1


async def test_a_dry_run_only_shows(origin: Origin, config: str) -> None:
    before = text_of(config)

    lines = await add(origin.at("/feed", Answer(FEED)), config, dry=True)

    assert lines[0].startswith("The Mill: ")
    assert text_of(config) == before


async def test_a_page_without_a_feed_is_told_with_what_to_do(origin: Origin, config: str) -> None:
    page = origin.at("/page", Answer("<html><p>Hello.</p></html>"))

    with pytest.raises(MillraceError, match="kind: page"):
        await add(page, config)


async def test_an_address_that_is_none_is_wrong_usage(config: str) -> None:
    with pytest.raises(ConfigError, match="not a web address"):
        await add("ftp://example.org/", config)


async def test_a_page_that_lists_articles_is_added_as_it_is(origin: Origin, config: str) -> None:
    links = "".join(
        f"<li><a href='/2026/11/{n}.html'>The river rose again in village number {n}</a></li>"
        for n in range(12)
    )
    page = origin.at("/news/", Answer(f"<title>镇新闻</title><ul>{links}</ul>"))

    lines = await add(page, config)

    assert lines[0] == f"镇新闻: {page}"
    assert "lists 12 articles" in lines[1]
    assert lines[2] == "  The river rose again in village number 0"
    assert read_config(config).sources[0].url == page


async def test_further_feeds_of_a_page_are_named(origin: Origin, config: str) -> None:
    origin.at("/feed", Answer(FEED))
    other = "<link rel='alternate' type='application/rss+xml' href='/comments'>"
    page = origin.at("/", Answer(PAGE.replace("</head>", other + "</head>")))

    lines = await add(page, config, dry=True)

    assert f"  {page}comments" in lines


async def test_a_github_folder_is_added_by_its_address(origin: Origin, config: str) -> None:
    api = f"github: {{api: '{origin.address}'}}"
    write(config, text_of(config).replace("fetch: {", f"fetch: {{{api}, "))
    origin.otherwise(lambda _: Answer('[{"sha": "a"}]'))
    url = "https://github.com/river/mirror/tree/main/articles"

    lines = await add(url, config)

    assert lines[0] == f"river/mirror/articles: {url}"
    assert read_config(config).sources[0].url == url

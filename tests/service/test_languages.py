"""The interface in three languages: which one a reader gets, and that no text stays English."""

from __future__ import annotations

import ast
import errno
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from core.config.settings import FeedSettings
from core.errors import (
    REMEDIES,
    DocumentError,
    FetchError,
    ResourceLimit,
    Unreachable,
    in_english,
    with_remedy,
)
from service.languages import LANGUAGES
from store import keys
from store.sources import SourceState, dump_source
from tests.service.conftest import SETTINGS, Serve, Served, make_story
from workers.http.response import CERTIFICATE_REASONS, REASONS

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "service"
CHINESE = ("zh_Hans", "zh_Hant")
MARKS = re.compile(r"%\(\w+\)s|\{\w*\}|`[^`]*`|</?[a-z]+|&\w+;")  # what a translation must hold too
HTML = {"Accept": "text/html"}


def used() -> Catalog:
    """The texts that code and templates mark for translation."""
    options = {"trimmed": "true", "silent": "false", "newstyle_gettext": "true"}
    found = Catalog()
    for *_, text, _, context in extract_from_dir(
        SERVICE,
        method_map=[("**.py", "python"), ("templates/**.html", "jinja2")],
        options_map={"templates/**.html": options},
    ):
        found.add(text, context=context)
    for text in {*fault_texts(), *REMEDIES, *REASONS.values(), *CERTIFICATE_REASONS.values()}:
        found.add(text)
    return found


def kinds(kind: type[Exception]) -> set[str]:
    return {kind.__name__}.union(*(kinds(child) for child in kind.__subclasses__()))


# What makes an error of a source, or a text for one.
MAKERS = kinds(FetchError) | kinds(DocumentError) | kinds(ResourceLimit)
MAKERS |= {"MillraceError", "ChoiceRefused", "Phrase", "_web_page"}
MAKERS -= {"HostBusy", "Disallowed"}  # no failure of a source


def fault_texts() -> Iterator[str]:
    """The texts of the errors that a page can show; each has to be a literal."""
    files = ["core/errors.py", "core/dedup/members.py", "store/curation.py", "store/revision.py"]
    found = [ROOT / name for name in [*files, "service/context.py", "service/ops/actions.py"]]
    for path in [*found, *(ROOT / "core/feeds").glob("*.py"), *(ROOT / "workers").rglob("*.py")]:
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", None) in MAKERS:
                text = call.args[0]
                assert not isinstance(text, ast.JoinedStr), (
                    f"{path}:{text.lineno}: places in braces and values, not an f-string"
                )
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield text.value


def catalogue(name: str) -> Catalog:
    with (SERVICE / "locale" / f"{name}.po").open("rb") as file:
        return read_po(file, locale=name, abort_invalid=True)


def texts(catalog: Catalog) -> dict[str, Message]:
    return {str(message.id): message for message in catalog if message.id}


@pytest.mark.parametrize("name", CHINESE)
def test_every_text_is_translated_and_no_translation_is_left_over(name: str) -> None:
    known = texts(catalogue(name))
    without = [text for text, message in known.items() if not message.string or message.fuzzy]

    assert sorted(known) == sorted(texts(used()))
    assert without == []


@pytest.mark.parametrize("name", CHINESE)
def test_a_translation_holds_the_same_values_and_elements(name: str) -> None:
    for message in texts(catalogue(name)).values():
        text = message.id[-1] if isinstance(message.id, tuple) else message.id
        given = message.string[0] if isinstance(message.string, tuple) else message.string
        assert sorted(MARKS.findall(given)) == sorted(MARKS.findall(text)), text


def test_the_two_chinese_catalogues_differ_in_their_characters() -> None:
    simplified, traditional = (
        "".join(str(message.string) for message in texts(catalogue(name)).values())
        for name in CHINESE
    )

    assert not set("来报们订阅网页") & set(traditional)
    assert not set("來報們訂閱網頁") & set(simplified)


# Names that are the same in all languages.
NAMES = {"RSS", "Atom", "JSON", "Feed", "Feedly", "Inoreader", "NewsBlur", "The", "Old", "Reader"}
NAMES |= {
    "OPML",
    "j",
    "k",
    "o",
    "sources",
    "url",
    "https",
    "example",
    "org",
    "rss",
    "xml",
    "urn",
    "millrace",
}


@pytest.mark.parametrize("path", sorted((SERVICE / "templates").iterdir()), ids=lambda p: p.name)
def test_no_word_of_a_template_goes_untranslated(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\{% trans.*?endtrans %\}|\{#.*?#\}", "", text, flags=re.DOTALL)
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL)
    attributes = re.findall(r'(?:aria-label|placeholder|alt|data-label|title)="([^"]+)"', text)
    words = " ".join([*attributes, re.sub(r"<[^>]*>", " ", text)])

    assert set(re.findall(r"[A-Za-z]+", words)) - NAMES == set()


@pytest.mark.parametrize(
    ("accepted", "feed", "expected"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", None, "zh-Hans"),
        ("zh-TW,zh;q=0.9", None, "zh-Hant"),
        ("zh-HK", None, "zh-Hant"),
        ("zh-Hant-CN", None, "zh-Hant"),
        ("zh-SG", "en", "zh-Hans"),
        ("en-GB,zh-TW;q=0.5", "zh", "en"),
        ("en;q=0.2,zh-TW;q=0.5", None, "zh-Hant"),
        ("de-DE,de;q=0.9,zh;q=0", "zh-TW", "zh-Hant"),
        ("fr", None, "en"),
        ("", "zh", "zh-Hans"),
        ("*", "zh-Hant", "zh-Hant"),
        (";;q=,,-,x-y-z-1,ü", None, "en"),
        (None, None, "en"),
    ],
)
async def test_the_browser_chooses_and_the_feed_is_the_default(
    serve: Serve, accepted: str | None, feed: str | None, expected: str
) -> None:
    served = await serve(SETTINGS.model_copy(update={"feed": FeedSettings(language=feed)}))
    headers = HTML if accepted is None else {**HTML, "Accept-Language": accepted}
    answer = await served.client.get("/about", headers=headers)

    assert answer.headers["Content-Language"] == expected
    assert f'<html lang="{expected}">' in await answer.text()
    assert "Accept-Language" in answer.headers["Vary"]


@pytest.mark.parametrize("path", ["/", "/sources", "/about", "/nothing"])
async def test_readers_of_one_address_get_each_their_language(served: Served, path: str) -> None:
    found = []
    for language in (*LANGUAGES, *LANGUAGES):
        answer = await served.client.get(path, headers={**HTML, "Accept-Language": language})
        found.append(re.findall(r'<html lang="([^"]+)"', await answer.text())[0])

    assert found == [*LANGUAGES, *LANGUAGES]


async def test_times_are_in_the_zone_of_the_feed(serve: Serve) -> None:
    feed = FeedSettings(timezone="Asia/Kolkata", language="zh-TW")
    served = await serve(SETTINGS.model_copy(update={"feed": feed}))
    await served.publish(make_story(16 * 60, sources=("first",)))  # midnight in UTC
    page = await (await served.client.get("/", headers=HTML)).text()

    assert "2026-02-01 05:30 UTC+5:30" in page
    assert "2026年2月1日" in page, "the day heading"


async def test_a_wrong_zone_is_refused_with_an_example() -> None:
    with pytest.raises(ValueError, match="Asia/Shanghai"):
        FeedSettings(timezone="Peking")


@pytest.mark.parametrize("path", ["/sources", "/sources/first"])
async def test_the_error_of_a_source_is_in_the_language_of_the_page(
    served: Served, path: str
) -> None:
    fault = Unreachable(
        "no connection to {host}: {reason}", host="a.example", reason=REASONS[errno.ECONNREFUSED]
    )
    state = SourceState(
        url="https://first.example/rss",
        configured_url="https://first.example/rss",
        failures=1,
        last_error=in_english(with_remedy(fault, "first")),
        last_fault=with_remedy(fault, "first"),
    )
    await served.store.redis.hset(keys.source("first"), "state", dump_source(state))
    pages = {
        language: await served.client.get(path, headers={**HTML, "Accept-Language": language})
        for language in LANGUAGES
    }

    texts = {language: html.unescape(await page.text()) for language, page in pages.items()}
    assert "a.example: connection refused; polled as soon as" in texts["en"]
    assert "无法连接 a.example：连接被拒绝；主机可以连接时会立刻抓取" in texts["zh-Hans"]
    assert "無法連線到 a.example：連線被拒絕；主機可以連線時會立刻抓取" in texts["zh-Hant"]


async def test_the_error_that_an_earlier_version_wrote_stays_as_it_is(served: Served) -> None:
    old = {"url": "u", "configured_url": "u", "failures": 2, "last_error": "it {failed}; {0}"}
    await served.store.redis.hset(keys.source("first"), "state", json.dumps(old))
    page = await served.client.get("/sources", headers={**HTML, "Accept-Language": "zh-CN"})

    assert "it {failed}; {0}" in await page.text()
    found = await (await served.client.get("/sources")).json()
    assert found["sources"][0]["last_error"] == "it {failed}; {0}"

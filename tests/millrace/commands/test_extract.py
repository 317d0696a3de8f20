from pathlib import Path

import pytest

from core.config.settings import Source
from millrace.commands.extract import (
    FIELDS,
    Compared,
    comparison_page,
    extract_documents,
    extract_files,
    kind_of,
)

EXAMPLES = Path(__file__).parents[2] / "examples"
BODY = "<p>The gauge at the old bridge reports again, and the mayor was there to see it.</p>" * 2
WEIR = "<p>The weir was rebuilt.</p><p>Subscribe now</p><script>x()</script>"
PAGE = f"<html><body>{WEIR}</body></html>"


def one(path: Path, **how: object) -> dict[str, object]:
    (found,) = extract_documents([str(path)], **how)  # type: ignore[arg-type]
    return found


def test_an_entry_comes_out_with_every_field() -> None:
    found = one(EXAMPLES / "seeds" / "000.txt", kind="entry")

    assert list(found) == ["file", *FIELDS]
    assert found["title"] == "俄乌战 拜登在和谈问题上松动 克宫回应"
    assert found["link"] is None
    assert found["method"] == "feed"


def test_the_kind_is_seen_from_the_first_bytes() -> None:
    assert kind_of((EXAMPLES / "items" / "f02.xml").read_bytes()) == "feed"
    assert kind_of((EXAMPLES / "pages" / "structure.html").read_bytes()) == "page"
    assert kind_of((EXAMPLES / "seeds" / "002.txt").read_bytes()) == "entry"
    assert kind_of(b'{"version": "https://jsonfeed.org/version/1.1", "items": []}') == "feed"


def test_a_feed_gives_its_entries_in_order(tmp_path: Path) -> None:
    items = "".join(f"<item><title>T{n}</title><description>x</description></item>" for n in "123")
    feed = tmp_path / "feed.xml"
    feed.write_text(f"<rss version='2.0'><channel><title>F</title>{items}</channel></rss>")

    assert [found["title"] for found in extract_documents([str(feed)])] == ["T1", "T2", "T3"]


def test_a_page_is_extracted_against_its_address() -> None:
    found = one(EXAMPLES / "pages" / "structure.html", url="https://courier.example/2025/03/weir")

    assert found["method"] == "page"
    assert found["lead_image"] == "https://courier.example/img/weir-800.jpg"


def test_relative_addresses_start_from_the_url(tmp_path: Path) -> None:
    body = tmp_path / "body.html"
    body.write_text(BODY + "<p><img src='../a.jpg'></p>")

    assert one(body, kind="entry", url="https://a.example/x/y/1")["images"] == [
        "https://a.example/x/a.jpg"
    ]


def test_with_learning_each_file_is_cleaned_by_those_before(tmp_path: Path) -> None:
    files = []
    for number in range(5):
        file = tmp_path / f"{number}.html"
        own = f"<p>{'abcde'[number] * 9} is what this item alone talks about, at some length.</p>"
        file.write_text(own * 3 + "<p>Our house stands by the river since 1911</p>")
        files.append(str(file))

    alone = list(extract_documents(files, kind="entry"))
    learned = list(extract_documents(files, kind="entry", learn=True))

    assert all("Our house" in str(found["text"]) for found in alone)
    assert "Our house" in str(learned[0]["text"])
    assert "Our house" not in str(learned[4]["text"])


def test_a_source_says_what_to_remove(tmp_path: Path) -> None:
    body = tmp_path / "body.html"
    body.write_text(BODY + "<div class='box'>A box</div>")
    source = Source(url="https://a.example/rss", remove=(".box",))

    assert "A box" not in str(one(body, kind="entry", source=source)["text"])


@pytest.mark.parametrize("content", [b"", b"<html><body><p>Nothing here</p></body></html>"])
def test_what_cannot_be_read_gives_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "page.html"
    file.write_bytes(content)

    assert "error" in one(file, kind="page")


def test_a_missing_file_does_not_stop_the_others(tmp_path: Path) -> None:
    found = list(
        extract_documents(
            [str(tmp_path / "none"), str(EXAMPLES / "seeds" / "004.txt")], kind="entry"
        )
    )

    assert "error" in found[0]
    assert found[1]["title"]


def test_a_page_for_people_shows_original_kept_and_removed(tmp_path: Path) -> None:
    body, page = tmp_path / "body.html", tmp_path / "shown.html"
    body.write_text(BODY + "<p>Subscribe now</p>")

    extract_files(
        [str(body)], url=None, kind="entry", config=None, source=None, learn=False, html=str(page)
    )

    assert "<b>subscribe</b> Subscribe now" in page.read_text()


def page_of(**changes: object) -> str:
    document = Compared(
        "a.html", PAGE.encode(), "The weir", "<p>The weir was rebuilt.</p>",
        "The weir was rebuilt.", (("subscribe", "Subscribe now"),),
    )  # fmt: skip
    return comparison_page([document._replace(**changes)])


def test_what_was_kept_and_what_was_cut_is_marked_in_the_original() -> None:
    page = page_of()

    assert "<p class=kept>The weir was rebuilt.</p>" in page
    assert "<p class=cut><b>subscribe</b> Subscribe now</p>" in page


def test_the_page_runs_and_loads_nothing() -> None:
    page = page_of(name="<script>x()</script>", html="<img src=x onerror=x()><script>x()</script>")

    assert "<script" not in page
    assert "onerror" not in page
    assert "default-src 'none'" in page

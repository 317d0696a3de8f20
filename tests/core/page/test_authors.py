import time

import pytest

from core.body.html import parse_page
from core.page.authors import name_in_byline, shown_author, shown_date
from core.page.extract import extract_page
from core.page.head import read_head


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("By Ada Miller", "Ada Miller"),
        ("Written by: Ada Miller, Updated March 3, 2024", "Ada Miller"),
        ("Ada Miller and Jo van den Berg", "Ada Miller and Jo van den Berg"),
        ("Dr. Ada Miller", "Dr. Ada Miller"),
        ("By Ada Miller and Jo Reed, Parish Correspondent", "Ada Miller and Jo Reed"),
        ("Ada Miller, Dec", "Ada Miller"),
        ("mill77 on", "mill77"),
        ("Dec. 19, 2025", None),
        ("262588213843476", None),
        ("name, email@mail.example", None),
        ("Writer", None),
        ("Ada is an editor at the paper. She writes about mills.", None),
        ("责任编辑：张三", None),
        ("河畔新闻网", None),
        ("李言", "李言"),
    ],
)
def test_an_author_is_a_name_and_nothing_else(stated: str, name: str | None) -> None:
    assert name_in_byline(stated) == name


@pytest.mark.parametrize(
    ("markup", "name"),
    [
        ("<span itemprop=author><a itemprop=name>Ada Miller</a></span>", "Ada Miller"),
        ("<p class=byline>By <a href=/ada>Ada Miller</a>, March 2024</p>", "Ada Miller"),
        ("<div class=post-author-name>Ada Miller</div>", "Ada Miller"),
        ("<div class=author-bio>Ada Miller</div>", None),
        ("<div class=comments><a class=author>Jo Reader</a></div>", None),
        ("<a class=username>mill77</a>", None),
    ],
)
def test_the_name_is_found_in_the_markup_of_a_by_line(markup: str, name: str | None) -> None:
    root = parse_page(f"<html><body><h1>The weir</h1>{markup}</body></html>")[1]

    assert shown_author(root, None, thread=False) == name


def test_a_thread_is_by_who_started_it() -> None:
    posts = "".join(f"<a class=username>{name}</a><p>Text</p>" for name in ("mill77", "weir3"))
    root = parse_page(f"<html><body><h1>Sluices</h1>{posts}</body></html>")[1]

    assert shown_author(root, None, thread=True) == "mill77"


@pytest.mark.parametrize(
    ("lines", "day"),
    [
        ("<p>Published: January 3, 2024</p>", "2024-01-03"),
        ("<p>Updated May 9, 2025</p><time datetime=2024-01-03>3 Jan</time>", "2024-01-03"),
        ("<p>Last Modified: May 9, 2025</p>", "2025-05-09"),
        ("<p><b>Joined:</b> Mon Jul 24, 2017</p><p>February 24, 2024</p>", "2024-02-24"),
        ("<p>The mill burned down in 1921 and again in 1937.</p>", None),
    ],
)
def test_the_date_below_the_headline_is_read(lines: str, day: str | None) -> None:
    root = parse_page(f"<html><body><h1>The weir</h1>{lines}</body></html>")[1]

    assert shown_date(root, "The weir", chinese=False) == day


@pytest.mark.parametrize(
    ("language", "day"),
    [("en-GB", "2026-04-03"), ("de", "2026-04-03"), ("en_US", "2026-03-04"), ("en", None)],
)
def test_the_language_of_the_page_orders_a_date_of_numbers(language: str, day: str | None) -> None:
    root = parse_page("<html><body><h1>The weir</h1><p>03/04/2026</p></body></html>")[1]

    assert shown_date(root, "The weir", chinese=False, language=language) == day


def test_the_date_is_the_one_nearest_to_the_headline_that_the_title_names() -> None:
    page = """<html><body><h1>Valley Forum</h1><time>2017-07-24</time><p>Weirs</p><p>Sluices</p>
        <p>November 3, 2024</p><h2>The weir is rebuilt</h2><p>Some text here</p>
        <p>Another line here</p><p>June 5, 2025</p></body></html>"""

    found = shown_date(parse_page(page)[1], "The weir is rebuilt - Valley Forum", chinese=False)

    assert found == "2024-11-03"


@pytest.mark.parametrize(
    ("shown", "modified", "day"),
    [
        ("March 1, 2024", "2024-07-05T14:20:08Z", "2024-03-01"),  # a program wrote both
        ("July 4, 2024", "2024-07-05T14:20:08Z", "2024-07-05"),  # a day of another zone
        ("March 1, 2024", "2025-01-02T08:00:00Z", "2024-07-05"),
    ],
)
def test_a_date_of_a_rebuild_gives_way_to_an_earlier_one_that_is_shown(
    shown: str, modified: str, day: str
) -> None:
    words = "<p>The weir was rebuilt after the flood, and the river is back in its bed.</p>" * 5
    page = f"""<html><head><meta property="article:published_time" content="2024-07-05T14:20:08Z">
        <meta property="article:modified_time" content="{modified}"></head><body><article>
        <h1>The weir is rebuilt</h1><p>{shown}</p>{words}</article></body></html>"""

    found = extract_page(page.encode(), url="https://a.example/1")

    assert found is not None
    assert (found.article.published or "").startswith(day)


def test_an_author_that_structured_data_names_by_reference_is_read() -> None:
    data = """{"@graph": [{"@type": "Article", "author": {"@id": "#ada"}, "headline": "Weir"},
        {"@type": "Person", "@id": "#ada", "name": "Ada Miller"}]}"""
    page = f'<html><head><script type="application/ld+json">{data}</script></head></html>'

    assert read_head(parse_page(page)[1], None).author == "Ada Miller"


def test_the_visible_headline_is_the_title_and_the_name_of_the_site_is_not() -> None:
    page = """<html><head><title>Weir rebuilt after the flood | Valley News</title></head>
        <body><h1>Valley News</h1><h1>The weir is rebuilt after the flood</h1></body></html>"""

    title = read_head(parse_page(page)[1], None).title

    assert title == "The weir is rebuilt after the flood"


@pytest.mark.parametrize(
    ("named", "headings", "title"),
    [
        ("Models | Weir documentation", ["Models ¶"], "Models"),
        ("Ten weirs to see this spring", ["Our list of the ten best weirs to see"],
         "Our list of the ten best weirs to see"),
        ("The weir is rebuilt at last | News", ["Opinion: The weir is rebuilt at last"],
         "The weir is rebuilt at last"),
        ("粮仓里的图书馆开门了_苇塘新闻网", [], "粮仓里的图书馆开门了"),
    ],
)  # fmt: skip
def test_the_headline_is_told_from_sites_sections_and_labels(
    named: str, headings: list[str], title: str
) -> None:
    shown = "".join(f"<h1>{heading}</h1>" for heading in headings)
    page = f"<html><head><title>{named}</title></head><body>{shown}</body></html>"

    assert read_head(parse_page(page)[1], None).title == title


@pytest.mark.parametrize("box", ["<div itemprop=author>", "<div class=author>", "<p rel=author>"])
def test_boxes_in_boxes_that_claim_an_author_are_not_read_again_and_again(box: str) -> None:
    page = box * 200 + "<a>x</a>" * 50_000
    root = parse_page(page)[1]
    started = time.process_time()

    assert shown_author(root, None, thread=False) is None

    assert time.process_time() - started < 1  # 7 seconds while each was read whole

from pathlib import Path

import pytest

from core.body.clean import CleanOptions
from core.models import Article, Method
from core.page.extract import extract_page

PAGES = Path(__file__).parents[2] / "examples" / "pages"
SENTENCES = (
    "The council decided on Monday that the old mill will be turned into a library. "
    "Work begins in spring and is expected to take two years, the mayor said. "
    "Half of the money comes from the county, the rest was given by the people of the valley."
)


def page(body: str, head: str = "") -> bytes:
    return f"<html><head><title>A page</title>{head}</head><body>{body}</body></html>".encode()


def article(name: str, url: str) -> Article:
    found = extract_page((PAGES / name).read_bytes(), url=url)
    assert found is not None
    return found.article


def test_a_page_keeps_its_structure() -> None:
    found = article("structure.html", "https://courier.example/2025/03/weir")

    assert '<ol start="1"><li>A dam of sandbags' in found.html
    assert "<figcaption>The new gates before they were hung.</figcaption>" in found.html
    assert "<code>GET /level</code>" in found.html
    assert "<td>£34,500</td>" in found.html
    assert "<blockquote><p>We numbered" in found.html
    assert '<pre>{\n  "level": 1.42' in found.html
    assert "https://www.youtube.com/watch?v=aBcDeFgHiJk" in found.links
    assert found.images == (
        "https://courier.example/img/weir-800.jpg",
        "https://courier.example/img/gates-640.jpg",
    )


def test_a_page_loses_what_is_no_article() -> None:
    found = article("structure.html", "https://courier.example/2025/03/weir")

    for part in (
        "cookies",
        "Share",
        "newsletter",
        "comments",
        "Most read",
        "reserved",
        "Floods close",
    ):
        assert part not in found.text


def test_a_page_states_its_metadata() -> None:
    found = article("structure.html", "https://courier.example/2025/03/weir")

    assert found.title == "How the weir was rebuilt"
    assert found.author == "Nora Field"
    assert found.published == "2025-03-04T07:15:00+01:00"
    assert found.original_url is None
    assert found.method is Method.PAGE
    assert found.lead_image == "https://courier.example/img/weir-800.jpg"


def test_a_chinese_portal_page_is_read_with_its_byline() -> None:
    found = article("portal-zh.html", "http://www.jiangcheng.example/2024/0506/88.html")

    assert found.title == "老码头改造完成 三百米步道重新开放"
    assert found.author == "周宁"
    assert found.published == "2024-05-06T09:12:33+08:00"
    assert "<figcaption>改造后的临江步道。记者 周宁 摄</figcaption>" in found.html
    for part in ("责任编辑", "分享到", "相关阅读", "二维码", "版权所有", "热门新闻"):
        assert part not in found.text


def test_the_fast_mode_reads_the_same_article() -> None:
    data = (PAGES / "structure.html").read_bytes()
    fast = extract_page(data, url="https://courier.example/x", options=CleanOptions(fast=True))

    assert fast is not None
    assert "The engineers followed a plan" in fast.article.text


def test_a_page_is_kept_if_it_holds_the_feeds_text_and_more() -> None:
    feed = Article(title="Mill", text=SENTENCES[:70] + "…", link="https://a.example/1")
    body = page(f"<article><h1>Mill</h1><p>{SENTENCES}</p><p>{SENTENCES[::-1]}</p></article>")

    found = extract_page(body, url="https://a.example/1", feed=feed)

    assert found is not None
    assert found.article.title == "Mill"
    assert found.article.link == "https://a.example/1"


def test_a_page_about_something_else_is_refused() -> None:
    feed = Article(text="Quite another text, about a ship that left the harbour in the night.")

    assert extract_page(page(f"<p>{SENTENCES}</p><p>{SENTENCES}</p>"), url=None, feed=feed) is None


def test_a_page_with_less_than_the_feed_is_refused() -> None:
    feed = Article(text=SENTENCES)

    assert extract_page(page(f"<p>{SENTENCES[:150]}</p>"), url=None, feed=feed) is None


@pytest.mark.parametrize(
    "body",
    [
        "<h1>Page not found</h1><p>The page you are looking for was moved or deleted.</p>",
        "<p>Subscribe to continue reading this story. Already a subscriber? Log in here.</p>" * 2,
        "<h1>We value your privacy</h1><p>We use cookies and our partners store information.</p>",
        "<p>Checking your browser before accessing the site. This takes only a moment.</p>",
        "<h1>您访问的页面不存在</h1><p>对不起，您访问的页面不存在或者已被删除，请返回首页浏览其他内容。</p>",
        "<p>本文为付费内容，请登录后继续阅读全文，开通会员即可阅读全部文章。感谢您的支持与理解。</p>",
        "",
    ],
)
def test_walls_consent_pages_and_errors_are_refused(body: str) -> None:
    assert extract_page(page(body), url="https://a.example/1") is None


def test_the_canonical_address_of_a_copy_is_its_original() -> None:
    head = "<link rel='canonical' href='https://first.example/news/mill'>"
    found = extract_page(
        page(f"<article><p>{SENTENCES}</p></article>", head), url="https://copy.example/9"
    )

    assert found is not None
    assert found.article.original_url == "https://first.example/news/mill"


def test_the_pages_of_an_article_are_joined() -> None:
    second = page(f"<article><p>{SENTENCES[::-1]}</p></article>")
    found = extract_page(
        page(f"<article><p>{SENTENCES}</p></article>"), url="https://a.example/1", further=[second]
    )

    assert found is not None
    assert SENTENCES[::-1].strip() in found.article.text


def test_bytes_that_are_no_text_are_refused() -> None:
    assert extract_page(bytes(range(128, 256)) * 100, url="https://a.example/1") is None


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "body",
    [
        "<span>x</span>" * 100_000,
        "<p " + " ".join(f"a{n}='1'" for n in range(100_000)) + ">x</p>",
        "<div>" * 3_000,
        "<p>ab</p>" * 100_000,
    ],
)
def test_a_hostile_page_keeps_its_text_and_ends(body: str) -> None:
    found = extract_page(page(f"<p>{SENTENCES}</p>" + body), url="https://a.example/1")

    assert found is not None
    assert SENTENCES in found.article.text


def test_a_front_page_is_no_article() -> None:
    teasers = "".join(
        f"<div><h2><a href='/{n}'>Headline number {n} of today</a></h2>"
        f"<p>{SENTENCES[:90]}{n}.</p></div>"
        for n in range(12)
    )

    assert extract_page(page(teasers), url="https://a.example/") is None


def test_linked_headings_of_a_side_bar_are_no_front_page() -> None:
    story = "".join(f"<p>{SENTENCES[:150]} Part {n}.</p>" for n in range(5))
    bar = "".join(f"<div><h3><a href='/{n}'>Other story {n}</a></h3></div>" for n in range(6))
    topics = "<ul><li><a href='/t/1'>old mill</a></li><li><a href='/t/2'>the mayor</a></li></ul>"
    body = f"<div><div><h1>Mill</h1>{story}</div><div><h2>Topics</h2>{topics}{bar}</div></div>"

    found = extract_page(page(body), url="https://a.example/1")

    assert found is not None
    assert found.article.text.count("The council decided") == 5
    assert "Other story" not in found.article.text
    assert "Topics" not in found.article.html
    assert "/t/1" not in found.article.html


@pytest.mark.parametrize("name", ["paywall", "content-paywall", "newsletter", "promo", "share"])
def test_a_class_never_drops_paragraphs_of_prose(name: str) -> None:
    story = "".join(f"<p class='{name}'>{SENTENCES[:150]} Part {n}.</p>" for n in range(1, 6))

    found = extract_page(page(f"<article><p>{SENTENCES}</p>{story}</article>"), url=None)

    assert found is not None
    assert found.article.text.count("Part") == 5


def test_nothing_inside_a_sentence_is_cut_for_its_class_or_id() -> None:
    sentence = (
        "She has taught <a class='keywords' href='/k/1'>astronomy</a> at the <a class='tags'"
        " href='/k/2'>university</a> since 2011, and the <b><span class='vote'>312 to 98</span></b>"
        " was, said <em id='share'>everybody</em>, the highest <span class='promo'>in years</span>."
    )
    body = f"<article><p>{SENTENCES}</p><p>{sentence}</p><p>{SENTENCES[::-1]}</p></article>"

    found = extract_page(page(body), url="https://a.example/1")

    assert found is not None
    assert (
        "She has taught astronomy at the university since 2011, and the 312 to 98 was, said "
        "everybody, the highest in years." in found.article.text
    )
    assert found.article.links == ("https://a.example/k/1", "https://a.example/k/2")


def test_a_short_article_about_walls_is_read() -> None:
    body = (
        "<article><h1>When the page says no</h1><p>The words “access denied” greeted readers on "
        "Monday, when a robot check asked them to verify that they are human.</p><p>A captcha of "
        "traffic lights was shown to people who wanted to renew a book, the library said.</p>"
        "</article>"
    )

    found = extract_page(page(body), url="https://a.example/1")

    assert found is not None
    assert "renew a book" in found.article.text


def test_a_text_that_stands_in_no_block_is_a_guess() -> None:
    data = '{"@type": "NewsArticle", "articleBody": "%s"}' % (SENTENCES * 3)
    head = f"<script type='application/ld+json'>{data}</script>"

    found = extract_page(page("<div id='app'></div>", head), url="https://a.example/1")

    assert found is not None
    assert SENTENCES in found.article.text
    assert found.article.method is Method.SUMMARY


def test_a_page_with_a_few_bad_bytes_is_read() -> None:
    body = page(f"<article><p>{SENTENCES}</p><p>« Caf\u00e9 » {SENTENCES[::-1]}</p></article>")

    found = extract_page(body.replace("é".encode(), b"\xe9"), url=None, content_type="utf-8")

    assert found is not None
    assert SENTENCES in found.article.text


def test_a_header_line_states_the_date_and_no_address_does() -> None:
    body = f"<h1>Mill</h1><p>Posted on May 3, 2024 by Ann Lee</p><div><p>{SENTENCES}</p></div>"
    found = extract_page(page(body), url="https://a.example/2021/88.html")

    assert found is not None
    assert (found.article.published, found.article.author) == ("2024-05-03", "Ann Lee")


@pytest.mark.parametrize(
    ("title", "heading"),
    [
        ("Mills and weirs - The Valley Handbook", "Mills and weirs ¶"),
        ("Mills and weirs • Valley", "Mills and weirs"),
        ("Mills and weirs / Rivers / Valley Forums", "» Mills and weirs"),
        ("All about mills and weirs | Valley", "About mills and weirs"),
    ],
)
def test_the_headline_is_no_part_of_the_text(title: str, heading: str) -> None:
    body = f"<main><h1>{heading}</h1><p>{SENTENCES}</p><h2>Mills</h2><p>{SENTENCES}</p></main>"
    found = extract_page(
        f"<html><head><title>{title}</title></head><body>{body}</body></html>".encode(),
        url="https://a.example/1",
    )

    assert found is not None
    assert found.article.html.startswith("<p>")
    assert "<h2>Mills</h2>" in found.article.html


def test_the_lines_above_a_chinese_text_are_read_and_cut_whatever_stands_beside_them() -> None:
    prose = "苇塘镇的旧粮仓上个月改成了图书馆，第一天来了三百多人，其中一半是附近小学的学生。" * 3
    bar = (
        "<div class='tools'>"
        + "<span>分享到：微信 微博 QQ空间 更多 字号大小打印收藏</span>" * 4
        + "</div>"
    )
    header = "<p>发布日期：2026-11-20 浏览次数：12 来源：苇塘日报</p>"
    body = f"{bar}<div><h1>粮仓里的图书馆</h1>{header}<p>{prose}</p><p>{prose}</p></div>"
    page = f"<html><head><title>粮仓里的图书馆_苇塘新闻网</title></head><body>{body}</body></html>"

    found = extract_page(page.encode(), url="https://a.example/1")

    assert found is not None
    assert (found.article.title, found.article.published) == ("粮仓里的图书馆", "2026-11-20")
    assert found.article.text == f"{prose}\n\n{prose}"


def test_a_dateline_behind_a_picture_and_its_caption_is_read() -> None:
    prose = "克里姆林宫发言人周六向俄罗斯国家通讯社证实两国元首的通话计划，表示将在晚上进行。" * 4
    caption = "美国总统（左）和俄罗斯总统在日内瓦的会晤上，周围站着两国的代表团成员，摄于六月。"
    page = (
        f"<html><body><nav><a href='/'>首页</a></nav><main><h1>两国元首下周视讯对话</h1>"
        f"<div><img src='/a.jpg'><div class='caption'>{caption}</div></div><div>"
        f"<p>【通讯社2021年12月05日讯】（记者李言综合报导）{prose}</p><p>{prose}</p><p>{prose}</p>"
        "</div></main></body></html>"
    )

    cleaned = extract_page(page.encode(), url="https://a.example/1", content_type="text/html")

    assert cleaned is not None
    assert cleaned.article.published == "2021-12-05"
    assert cleaned.article.author == "李言"


def test_a_list_of_links_that_is_chosen_is_whole() -> None:
    item = '<li><a href="https://o{n}.example/x">A long read about lamp number {n}</a></li>'
    links = "".join(item.format(n=n) for n in range(6))
    words = "<p>The weir was rebuilt in the winter, and the mill turns again since March.</p>" * 2
    page = f"<html><body><article><h1>Links</h1>{words}<h2>Reading</h2><ul>{links}</ul>{words}"

    found = extract_page(page.encode(), url=None)

    assert found is not None
    assert found.article.html.count("<li>") == 6


def test_a_page_whose_text_scripts_load_gives_what_its_head_says_of_it() -> None:
    words = "The weir was rebuilt in the winter, and the mill turns again since March. " * 3
    head = f'<meta property="og:type" content="article"><meta name="description" content="{words}">'

    page = extract_page(f"<html><head>{head}</head><body></body></html>".encode(), url=None)

    assert page is not None
    assert page.article.method == "summary"
    assert page.article.text.startswith("The weir was rebuilt")


def test_a_picture_that_only_the_head_names_keeps_its_words() -> None:
    head = (
        '<meta property="og:image" content="https://a.example/1.jpg">'
        '<meta property="og:image:alt" content="The weir.">'
    )
    fed = Article(lead_image="https://a.example/2.jpg", lead_alt="The mill.")
    shown = f"<article><p>{SENTENCES}</p>%s</article>"

    def alt(body: str, feed: Article | None = None) -> str | None:
        found = extract_page(page(body, head), url="https://a.example/1", feed=feed)
        assert found is not None
        return found.article.lead_alt

    assert alt(shown % "") == "The weir."
    assert alt(shown % "", fed) == "The mill."
    assert alt(shown % f'<img src="/3.jpg" width="800"><p>{SENTENCES}</p>') is None


@pytest.mark.parametrize(
    ("stated", "title"),
    [
        ("The old mill will be turned into…", "The old mill will be turned into a library"),
        ("The old mill will be…", "The old mill will be turned into a library"),
        ("The old mill: what now...", "The old mill: what now..."),
        ("The old mill", "The old mill"),
        (None, "The old mill will be turned into a library"),
    ],
)
def test_a_title_that_a_list_cut_is_whole(stated: str | None, title: str) -> None:
    body = (
        f"<article><h1>The old mill will be turned into a library</h1><p>{SENTENCES}</p></article>"
    )

    whole = page(body).replace(b"A page", b"The old mill will be turned into a library - Courier")

    found = extract_page(whole, url="https://a.example/1", feed=Article(title=stated))

    assert found is not None
    assert found.article.title == title

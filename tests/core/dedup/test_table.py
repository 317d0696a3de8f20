"""Each row of the table by an example: what two texts have in common, and what differs."""

from __future__ import annotations

import pytest

from core.dedup.compare import Pair
from core.dedup.copy import ArticleCopy
from core.dedup.decide import agrees
from core.dedup.idf import Idf
from core.dedup.table import TABLE, row_of
from core.models import Article
from tests.core.stories import paragraphs

REPORT = [
    "The water board of Tarnfield said on Monday that it would drain the upper reservoir in June.",
    "Its dam, built in 1931, has let through eleven litres a second since the frost of January.",
    "Engineers led by Ruth Calder want to inject cement into forty boreholes along the crest.",
    "The work will cost nine million and keep the road over the dam closed until October.",
    "Farmers in the valley fear for their late hay, because the river will carry little water.",
    "The angling club will catch some six thousand trout and bring them to the lower lake.",
    "A ferry that has crossed the reservoir since the war will lie on dry land for a summer.",
    "The board promised to pay the ferryman Colm Avery what he earns in an ordinary season.",
    "Opponents had asked for a new dam further down, which would have drowned two farms.",
    "The county court rejected their complaint in March and let no appeal go forward.",
]
HISTORY = paragraphs(11, 10)
CHINESE = (
    "临河市交通局周三宣布，运行了四十三年的人民桥将于下月起封闭，进行全面加固。"
    "桥梁检测报告显示，三号桥墩出现裂缝，承重能力只有设计值的六成。"
    "加固工程预计耗时十四个月，总投资约二点六亿元，其中一半由省里补助。"
)
WARNING = (
    "Storm gusts of up to 70 km/h from the south-west are expected above 600 metres. In exposed "
    "places and near showers heavier gusts must be expected. The warning holds for {} until the "
    "evening. Twigs may fall, and single objects may be blown down. Fasten loose objects."
)
CLOSING = (
    "Thank you for watching. We sit here every morning and talk about what moves the town, and "
    "you are welcome to pass the programme on. The crew gets up at five to choose, to check and "
    "to record, and none of them is paid for it. Whoever wants to help finds our desk below."
)


def copy(title: str, *body: str, source: str | None = None, **more) -> ArticleCopy:
    html = "".join(f"<p>{text}</p>" for text in body)
    return ArticleCopy(Article(title=title, text="\n\n".join(body), html=html, **more), source)


def row(one: ArticleCopy, other: ArticleCopy) -> str | None:
    names = {found and found.name for found in _rows(one, other)}
    assert len(names) == 1, "the order of the two changes the decision"
    return names.pop()


def _rows(one: ArticleCopy, other: ArticleCopy):
    return [row_of(Pair.of(a, b, Idf())) for a, b in ((one, other), (other, one))]


SAME = [each.name for each in TABLE if each.same]
HEADLINE = "Tarnfield drains its upper reservoir in June"
OTHER = "Ferryman of the reservoir will sit on dry land"


def test_the_same_text_under_a_new_headline_is_one_story_at_any_length():
    for length in (1, 2, 4, 10):
        assert row(copy(HEADLINE, *REPORT[:length]), copy(OTHER, *REPORT[:length])) == "same text"


def test_a_chinese_brief_with_a_source_line_under_a_new_headline_is_one_story():
    one = copy("临河人民桥下月封闭加固", CHINESE)
    other = copy("突发！七万人天天走的这座桥要停了", CHINESE, "来源：城市观察，欢迎转发。")

    assert row(one, other) == "cut copy"


def test_a_text_in_the_other_script_is_the_same_text():
    traditional = CHINESE.replace("桥", "橋").replace("为", "為").replace("预", "預")
    one, other = copy("临河人民桥下月封闭", CHINESE), copy("臨河人民橋下月封閉", traditional)

    assert row(one, other) == "same text"


def test_the_first_sentences_before_a_paywall_are_a_cut_copy():
    assert row(copy(HEADLINE, *REPORT), copy(OTHER, *REPORT[:4])) == "cut copy"


def test_the_first_sentences_under_the_same_headline_are_a_teaser():
    assert row(copy(HEADLINE, *REPORT), copy(HEADLINE, *REPORT[:2])) == "teaser"


def test_the_number_in_which_an_excerpt_ends_is_no_other_figure():
    text = "Fire crews searched all night. By the morning they had brought 453 people up the hill."
    shorter, longer = (text[: text.index("453") + size] + "…" for size in (2, 4))

    assert row(copy(HEADLINE, shorter), copy(HEADLINE, longer)) == "same text"


def test_an_agency_report_with_an_intro_of_the_house_is_one_story():
    intro = "It had been rumoured for months. Here is what you need to know about it."

    assert row(copy(HEADLINE, *REPORT), copy(OTHER, intro, *REPORT[:9])) == "cut copy"


def test_a_few_rewritten_sentences_make_an_edited_copy():
    edited = [*REPORT]
    for place in (2, 8):
        edited[place] = f"What that means for village number {place} is not clear yet to anybody."

    assert row(copy(HEADLINE, *REPORT), copy(OTHER, *edited)) == "edited copy"


def test_a_report_edited_in_every_paragraph_under_another_headline_is_one_story():
    agency = copy("Upper reservoir to be drained in June", *REPORT)
    edited = [
        REPORT[0].replace("said on Monday that it would", "is to"),
        REPORT[1],
        REPORT[2].replace("want to inject", "intend to press"),
        REPORT[4].replace("fear for", "worry about"),
        REPORT[3],
        "The paper has asked the board for the report of its engineers.",
        REPORT[5],
        REPORT[7].replace("an ordinary season", "a normal year"),
        REPORT[9],
    ]
    paper = copy("Reservoir dam leaks eleven litres, farmers fear for hay", *edited)
    assert row(agency, paper) == "edited copy"
    others = copy("Trout, hay and a ferry", edited[0], REPORT[4], *paragraphs(3, 6), REPORT[9])
    assert row(agency, others) not in SAME


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (WARNING.format("Hale County"), WARNING.format("Perry County")),
        (WARNING.format("Landkreis Altenried"), WARNING.format("Landkreis Moorstedt")),
        (CHINESE, CHINESE.replace("临河市", "松原县").replace("三号", "七号")),
    ],
)
def test_the_same_sentences_about_another_place_are_another_story(one, other):
    assert row(copy("Severe storm warning", one), copy("Severe storm warning", other)) == "template"


def test_a_count_that_goes_up_in_a_long_report_is_no_template():
    later = [text.replace("six thousand", "seven thousand") for text in REPORT]

    assert row(copy(HEADLINE, *REPORT), copy(HEADLINE, *later)) == "same text"


def test_parts_of_a_series_over_one_frame_are_two_stories():
    first, second = (copy(f"The long river (part {n})", *REPORT) for n in (1, 2))

    assert row(first, second) == "series"


def test_the_subject_in_the_headline_parts_two_programmes_with_one_blurb():
    blurb = "In this programme we tell of {}, as people knew it. Watch us every week at nine."
    subjects = ("the youth of a poet", "the death of a king")
    first, second = (copy(f"Lives: {each}", blurb.format(each)) for each in subjects)

    assert row(first, second) == "other subject"


def test_two_events_with_one_background_are_two_stories():
    vote = copy("Council votes on the dam", *HISTORY[:3], *REPORT)
    fire = copy("Fire at the dam", *paragraphs(12, 3), *REPORT)

    assert row(vote, fire) == "background"


def test_a_phrase_that_a_lead_quotes_does_not_begin_the_background():
    phrase = " ".join(REPORT[0].split()[:9])
    lead = [f"{HISTORY[0]} They read: {phrase}.", *HISTORY[1:4]]
    vote = copy("Council votes on the dam", *lead, *REPORT)
    fire = copy("Fire at the dam", *paragraphs(12, 3), *REPORT)

    assert row(vote, fire) == "background"


def test_numbers_in_words_and_in_digits_are_the_same_text():
    words = "央行今日开展二千四百亿元七天期逆回购操作，中标利率为百分之一点四，与此前持平。"
    digits = "央行今日开展2400亿元7天期逆回购操作，中标利率为1.40%，与此前持平。"

    assert row(copy("央行净投放", words), copy("央行开展逆回购操作", digits)) == "same text"


def test_a_decimal_in_words_before_a_scale_is_the_same_number():
    digits = CHINESE.replace("二点六亿元", "2.6亿元")
    assert row(copy("人民桥封闭", CHINESE), copy("加固人民桥", digits)) == "same text"


def test_other_numbers_in_words_are_other_figures():
    text = "央行今日开展{}亿元七天期逆回购操作。因今日有{}亿元到期，实现净投放三百亿元。"
    one, other = text.format("二千四百", "一千九百"), text.format("二千一百", "一千八百")

    assert row(copy("央行开展操作", one), copy("央行开展操作", other)) == "template"


@pytest.mark.parametrize("place", ["重庆", "哈尔滨", "河北"])
def test_a_place_that_all_know_in_a_short_text_is_another_place(place: str):
    text = "当局周一表示，{}一处工地发现三枚旧炮弹，附近两条街道已经封闭，居民将于傍晚返回。"
    known = Idf()
    for word in ("北京", place):
        for seed in range(200):  # both stand in every entry, so neither is rare
            known.learn_words(ArticleCopy(Article(text=f"{word}{seed}"), None).reading.units)

    pair = Pair.of(
        copy("工地发现炮弹", text.format("北京")), copy("工地发现炮弹", text.format(place)), known
    )

    assert (found := row_of(pair)) is not None
    assert found.name == "template"


def test_another_credit_line_is_no_other_place():
    one = copy("临河人民桥下月封闭加固", CHINESE, "（新华社）")

    assert row(one, copy("人民桥要停了", CHINESE, "记者 张伟")) == "same text"


def test_closing_words_under_strange_headlines_are_no_story():
    one = copy("Fishermen doubt the new harbour", CLOSING)

    assert row(one, copy("Night market after its move", CLOSING)) == "quotation"


def test_one_item_of_a_digest_is_another_story():
    briefing = [HEADLINE, *REPORT[:4], "Bread prize", *HISTORY[:3], "Trams", *HISTORY[3:7]]
    digest = copy("What you need to know today", *briefing)

    assert row(copy(HEADLINE, *REPORT[:4]), digest) == "digest"


def test_an_article_with_another_after_it_under_that_one_s_headline_hides_it_not():
    page = copy("Baker wins a prize with rye bread", *REPORT[:6], *paragraphs(12, 3))

    assert row(copy(HEADLINE, *REPORT[:6]), page) == "digest"


def test_one_address_in_one_source_is_one_entry_whatever_its_headline():
    one = copy(HEADLINE, *REPORT, source="paper", link="https://paper.example/1")
    again = copy(OTHER, *REPORT[:6], source="paper", link="https://paper.example/1")
    live = copy(OTHER, *HISTORY, source="paper", link="https://paper.example/1")

    assert row(one, again) == "own address"
    assert row(one, live) == "another item"


def _note(text: str = "Say what you like.", day: int = 1, **more) -> ArticleCopy:
    return copy(
        "Open thread", text, source="paper", published=f"2026-11-{day:02}T08:00+00:00", **more
    )


def test_a_source_s_short_entry_of_another_week_hides_none_of_those_before():
    weeks = [
        _note(REPORT[0], day=day, link=f"https://paper.example/thread/{day}") for day in (1, 8)
    ]
    hours = [
        _note(REPORT[0], link=f"https://paper.example/{hour}", enclosures=({"url": file},))
        for hour, file in enumerate(("https://cdn.example/7.mp3", "https://cdn.example/8.mp3"))
    ]
    sections = [_note(REPORT[0], link=f"https://paper.example/{name}/1") for name in ("a", "b")]
    other_paper = copy("Open thread", REPORT[0], source="other", published="2026-11-08T08:00+00:00")

    days = [
        each.article.model_copy(update={"published": each.article.published[:10]}) for each in weeks
    ]
    bare = ArticleCopy(days[1], "paper")  # a date without an hour
    undated = sections[0].article.model_copy(update={"published": None})
    twin = ArticleCopy(undated, "paper", has_twin=True)  # listed beside the other

    assert row(*weeks) == row(*hours) == row(weeks[0], bare) == "recurring item"
    assert row(twin, sections[1]) == "recurring item"
    assert row(*sections) == "same text"
    assert row(weeks[0], other_paper) in SAME


def test_a_few_words_of_one_source_are_one_entry_at_one_address_only():
    places = ("https://paper.example/thread/1", "https://paper.example/thread/2")
    threads = [_note(link=place) for place in places]
    roots = [_note(f"Numbers {n} {n + 7}", link="https://paper.example/") for n in (3, 4)]
    readings = [_note(f"Temperature {n} degrees", link=places[0]) for n in (3, 4)]

    assert row(*threads) == row(*roots) == row(*readings) == "no text"
    assert row(threads[0], _note(link=places[0])) in SAME


def test_what_one_address_reports_again_with_another_figure_is_another_item():
    report = "The river stands at {} metres at the lower bridge and goes on rising this morning."
    one, other = (_note(report.format(n), link="https://paper.example/river") for n in (3, 4))

    assert row(one, other) == "another item"


def test_one_address_in_two_sources_joins_a_short_report_but_never_other_words():
    link = "https://paper.example/1"
    one = copy(HEADLINE, *REPORT[:2], source="news", link=link)

    assert row(one, copy(OTHER, *REPORT[:2], source="economy", link=link)) == "address"
    assert row(one, copy(OTHER, *REPORT[7:9], source="economy", link=link)) not in SAME


def test_pictures_alone_are_one_gallery_when_they_are_the_same_in_order():
    pictures = ("https://cdn.example/1.jpg", "https://cdn.example/2.jpg")
    title = "In pictures: the last summer of the quay"

    assert row(copy(title, images=pictures), copy(title, images=pictures)) == "pictures"
    assert row(copy(title, images=pictures), copy(title, images=pictures[::-1])) == "no text"


def test_strangers_have_another_text():
    assert row(copy(HEADLINE, *REPORT), copy(OTHER, *HISTORY)) == "other text"


def test_a_later_text_agrees_as_long_as_half_of_the_shorter_stands_in_the_other():
    def pair(*body: str) -> Pair:
        return Pair.of(copy(HEADLINE, *REPORT), copy(OTHER, *body), Idf())

    assert agrees(pair(*REPORT[:3]))
    assert agrees(pair(*REPORT, *HISTORY))
    assert not agrees(pair(*REPORT[:2], *HISTORY[:5]))


def test_every_row_has_an_example_of_its_own():
    assert len({row.name for row in TABLE}) == len({row.example for row in TABLE}) == len(TABLE)


RELEASE = (
    "Corvane announced on Monday that it opens a branch in {}. {} will lead the new office. "
    + " ".join(paragraphs(20, 4))
)


def test_a_place_and_a_name_on_both_sides_of_a_full_stop_are_two_swaps():
    places = [RELEASE.format(*each) for each in (("Hale", "Ann Pruitt"), ("Perry", "Jo Crane"))]
    one, other = (copy("Corvane opens a branch", text) for text in places)

    assert len(Pair.of(one, other, Idf()).evidence.told_apart) == 2


def test_a_name_swapped_in_text_and_headline_parts_also_longer_texts():
    texts = [RELEASE.format(place, "Ann Pruitt") for place in ("Hale", "Perry")]
    one, other = (
        copy(f"Corvane opens a branch in {place}", *REPORT, text)
        for place, text in zip(("Hale", "Perry"), texts, strict=True)
    )

    assert row(one, other) == "other subject"


def test_one_character_of_a_place_in_a_short_text_is_another_place_and_a_typing_error_is_not():
    known = Idf()
    for _ in range(5):
        known.learn_words(ArticleCopy(Article(text="调查公布结果，公布名单"), None).reading.units)
    text = "在全省十四个城市中，{}市的工厂最多，至少有三百三十四家。当局周一{}了这份名单。"
    jin, xu = text.format("锦州", "公布"), text.format("徐州", "公布")

    def found(other: str) -> str:
        return row_of(Pair.of(copy("工厂名单", jin), copy("工厂名单", other), known)).name

    assert found(xu) == "template"
    for word in ("锦州", "徐州", "市的"):
        for _ in range(5):
            known.learn_words(ArticleCopy(Article(text=word), None).reading.units)
    assert found(xu) == "template"
    assert found(text.format("锦州", "公部")) != "template"


def test_a_place_in_a_phrase_that_comes_twice_is_found_both_times():
    text = "据报道，{0}市河东区居民王某获释，已不能行走。他家住{0}市河东区光荣村，今年五十九岁。"
    one, other = (copy("王某获释", text.format(place)) for place in ("大连", "徐州"))

    assert len(Pair.of(one, other, Idf()).evidence.telling) == 2
    assert row(one, other) == "template"


@pytest.mark.parametrize(
    ("words", "digits"),
    [("The fire killed seven cows and twenty hens.", "The fire killed 7 cows and 20 hens."),
     ("Das Feuer tötete fünf Kühe und zwölf Hühner.", "Das Feuer tötete 5 Kühe und 12 Hühner.")],
)  # fmt: skip
def test_small_number_words_are_their_digits(words: str, digits: str):
    one, other = copy("Fire on a farm", words), copy("Fire on a farm", digits)

    assert row(one, other) == "same text"


def test_a_follow_up_that_quotes_the_earlier_article_in_full_is_another_story():
    follow_up = copy("Wug blicket dax", *paragraphs(12, 4), *REPORT)

    assert row(copy(HEADLINE, *REPORT), follow_up) == "background"


def test_the_days_and_words_of_a_daily_report_part_it_from_the_one_before():
    daily = "{} will be {} in Tarnfield with light winds from the lake. Pollen levels stay low."
    days = [("Monday", "sunny"), ("Tuesday", "sunny"), ("Monday", "foggy")]
    reports = [copy("Weather", daily.format(*day), source="paper") for day in days]

    assert row(reports[0], reports[1]) == row(reports[0], reports[2]) == "template"


def test_a_corrected_figure_under_one_address_is_no_other_item():
    link = "https://paper.example/dam"
    later = [text.replace("eleven", "twelve") for text in REPORT]
    first, second = (copy(HEADLINE, *each, source="paper", link=link) for each in (REPORT, later))

    assert row(first, second) == "own address"


def test_a_blank_in_a_number_is_no_other_figure():
    spaced = CHINESE.replace("四十三", "43 ").replace("二点六亿", "2.6 亿")
    written = CHINESE.replace("四十三", "43").replace("二点六亿", "2.6亿")

    assert row(copy("临河大桥封闭", spaced), copy("临河大桥封闭", written)) == "same text"


def test_a_long_text_with_a_new_last_paragraph_under_any_headline_is_one_story():
    text = [*REPORT, *HISTORY, *paragraphs(12, 12)]
    one = copy("Sleepless nights", *text, source="a")
    other = copy("Odds and ends", *text[:-2], *paragraphs(13, 2), source="b")

    assert Pair.of(one, other, Idf()).is_unsupported
    assert row_of(Pair.of(one, other, Idf())).same

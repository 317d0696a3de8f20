from pathlib import Path

import numpy as np
import pytest

from core.body.html import parse_page
from core.body.walk import Walker
from core.models import Article
from core.page import trees
from core.page.extract import extract_page
from core.page.features import PageBlocks, features
from core.page.kind import kind_of_page
from core.page.trees import Trees, stored_trees

STORY = (
    "The lamps of the old town went out at nine, and for once people saw the Milky Way.",
    "A cable had burned through under the river, the grid company said on Tuesday morning.",
    "The baker on the corner baked by candlelight all night and gave the bread away.",
    "Nobody was hurt, but two lifts stood still between floors for more than an hour.",
    "The council will meet on Friday to decide whether the old lanterns come back.",
    "Engineers had warned of the state of the cable in a report four years ago.",
)
PROSE = "".join(f"<p>{sentence} It was the talk of the whole week.</p>" for sentence in STORY)


def article(body: str, head: str = "") -> tuple[str, str]:
    page = (
        f"<!DOCTYPE html><html lang='en'><head><title>Night over Ost</title>{head}</head><body>"
        "<header><a href='/'>Ost Courier</a><nav><a href='/n'>News</a></nav></header>"
        f"{body}<footer><p>© 2026 Ost Courier</p></footer></body></html>"
    )
    found = extract_page(page.encode(), url="https://news.example/a.html")
    assert found is not None
    return found.article.text, found.article.html


def test_answers_that_the_page_opens_stay() -> None:
    faq = "".join(
        f"<h3>Question {n}: why so dark?</h3><div style='display:none'><p>{sentence}</p></div>"
        for n, sentence in enumerate(STORY)
    )

    text, _ = article(f"<article><h1>Light</h1>{PROSE[:200]}</p><div class='faq'>{faq}</div>")

    assert all(sentence in text for sentence in STORY)


def test_comments_under_neutral_names_go() -> None:
    said = "".join(f"<div class='c'><p><b>user{n}</b></p><p>{STORY[n]} I was there, and it was "
                   f"exactly so, believe me or not.</p></div>" for n in range(6))  # fmt: skip

    text, _ = article(f"<article><h1>Night</h1>{PROSE}</article><h3>6 comments</h3>{said}")

    assert STORY[5] in text
    assert "I was there" not in text


def test_a_second_article_below_goes() -> None:
    second = PROSE.replace("cable", "bridge")

    text, _ = article(
        f"<article><h1>Night over Ost</h1>{PROSE}</article>"
        f"<article><h1>Bridge closes for the summer</h1>{second}</article>"
    )

    assert "A cable had burned" in text
    assert "A bridge had burned" not in text


def test_linked_headlines_at_the_end_go_with_their_label_in_any_language() -> None:
    links = "".join(f"<p><a href='/{n}'>{line[:48]}</a></p>" for n, line in enumerate(STORY[2:4]))
    body = f"<article><h1>Night</h1>{PROSE}<p>Annað af sama tagi:</p>{links}</article>"

    text, _ = article(body)

    assert "Annað" not in text
    assert text.endswith("It was the talk of the whole week.")


def test_a_dialog_about_cookies_is_no_text_however_long() -> None:
    vendors = "".join(f"<p>Partner {n} stores {line.lower()}</p>" for n, line in enumerate(STORY))
    dialog = f"<div id='onetrust-consent-sdk'><h2>Privacy Preference Center</h2>{vendors * 3}</div>"

    text, _ = article(f"<div><h1>Night</h1><p>{STORY[0]} {STORY[1]}</p></div>{dialog}")

    assert STORY[1] in text
    assert "Partner" not in text


def test_a_page_named_for_its_cookie_dialog_keeps_its_text() -> None:
    text, _ = article(f"<div class='page cookie-bar-open'><h1>Night</h1>{PROSE}</div>")

    assert STORY[5] in text


def test_the_posts_of_a_thread_are_its_text() -> None:
    posts = "".join(
        f"<div class='post'><a href='/u/{n}'>user{n}</a><div class='message-body'><p>{sentence} "
        f"What do you think?</p></div></div>"
        for n, sentence in enumerate(STORY)
    )
    kind = '<script type="application/ld+json">{"@type": "DiscussionForumPosting"}</script>'

    text, _ = article(f"<h1>Who saw the stars?</h1><h3>6 comments</h3>{posts}", kind)

    assert all(sentence in text for sentence in STORY)


def test_posts_that_only_readers_without_scripts_get_are_read() -> None:
    text, _ = article(f"<div id='app'></div><noscript><div>{PROSE}</div></noscript>")

    assert all(sentence in text for sentence in STORY)


def test_a_linked_paragraph_and_a_list_of_links_stay_in_a_round_up() -> None:
    links = "".join(f"<li><a href='https://{n}.example/x'>A long read about lamp {n}</a></li>"
                    for n in range(6))  # fmt: skip
    linked = f"<p><a href='/x'>{STORY[0]}</a></p>"

    text, html = article(
        f"<article><h1>Links</h1><p>{STORY[1]} More.</p><h2>Reading</h2><ul>{links}</ul>"
        f"<p>{STORY[2]} More of it.</p>{linked}<p>{STORY[3]} So it was.</p></article>"
    )

    assert STORY[0] in text
    assert html.count("<li>") == 6


def links(*addresses: str) -> str:
    return "".join(f"<li><a href='{each}'>On lamp {n}</a></li>" for n, each in enumerate(addresses))


def test_references_and_footnotes_after_the_text_stay_and_the_sites_own_list_goes() -> None:
    notes = (
        "<section class='footnotes'><ol><li>The cable is from 1931. <a href='#r1'>↩</a></li></ol>"
    )
    there, here = links("https://a.example/1", "https://b.example/2"), links("/3.html", "/4.html")

    _, html = article(
        f"<div id='text'><h1>Night</h1>{PROSE}<h2>Sources</h2><ul>{there}</ul>{notes}</section>"
        f"<ul>{here}</ul></div>"
    )

    assert "<h2>Sources</h2><ul><li><a href=" in html
    assert "https://b.example/2" in html
    assert "1931" in html
    assert "4.html" not in html


def test_a_short_heading_between_paragraphs_stays_and_a_teaser_of_the_template_goes() -> None:
    teasers = f"<div class='card'><ul>{links('/3.html', '/4.html')}</ul></div>"

    _, html = article(
        f"<div id='text'>{PROSE}<h3><a href='/5.html'>Lamps</a></h3><p>{STORY[0]}</p>"
        f"{teasers}{PROSE}</div>"
    )

    assert "Lamps</a></h3>" in html
    assert "4.html" not in html


def test_a_picture_keeps_its_caption_and_loses_the_label_beside_it() -> None:
    figure = (
        "<figure><div><span>Image</span><img src='/a.jpg' width='900' height='600'></div>"
        "<figcaption>The square on Monday night.</figcaption></figure>"
    )
    first, second = PROSE[: len(PROSE) // 2], PROSE[len(PROSE) // 2 :]

    _, html = article(f"<article><h1>Night</h1>{PROSE}{figure}{PROSE}</article>")

    assert first
    assert second
    assert "<figcaption>The square on Monday night.</figcaption>" in html
    assert '<img src="https://news.example/a.jpg"' in html
    assert "Image" not in html


def test_a_text_that_the_page_holds_twice_comes_once() -> None:
    text, _ = article(
        f"<div class='desktop'><div>{PROSE}</div></div><div class='phone'><div>{PROSE}</div></div>"
    )

    assert text.count(STORY[0]) == 1


def test_a_line_that_comes_again_in_the_article_stays() -> None:
    refrain = f"<p>{STORY[4]}</p>"

    text, _ = article(f"<article><h1>Song</h1>{PROSE}{refrain}{PROSE[:300]}</p>{refrain}</article>")

    assert text.count(STORY[4]) >= 3


def test_the_model_is_small_and_fits_the_columns() -> None:
    file = Path(trees.__file__).with_name("blocks.json")
    root = parse_page(f"<html><body><h1>Night</h1>{PROSE}</body></html>")[1]
    page = PageBlocks(Walker(None, judging=False).walk(root), root, "Night")
    vote = np.ones(len(page.blocks), np.float32)
    kind = kind_of_page("", root, page.posts)

    assert file.stat().st_size <= 200_000
    for voted in ([vote, vote, vote], [vote, vote, None]):
        likely = stored_trees().probabilities(features(page, voted, kind))
        assert likely[1:].min() > 0.45


def test_each_row_falls_into_one_leaf_of_each_tree() -> None:
    # Up to .5 in column 1: -2; else up to 3 in column 0: .5, else up to .8 in column 1: 1, else 2.
    deep = [[1, -1, 0, -1, 1, -1, -1], [0.5, -2, 3, 0.5, 0.8, 1, 2]]
    flat = [[0, -1, -1], [7, 0, 0.25]]
    model = Trees({"columns": 2, "trees": [deep, flat]})
    rows = np.array([[9, 0.5], [3, 0.6], [7, 0.8], [9, 0.9]], np.float32)

    sums = [-2 + 0.25, 0.5, 1, 2 + 0.25]
    assert model.probabilities(rows) == pytest.approx([1 / (1 + np.exp(-each)) for each in sums])


def test_rows_with_other_columns_are_refused() -> None:
    model = Trees({"columns": 2, "trees": [[[0, -1, -1], [1, 0, 1]]]})

    with pytest.raises(ValueError, match="2 columns, the page 3"):
        model.probabilities(np.zeros((1, 3)))


def test_an_article_above_linked_excerpts_is_no_front_page() -> None:
    teasers = "".join(
        f"<h2><a href='/{n}'>Headline number {n} of today</a></h2><p>{sentence}</p>"
        for n, sentence in enumerate(STORY)
    )
    head = "<meta property='og:type' content='article'>"

    text, _ = article(f"<h1>Night</h1><p>{STORY[0]} {STORY[1]} {STORY[2]}</p>{teasers}", head)

    assert STORY[1] in text
    assert text.count(STORY[5]) == 0


def test_code_behind_the_text_stays() -> None:
    code = "<pre>lamp --on\nlamp --off</pre>"

    _, html = article(f"<main><h1>Lamps</h1>{PROSE}{code}{PROSE[:150]}</p>{code}</main>")

    assert html.count("<pre>") == 2


def test_a_copy_that_alternates_with_the_text_goes() -> None:
    both = "".join(
        f"<div><p>{sentence} It was the talk of the whole week.</p></div>"
        f"<section><p>{sentence} It was the talk of the whole week.</p></section>"
        for sentence in STORY
    )

    text, _ = article(f"<main><h1>Night</h1>{both}</main>")

    assert [text.count(sentence) for sentence in STORY] == [1] * len(STORY)


def test_comments_go_by_their_name_below_an_article_only() -> None:
    said = "".join(
        f"<div class='comment-block'><p>{sentence} I was there, and it was exactly so.</p></div>"
        for sentence in STORY
    )
    box = f"<div class='comment-thread'>{said}</div>"

    text, _ = article(f"<div class='post'><h1>Night</h1>{PROSE}</div>{box}")
    thread, _ = article(f"<div class='post'><h1>Night</h1></div>{box}")

    assert STORY[5] in text
    assert "I was there" not in text
    assert all(f"{sentence} I was there" in thread for sentence in STORY[:5])


def test_dialogs_go_wherever_they_stand() -> None:
    consent = (
        "<div id='onetrust-consent-sdk'><h2>Your privacy</h2><p>We and our partners process data "
        "to provide precise location and to store what is on your device, as you allow.</p></div>"
    )

    text, _ = article(f"<article><h1>Night</h1>{consent}{PROSE}</article>{consent}")

    assert STORY[0] in text
    assert "partners" not in text


@pytest.mark.parametrize("name", ["cta-block", "author-bio", "call-to-action", "byline__box"])
def test_calls_to_action_and_notes_on_the_author_go_by_their_name(name: str) -> None:
    box = f"<div class='{name}'><p>Talk to our lamp experts and light your town today.</p></div>"

    text, _ = article(f"<article><h1>Night</h1>{PROSE}{box}{PROSE}{box}</article>")

    assert STORY[0] in text
    assert "experts" not in text


@pytest.mark.parametrize(
    ("style", "stays"),
    [("visibility: hidden", False), ("visibility: hidden; animation-name: none", True)],
)
def test_invisible_text_goes_unless_it_is_animated(style: str, stays: bool) -> None:
    hidden = (
        f"<div style='{style}'><p>{'Talk to our lamp experts and light your town. ' * 6}</p></div>"
    )

    text, _ = article(f"<article><h1>Night</h1>{PROSE}{hidden}{PROSE}</article>")

    assert ("experts" in text) == stays


def test_a_page_that_is_shown_by_a_script_keeps_its_text() -> None:
    text, _ = article(f"<h1>Night</h1><div style='visibility: hidden; opacity: 0'>{PROSE}</div>")

    assert all(sentence in text for sentence in STORY)


def thread(posts: str) -> tuple[str, str]:
    return article(posts, '<meta name="generator" content="phpBB"><link rel="canonical" '
                          'href="https://forum.example/viewtopic.php?t=1">')  # fmt: skip


def test_signatures_and_counts_of_who_posted_go_in_a_thread() -> None:
    below = "<div class='signature'>Two telescopes, one cat, and never enough of clear skies.</div>"
    panel = "<dl class='postprofile'><dt>ann</dt><dd class='profile-posts'>Posts: 14</dd></dl>"

    text, _ = thread("".join(
        f"<div class='post'>{panel}<div class='postcontent'>{sentence} So it was here.</div>{below}"
        f"</div>" for sentence in STORY
    ))  # fmt: skip
    letter, _ = article(f"<article><h1>Night</h1>{PROSE}{below.replace('div', 'p')}</article>")

    assert all(sentence in text for sentence in STORY)
    assert "Posts: 14" not in text
    assert "telescopes" not in text
    assert "telescopes" in letter


def test_short_posts_stay_with_the_long_ones_of_like_form() -> None:
    said = [*STORY, "Same here.", "Yes!"]

    text, _ = thread("".join(f"<li class='p'><i>ann</i><div class='b'>{each}</div></li>"
                             for each in said))  # fmt: skip

    assert all(each in text for each in said)


def test_an_article_is_found_where_the_feed_says_it_is() -> None:
    page = f"<html><title>Night</title><body><aside><p>{STORY[0]}</p></aside>{PROSE[200:]}"
    feed = Article(title="Night", text=STORY[0])

    found = extract_page(page.encode(), url="https://news.example/a.html", feed=feed)

    assert found is not None
    assert found.article.text.startswith(STORY[0])


def test_a_short_article_is_kept_above_many_comments() -> None:
    said = "".join(f"<div class='comment-body'><p>{sentence} I was there, I saw the very lamps "
                   f"go out one by one.</p></div>" for sentence in STORY * 12)  # fmt: skip

    text, _ = article(f"<article><h1>Night</h1><p>{' '.join(STORY)}</p></article>"
                      f"<div class='comment-list'>{said}</div>")  # fmt: skip

    assert "I was there" not in text

from core.render.comparison import Compared, comparison_page

BODY = "<p>The weir was rebuilt.</p><p>Subscribe now</p><script>x()</script>"
PAGE = f"<html><body>{BODY}</body></html>"


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

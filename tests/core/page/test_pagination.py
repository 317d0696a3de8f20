import pytest

from core.body.html import parse_page
from core.page.pagination import next_page


def found(body: str, url: str) -> str | None:
    return next_page(parse_page(f"<html><body>{body}</body></html>")[1], url)


@pytest.mark.parametrize(
    ("link", "url", "following"),
    [
        (
            "<a href='88_2.html'>下一页</a>",
            "https://a.example/88.html",
            "https://a.example/88_2.html",
        ),
        ("<a href='?page=3'>Next</a>", "https://a.example/x?page=2", "https://a.example/x?page=3"),
        (
            "<a rel='next' href='/story/2'>»</a>",
            "https://a.example/story",
            "https://a.example/story/2",
        ),
        ("<a rel='next' href='/another-story'>Next</a>", "https://a.example/story", None),
        ("<a href='/story/2019'>Next</a>", "https://a.example/story/2018", None),
        ("<a href='https://b.example/x_2.html'>下一页</a>", "https://a.example/x.html", None),
        ("<a href='x_3.html'>下一页</a>", "https://a.example/x.html", None),
        ("<a href='x_2.html'>read the next chapter</a>", "https://a.example/x.html", None),
    ],
)
def test_only_the_articles_own_next_page_is_taken(
    link: str, url: str, following: str | None
) -> None:
    assert found(link, url) == following

import pytest

from core.body.html import parse_page, sanitize

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<img src="javascript:alert(1)">',
    "<svg onload=alert(1)><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "<math><mi xlink:href='data:x,<script>alert(1)</script>'>x</mi></math>",
    "<a href='jAvAsCrIpT:alert(1)'>x</a>",
    "<a href='java&#x09;script:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:x'>x</a>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<form action='javascript:alert(1)'><button>x</button></form>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<img srcset='javascript:alert(1) 1x' src='https://a.example/x.png'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<math><mtext><table><mglyph><style><img src onerror=alert(1)></style></table></mtext></math>",
    "<object data='javascript:alert(1)'></object><embed src='javascript:alert(1)'>",
    "<base href='javascript:alert(1)//'><meta http-equiv=refresh content='0;url=javascript:1'>",
    "<details open ontoggle=alert(1)>x</details>",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_could_act_is_left(payload: str) -> None:
    html = sanitize(payload).lower()

    for part in ("script", "onerror", "onload", "ontoggle", "style", "data:", "srcset", "<form"):
        assert part not in html


def test_what_an_article_needs_is_left() -> None:
    html = (
        '<h2>H</h2><ol start="3"><li>a</li></ol><pre>x\n y</pre>'
        '<figure><img src="https://a.example/x.png" alt="A"><figcaption>c</figcaption></figure>'
        '<table><tbody><tr><td colspan="2">c</td></tr></tbody></table><blockquote>q</blockquote>'
    )

    assert sanitize(html) == html


def test_links_name_no_referrer() -> None:
    assert 'rel="noopener noreferrer"' in sanitize('<a href="https://a.example/">x</a>')


def test_pictures_load_from_the_web_only() -> None:
    assert "src" not in sanitize('<img src="cid:1"><img src="/x.png"><img src="data:image/png,x">')


def test_a_link_without_a_site_loses_its_address_and_keeps_its_words() -> None:
    assert sanitize('<a href="</plaintext\\><b">words</a>') == (
        '<a rel="noopener noreferrer">words</a>'
    )


def test_an_address_that_ends_like_an_attribute_is_closed() -> None:
    html = sanitize('<img src="https://a.example/x?SRC=" alt="A"><img src="https://a.example/y=">')

    assert 'src="https://a.example/x?SRC%3D"' in html
    assert 'src="https://a.example/y="' in html


def test_what_follows_the_end_of_a_page_is_part_of_it() -> None:
    menu = "<html><head></head><body><nav>News</nav></body></html>"

    _, root = parse_page(f"{menu}<div><p>The ferry runs again.</p></div><p>On Monday.</p>")

    assert root.xpath("string(body)") == "NewsThe ferry runs again.On Monday."

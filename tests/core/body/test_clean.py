import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import html as lxml_html

from core.body.clean import CleanOptions, clean_entry
from core.feeds.parse import parse_feed
from core.models import CAME_KEPT, FOUND_KEPT, Article, Enclosure, FeedEntry, Method
from core.text import letters_only
from tests.score import f1, forbidden

EXAMPLES = Path(__file__).parents[2] / "examples"
ELEMENTS = {
    "heading": "//h1|//h2|//h3|//h4|//h5|//h6",
    "li": "//li",
    "blockquote": "//blockquote",
    "pre": "//pre",
    "table": "//table",
}
P = "<p>The river gauge at the old bridge has been repaired and reports every ten minutes.</p>"


def examples() -> Iterator[Path]:
    yield from sorted(EXAMPLES.glob("seeds/*.txt"))
    yield from sorted([*EXAMPLES.glob("items/*.txt"), *EXAMPLES.glob("items/*.xml")])


def article_of(path: Path) -> Article:
    if path.suffix == ".xml":
        entry = parse_feed(path.read_bytes(), url="https://a.example/", content_type=None).entries[
            0
        ]
    else:
        entry = FeedEntry(guid="x", position=0, content=path.read_text())
    return clean_entry(entry).article


def cleaned(content: str, **stated: Any) -> Article:
    options = stated.pop("options", CleanOptions())
    stated.setdefault("link", "https://a.example/1")
    return clean_entry(
        FeedEntry(guid="x", position=0, content=content, **stated), options=options
    ).article


@pytest.fixture(params=list(examples()), ids=lambda path: path.stem)
def example(request: pytest.FixtureRequest) -> tuple[Article, dict[str, Any]]:
    path = request.param
    return article_of(path), json.loads(path.with_suffix(".expected.json").read_text())


def test_an_example_keeps_every_word_and_nothing_else(
    example: tuple[Article, dict[str, Any]],
) -> None:
    article, wanted = example

    assert f1(article.text, wanted) >= 0.99
    assert forbidden(article.text, article.html, wanted) == []


def test_an_example_keeps_its_structure(example: tuple[Article, dict[str, Any]]) -> None:
    article, wanted = example
    root = lxml_html.fromstring(f"<div>{article.html}</div>")

    for block in wanted["blocks"]:
        if block["type"] != "p":
            texts = [
                letters_only(found.text_content()) for found in root.xpath(ELEMENTS[block["type"]])
            ]
            assert any(letters_only(block["text"]) in text for text in texts)
    assert set(wanted["images"]) <= set(article.images)
    assert {link["href"] for link in wanted["links"]} <= set(article.links)


def test_an_example_states_what_its_source_stated(
    example: tuple[Article, dict[str, Any]],
) -> None:
    article, wanted = example

    assert article.title == wanted["title"]
    assert article.author == wanted["author"]
    assert article.original_url == wanted["original_url"]
    assert article.needs_page == wanted.get("needs_page", False)
    assert (article.published or "")[:9] == wanted["published"][:9]
    if wanted.get("link"):
        assert article.link == wanted["link"]
    if wanted["lead_image"] is None or wanted["lead_image"] in wanted["images"]:
        assert article.lead_image == wanted["lead_image"]


def test_dropped_elements_leave_no_space_between_chinese_characters() -> None:
    article = cleaned(
        "<p>总统\n <ok href='https://a.example/t'>\n  普京\n </ok>\n 对会谈\n <x>持</x> 态度</p>"
    )

    assert article.text == "总统普京对会谈持态度"


def test_a_space_that_the_author_typed_stays() -> None:
    assert cleaned("<p>俄乌战 拜登松动 and Biden</p>").text == "俄乌战 拜登松动 and Biden"


def test_a_phrase_inside_a_paragraph_takes_nothing_with_it() -> None:
    sentence = (
        "The minister said that users who share this code are asked to subscribe to our newsletter "
        "and to follow us on Twitter, which the court found to be against the law in every case."
    )

    assert cleaned(f"<p>{sentence}</p>").text == sentence


@pytest.mark.parametrize(
    "junk",
    [
        "<p>The post <a href='https://a.example/1'>T</a> appeared first on <a href='/'>A</a>.</p>",
        "<p>Der Beitrag T erschien zuerst auf A.</p>",
        "<p>L’article T est apparu en premier sur A.</p>",
        "<p>Share this:</p><ul><li><a href='https://x.example/'>Twitter</a></li></ul>",
        "<div class='addtoany_share_save_container'><a href='https://x.example'>Facebook</a></div>",
        "<p>扫描二维码，关注我们的公众号</p>",
        "<p>掃描QR Code 關注：長按二維碼</p>",
        "<p>（責任編輯：林妍）</p>",
        "<p>点击上方<strong>蓝字</strong>关注“江边观察”</p>",
        "<p>编辑｜梁一行</p>",
        "<p>（原标题：停了七年的渡轮，回来了）</p>",
        "<p>本文由「方小舟」原创出品，转载请联系；违规转载必究。</p>",
        "<p>شارك هذا المقال على فيسبوك</p>",
        "<p>הירשמו לניוזלטר שלנו</p>",
        "<p>Подпишитесь на нашу рассылку</p>",
        "<p>この記事をシェアする</p>",
        "<p>Xでフォローする</p>",
        "<p>メールマガジンに登録する</p>",
        "<p>페이스북으로 공유하기</p>",
        "<p>관련 기사</p><ul><li><a href='https://a.example/2'>다른 기사</a></li></ul>",
        "<p>欢迎点赞、在看、转发三连</p>",
        "<p>点击上方“江边观察”关注我们，设为⭐星标</p>",
        "<p>本文约2100字，预计阅读6分钟</p>",
        "<p>排版 | 阿林</p>",
        "<p>▼ 点击关注“江边观察” ▼</p>",
        "<p>喜欢就点个“在看”吧</p>",
        "<p>📢 频道 @weir_news</p>",
        "<p><a href='https://a.example/q'>查看知乎讨论</a></p>",
        "<p>Facebook'ta paylaş</p>",
        "<p>İlgili haberler</p><ul><li><a href='https://a.example/2'>Başka</a></li></ul>",
        "<p>Chia sẻ bài viết lên Facebook</p>",
        "<p>این مطلب را به اشتراک بگذارید</p>",
        "<p>Читайте також:</p><ul><li><a href='https://a.example/2'>Інша новина</a></li></ul>",
        "<p>Was this email forwarded to you? <a href='https://a.example/s'>Subscribe here</a></p>",
        "<p>编辑 刘晓阳 校对 李铭</p>",
        "<p>图片来自网络，如有侵权，请联系删除。</p>",
        "<p>扫一扫在手机打开当前页</p>",
        "<p>（原题为《渡轮回来了》）</p>",
        "<p>该文观点仅代表作者本人，平台仅提供信息存储空间服务。</p>",
        "<p>抱歉，全文获取失败，请稍后再试</p>",
        "<p><a href='https://b.example/'>Adblock test</a> <a href='https://b.example/2'>(Why?)</a></p>",
        "<p><em>Enjoying this? <a href='https://a.example/s'>Subscribe to our letter</a></em></p>",
        "<a href='https://a.example/weir.jpeg'><div>weir 1200×675 98.2 KB</div></a>",
        "<p>版权声明：本文为原创，未经许可不得转载。</p>",
        "<p>Sign up for our weekly newsletter</p>",
        "<p>Subscribe now</p>",
        "<p>Lire aussi : <a href='https://a.example/2'>Autre article</a></p>",
        "<h3>Related</h3><ul><li><a href='https://a.example/2'>Another story</a></li></ul>",
        "<p>Tagged: <a href='https://a.example/t'>river</a></p>",
        "<p>Loading...</p>",
        "<p>Advertisement</p>",
        "<p><a href='https://a.example/'>Home</a> | <a href='https://a.example/a'>News</a> | "
        "<a href='https://a.example/b'>Sport</a></p>",
        "<p><a href='http://203.0.113.7:8080/x'>🔥 A film everybody must see</a></p>",
        "<p style='display:none'>hidden words</p>",
        "<form><input><button>Send</button></form>",
    ],
)
def test_what_is_no_article_goes_and_says_why(junk: str) -> None:
    article = cleaned(P + P + junk)

    assert article.text == cleaned(P + P).text
    assert article.removed or "<form" in junk


@pytest.mark.parametrize(
    "real",
    [
        "<p>Share prices fell by four percent.</p>",
        "<p>Read more books.</p><p>That was his advice.</p>",
        "<h2>Related work</h2><p>Others have tried this before.</p>",
        "<p>编辑：您为什么离开？</p><p>作家：因为我想写作，而不是开会，这些年一直如此。</p>",
        "<p>市民扫描二维码后发现，页面无法打开，随后报警。</p>",
        "<h2>Tags in version control</h2><p>A tag names a commit.</p>",
        "<p>未经许可进入者将被罚款。</p>",
        "<p>由此看来，这位议员的言论只能代表他自己，既不代表他所在的党，也不代表本报读者。</p>",
        "<p>美媒爆料：俄罗斯仍要求乌军从顿巴斯撤离，美国试图提出新方案</p>",
        "<p>Copyright: the bone of contention between makers and machines for years now, and no "
        "judge has settled it.</p>",
        "<p>Get used to it: the newsletter is the new front page, and editors know that most "
        "readers never see the site at all any more.</p>",
        "<ul><li><a href='https://b.example/'>A tool</a></li><li><a href='https://c.example/'>Another"
        "</a></li></ul><p>Both are free.</p>",
        "<blockquote><p>Follow the money.</p></blockquote>",
        "<p>地址：江边路十二号</p><p>时间：每天上午九点</p>",
        "<p>声明：我们要求当局停止拆除。</p>",
        "<p>Contact with the probe was lost.</p>",
        "<p>这条消息当天获得三万次点赞和转发。</p>",
        "<p>他在店里点了关东煮。</p>",
        "<p>局长亲自带货，镇长点赞渡口</p>",
        "<p>Xem thêm nhiều sách, ông ấy nói.</p>",
        "<p>他把手机设为静音，星标那封邮件。</p>",
        "<p>全文三千字，他写了整整一个冬天。</p>",
        "<p>The photo measures 1200×675 and weighs 98.2 KB.</p>",
        "<h2>Copyright complexity in a divided world</h2><p>Four courts disagree.</p>",
        "<p>著作权法修订草案今天公布，明确了平台的责任。</p>",
        "<p>安装了 Weir 的 App。</p><p>安装完成后，打开 Weir 客户端，登录刚刚注册的账号即可。</p>",
        "<p>这门课的目的是做一个真实的项目。老师人还不错，只要认真就不会挂。材料大家可以在评论里@我，"
        "或者关注我的公众号哦！</p>",
        "<p>His figures are legendary, and everybody who prints at home knows them, since he gave "
        "them all away under a Creative Commons license years ago.</p>",
    ],
)
def test_what_only_looks_like_junk_stays(real: str) -> None:
    wanted = letters_only(lxml_html.fromstring(f"<div>{real}</div>").text_content())

    assert wanted in letters_only(cleaned(P + real + P).text)


RIVER = [
    "周一上午，河岸的水位比前一天下降了四十厘米，志愿者开始清理堆在堤边的树枝和塑料瓶。",
    "工程预计耗资一亿两千万元，分三期进行，首期包括清淤、护坡和两座步行桥，明年年底完工。",
]


@pytest.mark.parametrize(
    "line",
    [
        "阅读此文前，诚邀您点击一下“关注”，既方便您进行讨论与分享，感谢您的支持。",
        "大家对此有什么看法呢？欢迎在评论区留言，喜欢的朋友点赞关注哦！",
        "投稿请发至 tougao@example.org，一经采用即付稿酬",
        "本刊載內容版權為江邊傳媒或相關單位所有，未經編輯部授權，請勿轉載或複製。",
        "本文系转载，版权归原作者所有，如涉版权问题请及时联系我们删除",
        "编辑于 2026-11-20 12:30・IP 属地广东",
        "讀者評論",
        "编辑于 2026-11-20 10:11",
        "资料来源：江边日报 文字整理：周止",
        "（核稿編輯：周止）",
        "校对 吴用",
        "评论暂无评论哦，快来评价一下吧！",
        "#河岸修复# #社区#",
    ],
)
def test_chinese_lines_about_the_page_go_from_both_ends(line: str) -> None:
    text = [f"<p>{each}</p>" for each in RIVER]
    around = "".join([f"<p>{line}</p>", *text, f"<p>{line}</p>"])

    assert cleaned(around, title="T").text == "\n\n".join(RIVER)


@pytest.mark.parametrize(
    "line",
    [
        "“不要放弃！”她说，“我们没有忘记你们，我们在关注你们，我们在为你们抗争！”",
        "（应受访者要求，文中陈桂兰为化名。）",
        "7月初，谷歌与包括脸书、推特和电报在内的其他企业暂停了对政府要求用户数据共享的响应。",
        "记者：谢谢二位参与讨论。",
        "县水务局",
    ],
)
def test_what_only_mentions_such_things_ends_an_article(line: str) -> None:
    around = "".join(f"<p>{each}</p>" for each in [*RIVER, line])

    assert cleaned(around, title="T").text.endswith(line)


def test_a_line_about_the_page_between_two_paragraphs_stays() -> None:
    between = "大家对此有什么看法呢？欢迎在评论区留言，喜欢的朋友关注我们哦！"
    around = "".join(f"<p>{each}</p>" for each in [RIVER[0], between, RIVER[1]])

    assert between in cleaned(around, title="T").text


def test_a_menu_of_links_at_the_end_goes_and_a_list_of_words_stays() -> None:
    menu = "".join(f"<li><a href='https://a.example/{x}'>{x}</a></li>" for x in "简 繁 EN".split())
    words = "".join(f"<li>{x}</li>" for x in "盐 糖 油".split())

    assert cleaned(f"<p>{RIVER[0]}</p><ul>{menu}</ul>").text == RIVER[0]
    assert cleaned(f"<p>{RIVER[0]}</p><ul>{words}</ul>").text.endswith("油")


def test_a_share_class_around_the_article_takes_nothing() -> None:
    assert cleaned(f"<div class='share-content social'>{P}{P}{P}</div>").text.count("gauge") == 3


def test_sentences_in_a_bar_of_tags_stay() -> None:
    article = cleaned(
        f"{P}<div class='tags'>The gauge was built in 1904 by two brothers.</div>{P}{P}"
    )

    assert "two brothers" in article.text


def test_lists_figures_and_code_keep_their_form() -> None:
    article = cleaned(
        P + "<ol start='3'><li>a<ul><li>b</li></ul></li><li>c</li></ol>"
        "<figure><img src='https://a.example/x.jpg'><figcaption>Caption</figcaption></figure>"
        "<p>Type <code>ls</code>.</p><pre>a\n  b</pre>"
    )

    assert '<ol start="3"><li>a<ul><li>b</li></ul></li><li>c</li></ol>' in article.html
    assert "<figcaption>Caption</figcaption></figure>" in article.html
    assert "<p>Type <code>ls</code>.</p><pre>a\n  b</pre>" in article.html


def test_a_caption_is_known_by_its_class_or_its_credit() -> None:
    by_class = cleaned(
        f"<div><img src='https://a.example/x.jpg'><div class='caption'>The weir</div></div>{P}"
    )
    by_credit = cleaned(
        f"<p><img src='https://a.example/x.jpg'></p><p>改造后的步道。记者 周宁 摄</p>{P}"
    )
    described = cleaned(
        "<div><img src='https://a.example/x.jpg'><span class='img_descr'>The weir</span></div>" + P
    )

    assert "<figcaption>The weir</figcaption>" in described.html
    assert "<figcaption>The weir</figcaption>" in by_class.html
    assert "<figcaption>改造后的步道。记者 周宁 摄</figcaption>" in by_credit.html


def test_the_words_and_the_credit_of_a_caption_are_not_glued() -> None:
    figure = (
        "<figure><img src='/a.jpg'><figcaption><span>{}</span><span>{}</span></figcaption></figure>"
    )

    assert (
        "The weir Photo: L. Berg" in cleaned(figure.format("The weir", "Photo: L. Berg") + P).html
    )
    assert "<figcaption>渡口清晨</figcaption>" in cleaned(figure.format("渡口", "清晨") + P).html


def test_a_data_table_stays_and_a_layout_table_is_unwrapped() -> None:
    data = cleaned(f"{P}<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>")
    layout = cleaned(f"<table><tr><td>{P}{P}</td></tr></table>")

    assert "<td>2</td>" in data.html
    assert "<table" not in layout.html
    assert layout.text.count("gauge") == 2


def test_a_player_becomes_a_link_and_no_text() -> None:
    article = cleaned(
        f"{P}<iframe src='https://www.youtube.com/embed/abc123XYZ_0' width='9' height='9'></iframe>"
    )

    assert "https://www.youtube.com/watch?v=abc123XYZ_0" in article.links
    assert "youtube" not in article.text


def test_pictures_are_found_where_lazy_loading_hides_them() -> None:
    article = cleaned(
        P + "<img src='data:image/gif;base64,R0' data-src='/a.jpg'>"
        "<noscript><img src='/a.jpg'></noscript>"
        "<img src='/spacer.gif' data-original='/b.jpg'>"
        "<picture><source srcset='/c-1.webp 1w, /c-2.webp 2w'><img src='/blank.svg'></picture>"
        "<img src='/p.gif' width='1' height='1'><img src='/qrcode.png'>"
        "<img src='/spinner.gif' data-breeze='/d.jpg' data-permalink='/page' title='g.jpg'>"
        "<noscript><img src='/e_small.jpg'></noscript><img src='data:,' data-original='/e.jpg'>"
        "<figure><div role='img' style='background-image:url(&quot;/f.jpg&quot;)'></div></figure>"
        "<img src='/icon.png' style='width: 1rem;height: 1rem'>"
    )

    assert article.images == (
        "https://a.example/a.jpg",
        "https://a.example/b.jpg",
        "https://a.example/c-2.webp",
        *(f"https://a.example/{name}.jpg" for name in "def"),
    )


def test_selectors_of_the_source_are_cut() -> None:
    article = cleaned(
        f"{P}<div class='box'>Our own box</div>{P}", options=CleanOptions(remove=("div.box",))
    )

    assert "box" not in article.text
    assert article.removed[0].rule == "remove: div.box"


def test_a_block_can_be_pinned_as_wanted_or_as_junk() -> None:
    options = CleanOptions(keep_blocks=("Subscribe",), junk_blocks=("weather",))
    article = cleaned(f"{P}<p>Subscribe now</p><p>Today's weather is fine</p>", options=options)

    assert "Subscribe now" in article.text
    assert "weather" not in article.text


def test_a_title_is_plain_text_without_the_site() -> None:
    article = cleaned(
        f"<h1>The gauge is back</h1>{P}", title="The gauge is back - River &amp;amp; Co"
    )

    assert article.title == "The gauge is back"


def test_the_words_of_a_picture_are_kept_where_the_body_does_not_show_it() -> None:
    shown = P + '<img src="https://a.example/1.jpg">'
    picture = {"image": "https://a.example/2.jpg", "image_alt": "The weir."}

    assert cleaned(P, **picture).lead_alt == "The weir."
    assert cleaned(shown, **picture).lead_alt is None


@pytest.mark.parametrize(
    ("player", "kind"),
    [
        ("<audio controls src='/1.mp3'></audio>", "audio/mpeg"),
        ("<video controls poster='/1.jpg'><source src='/1.mp4'></video>", "video/mp4"),
        ("<video loop muted autoplay src='/1.mp4'></video>", None),
        ("<video controls src='https://tube.example/watch/1'></video>", None),
        ("<iframe src='https://a.example/1.mp3'></iframe>", None),
    ],
)
def test_what_the_text_plays_is_an_enclosure(player: str, kind: str | None) -> None:
    stated = Enclosure(url="https://a.example/1.pdf")

    files = cleaned(f"{P}{player}{P}{player}", enclosures=(stated,)).enclosures

    assert [file.type for file in files] == [None, kind][: 1 + bool(kind)]


def test_a_stated_file_that_the_text_plays_is_one() -> None:
    stated = Enclosure(url="https://a.example/1.mp3", type="audio/mpeg", length=9)

    player = f"{P}<audio src='/1.mp3'></audio>"

    assert cleaned(player, enclosures=(stated,)).enclosures == (stated,)


def test_a_picture_of_the_feed_leads_where_the_body_has_none() -> None:
    enclosure = Enclosure(url="https://a.example/e.jpg", type="image/jpeg")

    assert cleaned(P, enclosures=(enclosure,)).lead_image == "https://a.example/e.jpg"
    assert cleaned(P, image="https://a.example/u?s=30").lead_image is None


def test_the_own_address_is_no_original_and_another_is() -> None:
    own = cleaned(f"{P}<p>原文链接：https://a.example/1</p>")
    other = cleaned(f"{P}<p>原文链接：https://b.example/2024/x.html</p>")

    assert own.original_url is None
    assert other.original_url == "https://b.example/2024/x.html"


def test_nothing_in_means_nothing_out() -> None:
    article = cleaned("")

    assert (article.text, article.html, article.needs_page) == ("", "", True)


def test_a_body_that_is_only_a_summary_says_so() -> None:
    entry = FeedEntry(guid="x", position=0, summary=P, link="https://a.example/1")

    assert clean_entry(entry).article.method is Method.SUMMARY


@pytest.mark.parametrize(
    "real",
    [
        "<h2><a href='#one'>Requirements</a></h2><h3><a href='#two'>Toolchain</a></h3>",
        "<h2 id='shared-state'>Shared state</h2>",
        "<section id='related-work'><p>Nobody has tried this.</p></section>",
        "<h3>--help</h3>",
        "<h2>Login</h2><p>Print the version.</p><p>Share the meeting with them.</p>",
        "<p>Thanks to <a href='/a'>Ann</a>, <a href='/b'>Bo</a>, <a href='/c'>Cy</a></p>",
    ],
)
def test_what_documents_are_full_of_stays(real: str) -> None:
    wanted = letters_only(lxml_html.fromstring(f"<div>{real}</div>").text_content())

    assert wanted in letters_only(cleaned(P + P + real, title="T").text)


def test_an_article_keeps_what_came_and_what_was_found_for_people_to_look_at() -> None:
    promo = "Follow us on all our channels!"
    body = f"<div onclick='x()'><p>{'The river rose. ' * 40}</p><p>{promo}</p></div>"
    options = CleanOptions(junk_blocks=("Follow us",))
    article = clean_entry(FeedEntry(guid="1", position=0, content=body), options=options).article

    assert article.came == body
    assert article.found == f"{article.text}\n\n{promo}"
    assert [part.text for part in article.removed] == [promo]


def test_what_is_kept_of_the_steps_is_bounded() -> None:
    body = f"<p>{'The river rose again that day. ' * 2000}</p>"
    article = clean_entry(FeedEntry(guid="1", position=0, content=body)).article

    assert (len(article.came), len(article.found)) == (CAME_KEPT, FOUND_KEPT)
    assert len(article.text) > FOUND_KEPT


def test_a_picture_behind_the_path_of_a_bridge_has_its_own_address() -> None:
    body = (
        "<p><img src='/static/res/https://img.example/1.jpg?x=1'></p>"
        "<p><img src='https://proxy.example/https://img.example/2.jpg'></p>"
    )

    assert cleaned(body).images == (
        "https://img.example/1.jpg?x=1",
        "https://proxy.example/https://img.example/2.jpg",
    )


@pytest.mark.parametrize(
    "name", ["dorian-gray.jpg", "dot-com-bubble.png", "qr-codes-explained.png"]
)
def test_a_picture_stays_whatever_word_its_name_holds(name: str) -> None:
    image = f"<img src='https://a.example/up/{name}' width='1200' height='675'>"

    assert cleaned(P + image).images == (f"https://a.example/up/{name}",)


@pytest.mark.parametrize("name", ["lazy-placeholder.gif", "qrcode_for_gh_12ab.jpg", "1x1.png"])
def test_a_picture_that_shows_nothing_goes(name: str) -> None:
    assert cleaned(P + f"<img src='https://a.example/up/{name}'>").images == ()


def test_a_picture_whose_height_is_left_open_stays() -> None:
    image = "<img src='https://a.example/a.jpg' width='570' height='0'>"

    assert cleaned(P + image).images == ("https://a.example/a.jpg",)


def test_an_emoji_that_is_a_picture_is_text() -> None:
    rain = "<img class='emoji' src='https://a.example/2614.png' alt='☔'>"

    assert cleaned(f"<p>We love rain {rain} here.</p>").text == "We love rain ☔ here."


@pytest.mark.parametrize(
    ("player", "address"),
    [
        ("<amp-youtube data-videoid='abcdefghijk'></amp-youtube>",
         "https://www.youtube.com/watch?v=abcdefghijk"),
        ("<lite-vimeo videoid='123456'></lite-vimeo>", "https://vimeo.com/123456"),
        ("<object data='https://a.example/clip.mp4'></object>", "https://a.example/clip.mp4"),
        ("<object><param name='movie' value='https://www.youtube.com/v/abcdefghijk&hl=en'></object>",
         "https://www.youtube.com/watch?v=abcdefghijk"),
        ("<amp-facebook data-href='https://b.example/posts/1'></amp-facebook>",
         "https://b.example/posts/1"),
    ],
)  # fmt: skip
def test_light_players_become_links(player: str, address: str) -> None:
    assert cleaned(P + player + P).links == (address,)


def test_the_poster_of_a_video_stands_before_its_link() -> None:
    video = "<video src='https://a.example/v.mp4' poster='https://a.example/v.jpg'></video>"

    assert cleaned(P + video).images == ("https://a.example/v.jpg",)


def test_text_that_runs_from_right_to_left_says_so() -> None:
    assert (
        '<p dir="rtl">' in cleaned("<div dir='rtl'><p>أعلنت الحكومة عن خطة جديدة.</p></div>").html
    )


def test_a_credit_beside_a_picture_is_no_part_of_the_sentence() -> None:
    image = "<span><img src='/a.jpg' width='900'><span class='attribution'>L. Berg</span></span>"
    found = cleaned(f"<p>{image} The lamps of the old town went out at nine on Monday.</p>")

    assert found.text == "The lamps of the old town went out at nine on Monday."
    assert "<figcaption>L. Berg</figcaption>" in found.html


def test_a_quoted_post_stays() -> None:
    quote = "<aside class='quote'><blockquote><p>The weir was rebuilt.</p></blockquote></aside>"

    assert "<blockquote><p>The weir was rebuilt.</p></blockquote>" in cleaned(P + quote + P).html


def test_the_box_of_a_licence_with_title_and_own_address_goes() -> None:
    box = "<div>The weir</div><div>https://a.example/1</div><p>本文最后更新于：2026年11月27日</p>"
    other = "<p>https://b.example/1</p>"

    assert cleaned(P + P + box, title="The weir").text == cleaned(P + P).text
    assert cleaned(P + P + other, title="The weir").text.endswith("https://b.example/1")


def test_a_link_that_only_leads_back_to_its_note_shows_nothing() -> None:
    note = "<ol><li>Twice counted. <a href='#fnref1'>↩︎</a></li></ol>"

    assert cleaned(P + note).text.endswith("Twice counted.")
    assert "Note [1]" in cleaned(P + "<p>Note <a href='#fn1'>[1]</a></p>").text


def test_a_link_that_passes_readers_on_leads_where_it_says() -> None:
    bridges = ("https://www.google.example/url?q=https://b.example/1&sa=D",
               "https://t.blog.example/redirect?z=https%3A%2F%2Fb.example%2F1")  # fmt: skip

    for bridge in bridges:
        assert cleaned(f"{P}<p><a href='{bridge}'>Report</a></p>").links == ("https://b.example/1",)

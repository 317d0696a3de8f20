"""Lines about the page are recognized by their words; text about the same matters is not."""

from __future__ import annotations

import pytest

from core.body.about import about_page, is_credits
from core.body.clean import clean_entry
from core.body.junk import fold
from core.models import FeedEntry

ABOUT = [
    "由于微信公众号推送规则调整，建议大家多点击“推荐、在看、收藏”等，成为常读用户。",
    "如对本稿件有异议或投诉，请联系 tougao@news.example",
    "版权作品，未经 news.example 书面授权，严禁转载，违者将被追究法律责任。",
    "漁火歡迎各界投書，來稿請寄至editor@news.example，並請附上真實姓名與聯絡方式。",
    "▲ 更多新聞請看：",
    "作者微信：tougao_007，添加请备注姓名和公司。",
    "Get our best stories in your inbox every Friday.",
    "Have a tip? Email our newsroom at tips@news.example or message us on Signal.",
    "Folgen Sie uns auf WhatsApp, Instagram und YouTube!",
    "Recevez chaque matin notre newsletter gratuite et suivez-nous sur les réseaux.",
    "네이버에서 듣는신문을 구독해주세요!",
    "ブログランキングに参加しています。クリックしていただけると励みになります。",
    "لمتابعة آخر الأخبار اشتركوا في قناتنا على تلغرام",
    "רוצים להישאר מעודכנים? הצטרפו לערוץ הטלגרם שלנו",
]
TEXT = [
    "微信公众平台周四公布了新的推送规则：未被读者设为星标的公众号，文章将按兴趣推荐。",
    "法院认定，被告未经许可转载原告的文章并删去作者署名，应当公开道歉，并赔偿八万元。",
    "“请大家不要再转发那张照片，”他在朋友圈里写道，“孩子需要安静。”",
    "报社宣布停止出版印刷版，读者可以在客户端上继续阅读全部内容，订户将按月退款。",
    "小程序上线第一天就有三千人下载，但能够登录并完成注册的用户还不到一半。",
    "我们还会继续写下去，直到所有的名字都被记住。",
    "昨天是中秋节，不知道您有没有看到又大又圆的月亮呢？今天，我们来跟大家聊聊两个话题：",
    "Readers who cancelled their subscriptions last spring have begun to come back, she said.",
    "If you want to see the stones again, come on a Monday, when the water is low.",
    "Das Gericht untersagte der Plattform, die Beiträge ohne Genehmigung weiter zu teilen.",
    "이 채널의 구독자는 백만 명을 넘었지만 광고 수입은 오히려 줄었다고 운영자는 말했다.",
    "判決によると、被告は記事を無断で転載し、著作者の名前を削除していた。",
]


@pytest.mark.parametrize("line", ABOUT)
def test_a_line_about_the_page_is_recognized(line: str) -> None:
    assert about_page(line, is_end=True) == 2


@pytest.mark.parametrize("line", TEXT)
def test_text_about_media_is_no_line_about_the_page(line: str) -> None:
    assert about_page(line, is_end=True) < 2


@pytest.mark.parametrize(
    ("line", "is_made"),
    [
        ("运营编辑：阿木", True),
        ("文／林曉棠；攝影／周止；設計／吳用", True),
        ("以下文章来源于远山手记 ，作者许澜", True),
        ("时间：周六上午 地点：县图书馆", False),
        ("文学：一条河的二十年", False),
    ],
)
def test_credits_name_only_makers(line: str, *, is_made: bool) -> None:
    assert is_credits(fold(line)) == is_made


PROSE = "周一上午，河岸的水位下降了四十厘米，志愿者开始清理堆在堤边的树枝和瓶子，居民送来了热水。"


@pytest.mark.parametrize(
    "tail",
    [
        "<h3>相关搜索</h3>",  # a heading with nothing behind it
        "<p>最热文章</p><p>视觉焦点</p>",
        "<p>https://www.news.example/</p>",
        "<p>微博：@长堤电台 / 小红书：长堤电台</p>",
        '<p>這集的贊助：<a href="https://pay.news.example/x">https://pay.news.example/x</a></p>',
        '<p>Hosted on Acast. See <a href="https://acast.example/privacy">here</a></p>',
    ],
)
def test_what_is_about_the_page_goes_from_the_end(tail: str) -> None:
    article = clean_entry(FeedEntry(position=0, guid="1", content=f"<p>{PROSE}</p>{tail}")).article

    assert article.text == PROSE


@pytest.mark.parametrize(
    "tail",
    [
        "<p>县水务局</p><p>2026-11-20</p>",
        '<p>参考资料：</p><p><a href="https://paper.example/a.pdf">河道志</a></p>',
        "<ul><li>03:10 河的三次改道</li><li>21:05 水塔</li></ul><p>微博：@长堤电台</p>",
        "<h3>我们还在河边。</h3>",
        "<h2>参考</h2><ul><li>https://河道志.example/</li></ul>",
    ],
)
def test_signatures_sources_and_chapters_stay(tail: str) -> None:
    article = clean_entry(FeedEntry(position=0, guid="1", content=f"<p>{PROSE}</p>{tail}")).article

    assert all(
        word in article.text for word in ("2026", "河道志", "改道", "河边。") if word in tail
    )


@pytest.mark.parametrize(
    "last", ["<pre>npm run y</pre>", "<table><tr><th>a<th>b<tr><td>1<td>2</table>"]
)
def test_a_label_before_code_or_a_table_at_the_end_stays(last: str) -> None:
    body = "<p>The lamps went out at nine on Monday evening, for the first time in forty years.</p>"
    entry = FeedEntry(guid="a", position=0, content=f"{body}<h3>Usage</h3>{last}")

    assert "Usage" in clean_entry(entry).article.text

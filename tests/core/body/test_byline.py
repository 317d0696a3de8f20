import pytest

from core.body.clean import clean_entry
from core.body.names import labelled, reporter, stated_author
from core.models import FeedEntry


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("【大纪元2022年12月02日讯】（大纪元记者李言综合报导）克里姆林宫", "李言"),
        ("（大纪元记者滕冬育多伦多报导）2015年", "滕冬育"),
        ("（记者张三、李四北京报道）", "张三、李四"),
        ("（大纪元记者赵芬妮美国纽约报导）", "赵芬妮"),
        ("新唐人记者 张琪 综合报导", "张琪"),
        ("新京报记者 陆一夫", "陆一夫"),
        ("記者：林春木　責編：陳立", "林春木"),
        ("苇塘在线记者 宋小满 文/图", "宋小满"),
        ("记者 宋小满 通讯员 李卉", "宋小满"),
        ("长江网10月4日讯（记者陈智 整合） 国庆中秋长假过半", "陈智"),
        ("本站讯（职工通讯员 李琴雯 刘会）为深入推进", "李琴雯、刘会"),
        ("（大紀元記者李怡欣台灣台北報導）週一上午", "李怡欣"),
        ("（中央社記者張明德台北20日電）週一上午", "張明德"),
        ("〔記者王榮祥／高雄報導〕週一上午", "王榮祥"),
        ("江邊傳媒記者 符雨欣 發自香港", "符雨欣"),
        ("消息称（据说记者很多）这件事", None),
        ("当记者问他为什么这样支持时，他说", None),
        ("据记者了解，有关部门已经多次就此事进行报道", None),
        ("【长堤网报道 记者 林述】周一上午", "林述"),
    ],
)
def test_a_reporter_is_named_by_the_opening(text: str, name: str | None) -> None:
    assert reporter(text) == name


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("作者：东京樱花团｜捆绑CCP一千年", "东京樱花团｜捆绑CCP一千年"),
        ("文／周宁", "周宁"),
        ("（作者：高大维） （未完待续）", "高大维"),
        ("By Nora Field", "Nora Field"),
        ("Words by Nora Field, Parish Correspondent", "Nora Field"),
        ("本文来自微信公众号“苇塘旧事”，作者：宋小满，编辑：阿林，经授权发布。", "宋小满"),
        ("新京报记者 陆一夫", "陆一夫"),
        ("2026-11-20 09:12 来源：江边日报作者：林晓棠点击：318次字号：大 中 小", "林晓棠"),
        ("来源：江边日报（ID：jbrb） 记者：林晓棠 综合新华社", "林晓棠"),
        ("2026-11-20 10:22 江邊報／ 記者游振昇／台中即時報導", "游振昇"),
        ("原创 林晓棠 江边观察 2026-11-20 08:00", "林晓棠"),
        ("Posted on 2026 年 11 月 20 日 by 林曉棠", "林曉棠"),
        ("记者：你好吗", None),
        ("By Nora Field and Ada de Brook", "Nora Field and Ada de Brook"),
        ("Von Karl Weiß", "Karl Weiß"),
        ("By the end of May the path was open", None),
        ("By bus", None),
        ("撰文丨林述", "林述"),
        ("文：林述　圖：受訪者提供", "林述"),
        ("【作者】 林述", "林述"),
        ("作者：林述 | 公众号：长堤", "林述"),
        ("長堤頭條newtalk | 林述 綜合報導", "林述"),
        ("홍길동 기자 hong@news.example", "홍길동"),
        ("以下文章来源于远山手记 ，作者林述", "林述"),
        ("远山手记 2026-03-09 18:14:21", "远山手记"),
        ("长堤新闻 2026-03-09 18:14:21", None),
        ("政务公开 2026-03-09", None),
        ("编辑于 2026-03-09 18:14", None),
        ("发布时间 2026-03-09 18:14", None),
    ],
)
def test_a_line_names_the_author(line: str, name: str | None) -> None:
    assert labelled(line) == name


def test_author_fields_are_names() -> None:
    assert stated_author("ada@a.example (Ada Brook)") == "Ada Brook"
    assert stated_author("Ada Brook <ada@a.example>") == "Ada Brook"
    assert stated_author("<script>alert(1)</script>Ada") == "alert(1)Ada"
    assert stated_author("admin") is None


@pytest.mark.parametrize(
    ("row", "rows"),
    [
        ("<tr><td>{}：</td><td>{}</td></tr>", "<table>{}</table>"),
        ("{}：{}<br>", "<blockquote><p>{}</p></blockquote>"),
    ],
)
def test_the_card_of_an_archive_states_the_original_and_goes(row: str, rows: str) -> None:
    stated = (("档案卡", ""), ("标题", "渡轮"), ("作者", "罗小江"), ("发表日期", "2026.11.27"),
              ("来源", "<a href='https://b.example/story'>江边观察</a>"))  # fmt: skip
    card = rows.format("".join(row.format(*each) for each in stated))
    content = f"{card}<p>{'青溪镇的老码头上周重新开放。' * 9}</p>"
    entry = FeedEntry(guid="x", position=0, content=content, author="编辑甲", title="渡轮回来了")
    article = clean_entry(entry).article

    assert (article.author, article.original_url) == ("罗小江", "https://b.example/story")
    assert "档案卡" not in article.text


def test_an_address_above_the_text_names_its_author() -> None:
    content = f"<address>罗小江</address><p>{'青溪镇的老码头上周重新开放。' * 9}</p>"
    article = clean_entry(FeedEntry(guid="x", position=0, content=content)).article

    assert article.author == "罗小江"
    assert not article.text.startswith("罗小江")


def test_a_translation_names_its_original() -> None:
    link = "<a href='https://b.example/original'>点击查看本文英文版</a>"
    content = (
        f"<p>{'青溪镇的老码头上周重新开放。' * 9}</p><footer><p>翻译：某报。{link}</p></footer>"
    )
    article = clean_entry(FeedEntry(guid="x", position=0, content=content)).article

    assert article.original_url == "https://b.example/original"

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.feeds.folder import dates_of, intake, is_same_article, readme_feed
from core.feeds.github import Change, Folder
from core.feeds.paths import may_be_article, may_hold_articles, newest_first, title_in_path
from core.models import Article

DAY = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    ["n1.md", "x.MARKDOWN", "post.mdx", "security-breach.md", "summary-of-the-year.md", "a b.md",
     "index.md", "post.zh.md", "中文 文章.md", "search.md", "1.htm"],
)  # fmt: skip
def test_markdown_files_may_be_articles(name: str) -> None:
    assert may_be_article(name)


@pytest.mark.parametrize(
    "name",
    [
        "_index.md",
        "LICENSE.md",
        "SUMMARY.md",
        "404.html",
        "requirements.txt",
        "robots.txt",
        "a.png",
        ".md",
    ],
)
def test_what_describes_a_repository_is_no_article(name: str) -> None:
    assert not may_be_article(name)


def test_templates_and_drafts_are_not_looked_into() -> None:
    names = ("posts", "_posts", "templates", "_drafts", ".github", "河报")

    assert [name for name in names if may_hold_articles(name)] == ["posts", "_posts", "河报"]


def test_days_in_paths_are_compared_over_all_sections() -> None:
    newest = [
        "c/2026-03-05-x.md", "a/20260304.md", "b/2026/03/03/x.md", "a/2026年3月1日.md",
        "b/2026-02.md", "2025/x.md", "c/2024_12_31.md",
    ]  # fmt: skip

    assert newest_first(newest[::-1]) == newest


def test_numbers_in_names_are_compared_within_their_section() -> None:
    paths = ["old/n8.md", "old/n9.md", "old/n10.md", "new/n900.md", "new/n901.md"]

    assert newest_first(paths) == [
        "old/n10.md", "new/n901.md", "old/n9.md", "new/n900.md", "old/n8.md",
    ]  # fmt: skip


def test_a_number_is_no_day() -> None:
    paths = ["n2000000.md", "n2000101.md", "n2000131.md", "n3000000.md"]

    assert newest_first(paths)[0] == "n3000000.md"


def test_page_bundles_are_articles_of_the_section_above() -> None:
    paths = ["posts/a/index.md", "posts/b/index.md", "posts/c/index.md", "notes/x.md"]

    assert newest_first(paths)[:2] == ["posts/c/index.md", "notes/x.md"]


def test_a_commit_dates_articles_unless_it_imports_a_collection() -> None:
    import_ = [Change(f"{n}.md", None, "added", DAY) for n in range(150)]
    later = DAY.replace(day=5)
    changes = [
        *import_,
        Change("x.md", None, "added", later),
        Change("1.md", None, "modified", later),
    ]

    assert dates_of(changes) == {"x.md": later}
    assert newest_first(["a.md", "x.md", "b.md"], dates_of(changes))[0] == "x.md"


def test_what_exceeds_a_poll_is_put_off_but_no_rename_is() -> None:
    news = [f"{n}.md" for n in range(1998)]

    taken = intake(news, ["a.md", "b.md", "c.md"], ["d.md"], first=False)

    assert len(taken.news) == 1998
    assert taken.revised == ["a.md", "b.md"]
    assert taken.put_off == ["c.md"]


def test_a_first_poll_puts_nothing_off() -> None:
    taken = intake([f"{n}.md" for n in range(150)], [], [], first=True)

    assert (len(taken.news), taken.put_off) == (100, [])


def test_an_original_address_says_more_than_the_text() -> None:
    text = "The ferry was repaired by two engineers in the old harbour. " * 5
    one = Article(text=text, original_url="https://paper.example/1")
    other = Article(text=text, original_url="https://paper.example/2")
    same = Article(text="Something else.", original_url="http://paper.example/1?utm_source=x")

    assert not is_same_article(one, other)
    assert is_same_article(one, same)
    assert is_same_article(Article(text=text), Article(text=text + "A word was added."))
    assert not is_same_article(Article(text=text), Article(text=text[:40] + "Then it rained. " * 9))
    assert not is_same_article(Article(), Article())


def test_a_rewritten_file_is_the_same_article_unless_title_and_text_are_others() -> None:
    text = "The ferry was repaired by two engineers in the old harbour. "
    before = Article(title="The ferry", text=text * 5, original_url="https://paper.example/1")
    other_text = "It rained over the whole valley for a week. " * 9

    def same(**now: str) -> bool:
        return is_same_article(before, Article(**now), in_place=True)

    assert same(title="The ferry!", text=other_text)
    assert same(title="The boat", text=text + "And it sails again.")
    assert not same(title="The rain", text=other_text)
    assert not same(title="The rain", text=other_text, original_url="https://paper.example/2")
    assert same(title="Rain", text=other_text, original_url="https://paper.example/1")


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("文章/河边的故事（1）.md", "河边的故事（1）"),
        ("2026/2026-03-04-the-old_weir.md", "the old weir"),
        ("posts/new-ferry/index.md", "new ferry"),
        ("C#笔记.md#0adf93c2d1000000", "C#笔记"),
        ("posts/20260304_1.md", None),
        ("posts/0adf93c2d1.txt", None),
    ],
)
def test_a_file_without_a_title_is_called_by_its_name(path: str, title: str | None) -> None:
    assert title_in_path(path) == title


def test_a_readme_with_days_as_headings_is_a_feed_of_its_sections() -> None:
    code = "```\n## 2026-03-01\n```\n"
    log = f"# Log\n\n## 2026-03-05 Weir\n\nOne.\n\n### More\n\n{code}\n## 4 March 2026\n\nTwo."
    folder = Folder("ann", "log", "", "")

    feed = readme_feed(folder, "README.md", log)

    assert feed is not None
    assert [(e.title, e.published, e.content[:4]) for e in feed.entries] == [
        ("2026-03-05 Weir", datetime(2026, 3, 5, tzinfo=UTC), "One."),
        ("4 March 2026", DAY, "Two."),
    ]
    assert feed.entries[0].link == "https://github.com/ann/log/blob/HEAD/README.md#2026-03-05-weir"
    assert readme_feed(folder, "README.md", "# Log\n\n## 2026-03-05\n\nOne.") is None

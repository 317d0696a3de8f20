"""OPML into feeds.yaml and out of it; then who does not answer."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from core.config.settings import Settings
from core.errors import ConfigError, MillraceError
from millrace.commands.opml import export_opml, import_opml, unanswered
from millrace.process.config import read_config
from tests.origin import Answer, Origin

SUBSCRIPTIONS = """<opml version="2.0"><body>
<outline text="Tech"><outline text="Ars Technica" xmlUrl="https://ars.example/feed"/></outline>
<outline text="There already" xmlUrl="http://www.a.example/rss/"/>
<outline text="数字" xmlUrl="https://shu.example/feed"/>
<outline text="Broken" xmlUrl="mailto:x"/>
</body></opml>"""
LIST = "# mine\nsources:\n  - url: https://a.example/rss  # the first\n    name: a\n"
FEED = '<rss version="2.0"><channel><title>t</title><item><title>x</title></item></channel></rss>'


def test_an_import_adds_what_is_missing_and_keeps_comments(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(LIST)
    (tmp_path / "in.opml").write_text(SUBSCRIPTIONS)
    config = str(tmp_path / "feeds.yaml")

    report = import_opml(str(tmp_path / "in.opml"), config=config, ask=False).lines()

    assert report[0] == f"{config}: 2 added, 1 there already"
    assert report[1].startswith("left out: Broken: ")
    text = (tmp_path / "feeds.yaml").read_text()
    assert text.startswith(LIST)
    assert [(s.name, s.tags) for s in read_config(config).sources] == [
        ("a", ()),
        ("ars-technica", ("tech",)),
        ("shu-example-feed", ()),
    ]


def test_a_feed_in_two_folders_is_added_once_with_both_tags(tmp_path: Path) -> None:
    config = str(tmp_path / "feeds.yaml")
    outline = "<outline xmlUrl='https://user:pw@a.example/rss' text='A'/>"
    (tmp_path / "in.opml").write_text(
        f"<opml><body><outline text='One'>{outline}</outline>"
        f"<outline text='Two'>{outline}</outline></body></opml>"
    )

    report = import_opml(str(tmp_path / "in.opml"), config=config, ask=False).lines()

    assert report[0] == f"{config}: 1 added, 0 there already, 1 named twice"
    source = read_config(config).sources[0]
    assert (source.url, source.tags) == ("https://a.example/rss", ("one", "two"))


def test_importing_twice_adds_nothing(tmp_path: Path) -> None:
    (tmp_path / "in.opml").write_text(SUBSCRIPTIONS)
    config = str(tmp_path / "feeds.yaml")  # does not exist yet

    import_opml(str(tmp_path / "in.opml"), config=config, ask=False)
    before = (tmp_path / "feeds.yaml").read_text()
    report = import_opml(str(tmp_path / "in.opml"), config=config, ask=False).lines()

    assert report[0] == f"{config}: 0 added, 3 there already"
    assert (tmp_path / "feeds.yaml").read_text() == before


def test_an_export_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "in.opml").write_text(SUBSCRIPTIONS)
    first, second = str(tmp_path / "one.yaml"), str(tmp_path / "two.yaml")
    import_opml(str(tmp_path / "in.opml"), config=first, ask=False)

    export_opml(config=first, out=str(tmp_path / "out.opml"))
    import_opml(str(tmp_path / "out.opml"), config=second, ask=False)

    one, other = (
        sorted(read_config(path).sources, key=lambda source: source.url) for path in (first, second)
    )
    assert one == other


def test_a_broken_list_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text("sources:\n  - evry: 3m\n")
    (tmp_path / "in.opml").write_text(SUBSCRIPTIONS)

    with pytest.raises(ConfigError):
        import_opml(str(tmp_path / "in.opml"), config=str(tmp_path / "feeds.yaml"), ask=False)

    assert (tmp_path / "feeds.yaml").read_text() == "sources:\n  - evry: 3m\n"


def test_a_file_that_is_no_opml_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "in.opml").write_text("<html/>")

    with pytest.raises(MillraceError, match=r"in\.opml: not OPML"):
        import_opml(str(tmp_path / "in.opml"), config=str(tmp_path / "f.yaml"), ask=False)


async def test_those_that_do_not_answer_are_named_with_the_reason(origin: Origin) -> None:
    origin.at("/good", Answer(FEED))
    origin.at("/page", Answer("<html><body>hello</body></html>"))
    origin.at("/gone", Answer(status=404))
    settings = Settings.model_validate(
        {
            "sources": [
                {"url": f"http://{origin.allowance}/{name}", "name": name}
                for name in ("good", "page", "gone")
            ],
            "fetch": {"allow_private": [origin.allowance]},
        }
    )

    report = await unanswered(settings.sources, settings.fetch)

    assert [line.split()[0] for line in report] == ["page", "gone"]
    assert report[1].endswith("status 404")


async def test_an_imported_address_is_sent_no_secret_of_the_environment(
    tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written down as they stand, such addresses were filled in at once and at each poll."""
    monkeypatch.setenv("MILLRACE_PROOF", "top-secret-42")
    origin.otherwise(lambda _: Answer(FEED))
    config = tmp_path / "feeds.yaml"
    config.write_text(f"sources: []\nfetch: {{allow_private: ['{origin.allowance}']}}\n")
    inside = [
        f"${{MILLRACE_PROOF}}:x@{origin.allowance}/a",
        f"{origin.allowance}/b?k=${{MILLRACE_PROOF}}",
    ]
    hidden = f"{origin.allowance}/c?k=$\ue0b0MILLRACE_PROOF\ue0b1"
    outlines = "".join(f"<outline type='rss' xmlUrl='http://{url}'/>" for url in [*inside, hidden])
    (tmp_path / "in.opml").write_text(f"<opml><body>{outlines}</body></opml>")

    report = await asyncio.to_thread(
        import_opml, str(tmp_path / "in.opml"), config=str(config), ask=True
    )

    assert len(report.added) == 2
    assert len(report.left_out) == 1
    assert sorted(request.path.partition("?")[0] for request in origin.requests) == ["/a", "/b"]
    everything = config.read_text() + repr(read_config(str(config))) + repr(origin.requests)
    assert "top-secret-42" not in everything
    assert base64.b64encode(b"top-secret-42:x").decode() not in everything

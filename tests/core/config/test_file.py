"""feeds.yaml becomes settings, or one line per fault that says what to do."""

from __future__ import annotations

import time

import pytest

from core.config.file import load_settings
from core.config.settings import Settings
from core.errors import ConfigError

SOURCE = "sources:\n  - url: https://example.org/rss.xml\n"


def load(text: str | bytes, **env: str) -> Settings:
    return load_settings(text, path="feeds.yaml", env=env)


def faults(text: str | bytes, **env: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load(text, **env)
    return refused.value.faults


def test_a_source_needs_an_address_and_nothing_else() -> None:
    settings = load(SOURCE)

    assert settings.sources[0].url == "https://example.org/rss.xml"
    assert settings.sources[0].name == "example-org-rss-xml"
    assert settings.fetch.min_interval == 900


def test_the_example_of_the_reference_is_accepted_as_it_stands() -> None:
    settings = load(
        """
feed:                         # the merged feed
  title: Morning river
  link: https://news.example.org/     # public address of this service
  language: zh
  limit: 100
sources:
  - url: https://example.org/rss.xml          # the only required field
    name: example
    tags: [world]
    kind: auto
    every: 30m
    enabled: true
    full_text: auto
    link: original
    priority: 0
    keep: []
    drop: []
    remove: []
fetch:
  user_agent: Example/1.0 (+https://news.example.org/about)
  min_interval: 15m
  max_interval: 24h
  timeout: 30s
  backoff: {base: 1m, cap: 24h}
  redirect_persistence: 24h
  per_host: {in_flight: 2, per_second: 1}
  max_bytes: {feed: 10MiB, page: 5MiB}
  ports: [80, 443]
  github: {api: https://api.github.com, raw: https://raw.githubusercontent.com}
  allow_private: ["127.0.0.1:18080", "10.0.0.0/8:80"]
dedup:   {window: 30d}
retention: {entries: 5000, days: 30}
service:   {token: ${MILLRACE_TOKEN}, private: false}
webhooks: []
""",
        MILLRACE_TOKEN="s3cret",
    )

    assert settings.sources[0].every == 1800
    assert settings.service.token == "s3cret"
    assert settings.fetch.max_bytes.feed == 10 * 2**20


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            SOURCE + "    evry: 3m\n",
            "feeds.yaml:3: sources[0].evry: unknown field; did you mean `every`?",
        ),
        (
            SOURCE + "    every: 30\n",
            "feeds.yaml:3: sources[0].every: a duration is a number with a unit"
            " (500ms, 10s, 15m, 1h, 7d), not 30; did you mean `30m`?",
        ),
        (
            SOURCE + "    every: 2 hours\n",
            "feeds.yaml:3: sources[0].every: a duration is a number with a unit"
            " (500ms, 10s, 15m, 1h, 7d), not '2 hours'; did you mean `2h`?",
        ),
        (
            "fetch: {max_bytes: {feed: 10MB}}\n",
            "feeds.yaml:1: fetch.max_bytes.feed: a size is a number with a unit"
            " (512KiB, 10MiB), not '10MB'; did you mean `10MiB`?",
        ),
        (
            SOURCE + "    name: Morning Post\n",
            "feeds.yaml:3: sources[0].name: 'Morning Post' does not fit:"
            " small letters, digits and hyphens; `morning-post` would do",
        ),
        (
            "sources:\n  - https://a.example/\n",
            "feeds.yaml:2: sources[0]: must begin with a field, as in `- url: https://a.example/`",
        ),
        (
            SOURCE + "   name: a\n",
            "feeds.yaml:3: not YAML: this line does not line up with those above it;"
            " check the indentation",
        ),
        (
            SOURCE + "    kind: feeds\n",
            "feeds.yaml:3: sources[0].kind: must be one of auto, feed, github, page,"
            " not 'feeds'; did you mean `feed`?",
        ),
        (
            SOURCE + "    tags: world\n",
            "feeds.yaml:3: sources[0].tags: must be a list: write [world]",
        ),
        (
            SOURCE + "    drop: [{autor: x}]\n",
            "feeds.yaml:3: sources[0].drop[0].autor: unknown field; did you mean `author`?",
        ),
        (
            SOURCE + "    keep: [5]\n",
            "feeds.yaml:3: sources[0].keep[0]: must be an expression or a group of fields; it is 5",
        ),
        (
            "filters: {drop: [{}]}\n",
            "feeds.yaml:1: filters.drop[0]: an empty rule matches every entry; name a field, as in"
            " {title: Ad}",
        ),
        (
            SOURCE + '    drop: ["("]\n',
            "feeds.yaml:3: sources[0].drop[0]: '(' is not a regular expression: missing ),"
            " unterminated subpattern at position 0",
        ),
        (
            SOURCE + '    remove: ["div[["]\n',
            "feeds.yaml:3: sources[0].remove[0]: 'div[[' is not a CSS selector:"
            " Expected ident or '*', got <DELIM '[' at 4>",
        ),
        (
            "sources:\n  - name: x\n",
            "feeds.yaml:2: sources[0].url: is required and missing",
        ),
        (
            "sources:\n  - url: example.org\n",
            "feeds.yaml:2: sources[0].url: 'example.org' is not a web address:"
            " it must begin with https:// or http://",
        ),
        (
            "feed: {titel: x}\n",
            "feeds.yaml:1: feed.titel: unknown field; did you mean `title`?",
        ),
        (
            "feed:\n  limit: 0\n",
            "feeds.yaml:2: feed.limit: must be at least 1, not 0",
        ),
        (
            "fetch: {min_interval: 500ms}\n",
            "feeds.yaml:1: fetch.min_interval: must be at least 1s, not 500ms",
        ),
        (
            "fetch: {min_interval: 2h, max_interval: 1h}\n",
            "feeds.yaml:1: fetch: min_interval must not be longer than max_interval",
        ),
        (
            "service: {private: true}\n",
            "feeds.yaml:1: service: private: true needs a token; set service.token, and in the"
            " environment what its ${NAME} names",
        ),
        (
            "sources: 3\n",
            "feeds.yaml:1: sources: must be a list, as in [a, b]; it is 3",
        ),
        (
            "feed: {title: a}\nfeed: {title: b}\n",
            "feeds.yaml:2: feed: duplicate key; remove one",
        ),
        (
            "sources:\n  - url: https://${HOST}/x\n",
            "feeds.yaml:2: sources[0].url: environment variable HOST is not set",
        ),
        (
            "sources:\n  - url: ${ADDRESS}\n",
            "feeds.yaml:2: sources[0].url: environment variable ADDRESS is not set",
        ),
        (
            "sources:\n",
            "feeds.yaml:1: sources: is empty; add a source, or write `sources: []`",
        ),
        ("", "feeds.yaml:1: the file is empty; write `sources: [{url: ADDRESS}]`"),
        (
            b"feed:\n  title: \xff\n",
            "feeds.yaml:2: not UTF-8 text: save the file as UTF-8",
        ),
        (
            'sources:\n  - url: "https://a.example/x\n',
            "feeds.yaml:3: not YAML: a quote above this line is not closed",
        ),
        (
            "feed:\n\ttitle: x\n",
            "feeds.yaml:2: not YAML: found character '\\t' that cannot start any token;"
            " indent with spaces and put the value in quotes",
        ),
        (
            "feed: !!python/object:os.system x\n",
            "feeds.yaml:1: feed: the type tag:yaml.org,2002:python/object:os.system"
            " is not allowed here",
        ),
    ],
)
def test_a_fault_names_line_field_and_what_to_do(text: str | bytes, fault: str) -> None:
    assert fault in faults(text)


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    told = faults(SOURCE + "    evry: 3m\n  - url: ftp://x\nfeed: {limit: none}\n")

    assert [line.split(":")[1] for line in told] == ["3", "4", "5"]


def test_two_sources_cannot_have_one_name() -> None:
    told = faults(
        "sources:\n"
        "  - {url: 'https://a.example/', name: a}\n"
        "  - {url: 'https://b.example/', name: a}\n"
    )

    assert told == [
        "feeds.yaml:3: sources[1].name: the name 'a' is taken by sources[0]; names are unique"
    ]


def test_one_address_twice_is_told_apart_only_by_names() -> None:
    twice = "sources:\n  - url: https://a.example/\n  - url: https://a.example/\n"

    assert "the same address as sources[0]" in faults(twice)[0]
    assert len(load(twice + "    name: second\n").sources) == 2


def test_a_made_name_does_not_depend_on_the_other_sources() -> None:
    alone = load("sources:\n  - url: https://a.example/x?id=1\n").sources[0].name
    beside = load(
        "sources:\n  - url: https://a.example/x?id=2\n  - url: https://a.example/x?id=1\n"
    ).sources

    assert beside[1].name == alone
    assert beside[0].name != alone


def test_addresses_that_differ_in_signs_only_get_names_of_their_own() -> None:
    sources = load("sources:\n  - url: https://a.example/x-y\n  - url: https://a.example/x/y\n")

    first, second = (source.name for source in sources.sources)
    assert first == "a-example-x-y"
    assert second.startswith("a-example-x-y-")


def test_the_address_never_holds_credentials() -> None:
    settings = load("sources:\n  - url: https://user:p%40ss@a.example/feed\n")
    source = settings.sources[0]

    assert source.url == "https://a.example/feed"
    assert source.auth == "user:p@ss"
    assert "p@ss" not in repr(source)
    assert "p@ss" not in settings.model_dump_json()


def test_a_wrong_secret_is_not_shown() -> None:
    told = faults("sources:\n  - {url: 'https://a.example/', auth: hunter2}\n")

    assert "hunter2" not in told[0]


def test_an_unset_variable_leaves_an_optional_field_unset() -> None:
    text = "service: {token: ${MILLRACE_TOKEN}}\n"

    assert load(text).service.token is None
    assert load(text, MILLRACE_TOKEN="").service.token is None


def test_a_variable_is_text_whatever_it_holds() -> None:
    token = "x: {y}\n- z #"

    assert load("service: {token: ${T}}\n", T=token).service.token == token


def test_a_variable_may_have_a_default() -> None:
    text = "feed: {title: 'The ${CITY:-quiet} river'}\n"

    assert load(text).feed.title == "The quiet river"
    assert load(text, CITY="Bonn").feed.title == "The Bonn river"


def test_tags_bring_defaults_and_the_source_wins() -> None:
    settings = load(
        "defaults:\n"
        "  slow: {every: 6h, priority: 2}\n"
        "  wire: {every: 1h, full_text: page}\n"
        "sources:\n"
        "  - {url: 'https://a.example/', tags: [slow, wire], priority: 5}\n"
    )

    source = settings.sources[0]
    assert (source.every, source.priority, source.full_text) == (6 * 3600, 5, "page")


def test_a_fault_in_the_defaults_of_a_tag_is_named_there() -> None:
    assert faults("defaults:\n  slow:\n    evry: 6h\n") == [
        "feeds.yaml:3: defaults.slow.evry: unknown field; did you mean `every`?"
    ]


def test_included_files_bring_sources_and_their_own_faults() -> None:
    files = {"feeds.d/a.yaml": b"sources:\n  - url: https://a.example/\n"}

    def read(pattern: str) -> list[tuple[str, bytes]]:
        return list(files.items()) if pattern == "feeds.d/*.yaml" else []

    text = "include: ['feeds.d/*.yaml']\n" + SOURCE
    settings = load_settings(text, path="feeds.yaml", env={}, read=read)
    assert [source.name for source in settings.sources] == ["example-org-rss-xml", "a-example"]

    files["feeds.d/a.yaml"] += b"    tag: [x]\nfetch: {}\n"
    with pytest.raises(ConfigError) as refused:
        load_settings(text, path="feeds.yaml", env={}, read=read)
    assert refused.value.faults == [
        "feeds.d/a.yaml:4: fetch: only `sources` and `defaults` are allowed in an included file"
    ]


def test_one_pattern_needs_no_list() -> None:
    text = "include: feeds.d/*.yaml\n" + SOURCE
    more = b"sources: [{url: 'https://b.example/'}]"

    settings = load_settings(text, path="feeds.yaml", env={}, read=lambda _: [("b.yaml", more)])

    assert settings.include == ("feeds.d/*.yaml",)
    assert len(settings.sources) == 2


def test_an_unset_variable_inside_text_is_one_fault() -> None:
    assert faults(SOURCE + "    auth: ${NOWHERE}x\n") == [
        "feeds.yaml:3: sources[0].auth: environment variable NOWHERE is not set"
    ]


def test_a_missing_include_is_a_fault_and_an_empty_pattern_is_not() -> None:
    assert faults("include: [more.yaml]\n") == [
        "feeds.yaml:1: include[0]: there is no file more.yaml"
    ]
    assert load("include: ['feeds.d/*.yaml']\n").sources == ()


def test_aliases_that_multiply_are_refused_quickly() -> None:
    letters = "abcdefghij"
    bomb = "l0: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"l{i}: &{letters[i]} [{', '.join(['*' + letters[i - 1]] * 10)}]\n" for i in range(1, 9)
    )
    started = time.monotonic()

    told = faults(bomb)

    assert "aliases multiply" in told[0]
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("text", ["a: &x [*x]\n", "[" * 5000, "{a: " * 3000])
def test_bottomless_nesting_is_a_fault(text: str) -> None:
    assert "nested too deeply" in faults(text)[0]


def test_requests_name_the_about_page_of_a_public_service() -> None:
    public = load("feed: {link: 'https://news.example.org/river/'}\n")
    own = load("feed: {link: 'https://a.example/'}\nfetch: {user_agent: Own/1}\n")

    assert public.fetch.user_agent == "Millrace/0.1.0 (+https://news.example.org/river/about)"
    assert own.fetch.user_agent == "Own/1"


def test_settings_survive_their_own_json() -> None:
    settings = load(SOURCE + "    every: 90s\n")

    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_a_name_that_stands_twice_is_told_beside_other_faults() -> None:
    text = "sources:\n  - {url: 'https://a.example/', name: a, evry: 1h}\n"
    text += "  - {url: 'https://b.example/', name: a}\n"

    with pytest.raises(ConfigError) as caught:
        load_settings(text, path="feeds.yaml", env={})

    assert [fault.split(": ")[1] for fault in caught.value.faults] == [
        "sources[0].evry",
        "sources[1].name",
    ]


def test_a_fault_shows_no_signs_that_would_speak_to_the_terminal() -> None:
    (line,) = faults('sources: "\\e[2J"')

    assert line.isprintable()

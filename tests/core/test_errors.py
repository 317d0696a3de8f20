"""Every failure of a source names the command or the line of feeds.yaml that helps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from core.errors import (
    BadStatus,
    BrokeOff,
    Disallowed,
    DocumentError,
    FetchError,
    ForbiddenAddress,
    HostBusy,
    MillraceError,
    NotAFeed,
    ResourceLimit,
    TooLarge,
    Unreachable,
    UntrustedHost,
    in_english,
    remedy,
    with_remedy,
)
from millrace.cli import app

SETTINGS = (Path(__file__).parents[2] / "docs" / "feeds-yaml.md").read_text(encoding="utf-8")
NOT_OF_SOURCES = {HostBusy, Disallowed}  # no failures, and of pages only


def faults() -> Iterator[MillraceError]:
    yield from (BadStatus(status, "example.org") for status in range(300, 600))
    yield BrokeOff("broke off", body_hash="1")
    for kind in (
        FetchError,
        DocumentError,
        NotAFeed,
        ResourceLimit,
        TooLarge,
        Unreachable,
        UntrustedHost,
    ):
        yield kind("it failed")


def below(kind: type[MillraceError]) -> set[type[MillraceError]]:
    return {kind}.union(*(below(child) for child in kind.__subclasses__()))


def test_each_failure_names_a_command_or_a_setting_that_exists() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]

    for fault in faults():
        words = remedy(fault, "morning")
        assert words, fault
        for named in re.findall(r"`([^`]+)`", str(words)):
            if named.startswith("millrace "):
                assert named.split()[1] in commands, named
            else:
                field = named.partition(":")[0].rpartition(".")[2]
                assert f"`{field}`" in SETTINGS or f".{field}`" in SETTINGS, named


def test_no_kind_of_failure_is_without_a_row() -> None:
    covered = {type(fault) for fault in faults()}
    own = {ForbiddenAddress}  # its text names the line of fetch.allow_private
    kinds = below(FetchError) | below(DocumentError) | below(ResourceLimit)

    for kind in kinds - NOT_OF_SOURCES - own:
        assert any(issubclass(kind, each) for each in covered), kind


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (BadStatus(404, "example.org"), "example.org answered 404; correct `url` of morning"),
        (BadStatus(503, "example.org"), "at once: `millrace poll morning`"),
        (Unreachable("no connection to example.org"), "at once: `millrace poll morning`"),
        (BadStatus(410, "example.org"), "another `url`, or by `millrace poll morning`"),
    ],
)
def test_the_source_is_named_where_the_command_needs_it(fault: MillraceError, said: str) -> None:
    assert said in in_english(with_remedy(fault, "morning"))

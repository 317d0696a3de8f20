"""A wrong store address is one line that says what to correct, without a piece of a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError, StoreError
from store.address import connect, store_address
from store.connection import Store, store_errors

SECRETS = ("aB+c", "d#e", "d%23e", "hunter2")


def refusal(url: str, env: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        store_address(url, env or {})
    (line,) = refused.value.faults
    assert "\n" not in line
    assert not any(secret in line for secret in SECRETS), line
    return line


@pytest.mark.parametrize(
    ("url", "correct"),
    [
        ("redis://:aB+c/d#e@store:6379/0", "REDIS_PASSWORD"),
        ("redis://:aB+c/hunter2@store:6379/0", "percent-encoded"),
        ("redis://:aB+c?hunter2@store:6379", "percent-encoded"),
        ("redis://:aB+c#hunter2@store", "percent-encoded"),
        ("redis://:aB+c[hunter2@store", "percent-encoded"),
        ("unix://:aB+c/hunter2@/run/store.sock", "percent-encoded"),
        ("redis+sentinel://:aB+c/d@a:26379,b:26379/river", "percent-encoded"),
        ("redis://:hunter2@store:63790000/0", "the port is not a number from 1 to 65535"),
        ("redis://:hunter2@store:redis/0", "the port is not a number from 1 to 65535"),
        ("redis+sentinel://a:26379,b:x/river", "the port is not a number from 1 to 65535"),
        ("redis://2001:db8::1:6379", "brackets"),
        ("redis://:hunter2@store/first", "the number of a database"),
        ("redis+sentinel://a/river/first", "the number of a database"),
        ("rediss://store?ssl_ca_certs=/nowhere/ca.pem", "ssl_ca_certs: the file cannot be read"),
        ("redis://store?timeouts=3", "an option is unknown or has a wrong value: timeouts"),
        ("redis://store?socket_timeout=hunter2", "socket_timeout"),
        ("unix://", "names no socket"),
        ("http://store:6379", "must begin with redis://"),
        ("store:6379", "must begin with redis://"),
    ],
)
def test_a_wrong_address_is_one_line_with_what_to_correct(url: str, correct: str) -> None:
    assert correct in refusal(url)


@pytest.mark.parametrize(
    ("url", "env", "completed"),
    [
        ("redis://store/3", {}, "redis://store/3"),
        ("redis://store", {"REDIS_PASSWORD": "a/b#c@d"}, "redis://:a%2Fb%23c%40d@store"),
        ("redis://ann@store", {"REDIS_PASSWORD": "pw"}, "redis://ann:pw@store"),
        ("redis://:own@store", {"REDIS_PASSWORD": "pw"}, "redis://:own@store"),
        (
            "redis://store",
            {"REDIS_USERNAME": "bob", "REDIS_PASSWORD": "pw"},
            "redis://bob:pw@store",
        ),
        ("redis://ann:own@store", {"REDIS_USERNAME": "bob"}, "redis://ann:own@store"),
        ("unix:///run/s.sock?db=2", {"REDIS_PASSWORD": "pw"}, "unix://:pw@/run/s.sock?db=2"),
        (
            "redis+sentinel://a:1,b:2/river",
            {"REDIS_PASSWORD": "pw"},
            "redis+sentinel://:pw@a:1,b:2/river",
        ),
    ],
)
def test_the_environment_stands_in_for_what_the_address_leaves_out(
    url: str, env: dict[str, str], completed: str
) -> None:
    assert store_address(url, env) == completed


def test_a_password_file_is_read_without_its_last_line_end(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(" p w \n")

    url = store_address("redis://store", {"REDIS_PASSWORD_FILE": str(file)})

    assert connect(url).connection_pool.connection_kwargs["password"] == " p w "


def test_a_password_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    missing = {"REDIS_PASSWORD_FILE": str(tmp_path / "missing")}
    both = {"REDIS_PASSWORD_FILE": str(empty), "REDIS_PASSWORD": "hunter2"}

    assert "missing cannot be read: No such file" in refusal("redis://store", missing)
    assert "empty is empty" in refusal("redis://store", {"REDIS_PASSWORD_FILE": str(empty)})
    assert "unset one" in refusal("redis://store", both)


@pytest.mark.parametrize(
    ("configuration", "url", "words"),
    [
        ({"requirepass": "right"}, "{}?password=wrong", "correct REDIS_PASSWORD"),
        ({"requirepass": "right"}, "{}", "correct REDIS_PASSWORD"),
        ({}, "{}?password=extra", "unset REDIS_PASSWORD"),
        ({}, "{}?db=99", "correct the number at the end of REDIS_URL"),
    ],
)
async def test_what_the_store_refuses_names_the_variable_to_correct(
    store: Store, configuration: dict[str, str], url: str, words: str
) -> None:
    for name, value in configuration.items():
        await store.redis.config_set(name, value)
    other = Store.open(url.format(store.url))
    try:
        with pytest.raises(StoreError, match=words), store_errors():
            await other.redis.get("x")
    finally:
        await other.close()
        for name in configuration:
            await store.redis.config_set(name, "")

from __future__ import annotations

import ipaddress
import socket

import pytest

from workers.http.address_guard import (
    Endpoint,
    Guard,
    RefusedAddress,
    asked,
    is_public,
    is_public_name,
    proxied,
)

FORBIDDEN = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1
224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1::1 2001:db8::1
2001:10::1 2002:7f00:1:: 2002:a00:1::1 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fec0::1
ff02::1 ff0e::1 2a00:1450::5efe:7f00:1 2a00:1450::200:5efe:a00:1
""".split()
PUBLIC = """
8.8.8.8 1.1.1.1 172.15.255.255 172.32.0.1 192.167.255.255 100.63.255.255 100.128.0.1 223.255.255.255
2606:4700::1111 2a00:1450:4001:800::200e ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1
""".split()


@pytest.mark.parametrize("address", FORBIDDEN)
def test_no_address_outside_the_public_internet_is_connected_to(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert not Guard().allows(address, 80)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_connected_to(address: str) -> None:
    assert Guard().allows(address, 80)


def test_an_exception_is_one_endpoint_and_opens_nothing_else() -> None:
    guard = Guard(["127.0.0.1:18080", "10.0.0.0/8:80", "[::1]:8081"])

    assert guard.allows("127.0.0.1", 18080)
    assert guard.allows("::ffff:127.0.0.1", 18080)
    assert guard.allows("10.200.3.4", 80)
    assert guard.allows("::1", 8081)
    assert not guard.allows("127.0.0.1", 80)
    assert not guard.allows("127.0.0.2", 18080)
    assert not guard.allows("10.200.3.4", 8080)
    assert guard.ports == {80, 18080, 8081}


def test_a_name_is_an_exception_only_while_it_is_what_was_asked_for() -> None:
    guard = Guard(["intranet.example:8080"])

    assert not guard.allows("10.0.0.1", 8080)
    token = asked.set(Endpoint("intranet.example", 8080))
    assert guard.allows("10.0.0.1", 8080)
    assert not guard.allows("10.0.0.1", 80)
    asked.reset(token)


def test_the_operators_own_proxy_may_be_anywhere() -> None:
    token = proxied.set(Endpoint("127.0.0.1", 3128))

    assert Guard().allows("127.0.0.1", 3128)
    assert not Guard().allows("127.0.0.1", 80)
    proxied.reset(token)


def test_the_guard_makes_no_socket_for_what_it_refuses() -> None:
    info = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%lo", 80, 0, 1))

    with pytest.raises(RefusedAddress, match="fe80::1%lo is refused"):
        Guard().make_socket(info)


INNER = """
127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 127.0x0.0.1 127.0.0.0x1 10.0.0x0.1 169.254.0xa9fe
0x7f.1 0x 1.2.3.0x %31%32%37.0.0.1 127%2e0%2e0%2e1 127.0.0.1. １２７.0.0.1 127。0。0。1 ::1
::ffff:7f00:1 8.8.8.8 localhost localhost. a.localhost localhost.localdomain LOCALHOST.LOCALDOMAIN
printer nas.local nas.local. db.internal metadata.google.internal instance-data.ec2.internal
redis.default.svc kubernetes.default.svc api.default.svc.cluster.local vault.service.consul
host.docker.internal nas.home nas.home.arpa router.lan wiki.corp wiki.intranet fritz.box
nas.fritz.box speedport.ip a..b .com com a_b%00.example news.example\\@127.0.0.1 -
""".split()
OUTER = """
news.example NEWS.example news.example. xn--fiqs8s.example 例子.example a-b.co.uk 1.example
0x7f.example 127.0.0.1.example.org localhost.example svc.example home.example box.example
""".split()


@pytest.mark.parametrize("host", INNER)
def test_an_inner_machine_is_no_public_name_in_any_spelling(host: str) -> None:
    """Names that go to a proxy: some of these were passed on and led to 127.0.0.1."""
    assert not is_public_name(host)


@pytest.mark.parametrize("host", OUTER)
def test_public_names_may_go_to_a_proxy(host: str) -> None:
    assert is_public_name(host)

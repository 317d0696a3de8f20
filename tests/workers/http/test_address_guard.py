from __future__ import annotations

import ipaddress
import socket

import pytest

from workers.http.address_guard import Endpoint, Guard, RefusedAddress, asked, is_public, proxied

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

"""Where this server is, for itself and for others."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from bingproject.conf.addresses import build_origin, find_local_host, find_reachable_host


@pytest.mark.parametrize(
    ("host", "local"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("localhost", "localhost"), ("192.0.2.7", "192.0.2.7")],
)
def test_this_machine_reaches_all_addresses_by_loopback(host: str, local: str) -> None:
    """A wildcard is no address to go to."""
    assert find_local_host(host) == local


def test_others_reach_one_address_of_all() -> None:
    """It is this machine's own: a server can listen on it. One address stays as it is."""
    found = find_reachable_host("0.0.0.0")
    assert not found.startswith("0.")
    if found != socket.gethostname():
        assert not ip_address(found).is_unspecified
        with socket.socket() as probe:
            probe.bind((found, 0))
    assert find_reachable_host("192.0.2.7") == "192.0.2.7"


def test_without_a_network_others_know_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """No route anywhere: the machine's name is as good as anything."""

    def refuse(*_arguments: Any) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert find_reachable_host("0.0.0.0") == socket.gethostname()


def test_an_ipv6_address_goes_in_brackets() -> None:
    """Its colons would be taken for the port's."""
    assert build_origin("::1", 7860) == "http://[::1]:7860"
    assert build_origin("127.0.0.1", 7860) == "http://127.0.0.1:7860"

"""Requests to addresses that were typed in: only to public ones, and to the very address that was checked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from bingproject.upstream.ssrf_guard import CheckedResolver, ForbiddenAddressError, OutgoingError, check_address, post
from tests.receivers import Webhook, serving

PUBLIC = "93.184.215.14"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A server on loopback."""
    with serving(Webhook()) as server:
        yield server


def answering(*answers: list[str]) -> Any:
    """A name server that gives one answer after the other, the last one for ever."""
    waiting = list(answers)

    async def look_up(host: str, port: int) -> list[str]:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return look_up


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_let_through(address: str) -> None:
    """IPv4, IPv6, and the one written as the other."""
    check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
        "192.0.0.192", "64:ff9b:1::1", "::ffff:0:7f00:1",
        "169.254.169.254", "169.254.0.1", "192.0.0.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "2001:0:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_all_others_are_refused(address: str) -> None:
    """Loopback, private, link-local, metadata, multicast, and each way of writing IPv4 in IPv6."""
    with pytest.raises(ForbiddenAddressError, match="ALLOW_PRIVATE_ADDRESSES"):
        check_address(address)


def test_an_operator_can_let_networks_through(settings: Any) -> None:
    """Those named, one address or a network of either kind, and no other."""
    settings.ALLOW_PRIVATE_ADDRESSES = ["10.1.0.0/16", "fd00::/8", "127.0.0.1"]
    for allowed in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:ec2::254", "127.0.0.1"):
        check_address(allowed)
    for other in ("10.2.0.1", "127.0.0.2", "::1", "169.254.169.254"):
        with pytest.raises(ForbiddenAddressError):
            check_address(other)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0",
        "127.0.0.1.", "①②⑦.0.0.1",
    ],
)  # fmt: skip
async def test_no_spelling_of_loopback_gets_through(hook: Webhook, host: str) -> None:
    """Decimal, octal, hexadecimal, short, with a dot behind, in other digits: nothing arrives."""
    with pytest.raises(OutgoingError):
        await post(f"http://{host}:{hook.server_port}/", b"{}", {}, total_seconds=5)
    assert hook.seen == []


async def test_it_arrives_where_it_may(hook: Webhook, settings: Any) -> None:
    """A name, looked up and allowed: the connection goes to its address, the Host header keeps the name."""
    settings.ALLOW_PRIVATE_ADDRESSES = ["127.0.0.0/8"]
    url = f"http://hooks.example.org:{hook.server_port}/a?b=c"
    status = await post(url, b"body", {"X-A": "b"}, total_seconds=5, look_up=answering(["127.0.0.1"]))
    ((path, headers, body),) = hook.seen
    assert (status, path, body) == (204, "/a?b=c", b"body")
    assert headers["host"] == f"hooks.example.org:{hook.server_port}" and headers["x-a"] == "b"


async def test_one_bad_address_spoils_all(hook: Webhook) -> None:
    """A name that leads to a public and to a private address is refused as a whole."""
    look_up = answering([PUBLIC, "127.0.0.1"])
    with pytest.raises(ForbiddenAddressError):
        await post(f"http://both.example.org:{hook.server_port}/", b"", {}, total_seconds=5, look_up=look_up)
    assert hook.seen == []


async def test_a_name_that_changes_its_mind_gains_nothing(hook: Webhook) -> None:
    """Rebinding: what was checked is what is connected to; the next request checks again and is refused."""
    look_up = answering([PUBLIC], ["127.0.0.1"])
    resolver = CheckedResolver(look_up)
    (first,) = await resolver.resolve("turning.example.org", 80)
    assert first["host"] == PUBLIC and first["flags"] & socket.AI_NUMERICHOST  # nobody looks this up again
    with pytest.raises(ForbiddenAddressError):
        await post(f"http://turning.example.org:{hook.server_port}/", b"", {}, total_seconds=5, look_up=look_up)
    assert hook.seen == []


async def test_the_name_is_looked_up_once_for_a_request(hook: Webhook, settings: Any) -> None:
    """The address in use is the first answer's: a second answer is never asked for."""
    settings.ALLOW_PRIVATE_ADDRESSES = ["127.0.0.1"]
    asked: list[str] = []

    async def look_up(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    url = f"http://hooks.example.org:{hook.server_port}/"
    assert await post(url, b"", {}, total_seconds=5, look_up=look_up) == 204
    assert asked == ["hooks.example.org"]
    with pytest.raises(ForbiddenAddressError):
        await post(url, b"", {}, total_seconds=5, look_up=look_up)
    assert len(hook.seen) == 1


async def test_redirects_are_not_followed(settings: Any) -> None:
    """The status comes back; where it points to is not asked."""
    settings.ALLOW_PRIVATE_ADDRESSES = ["127.0.0.1"]
    with serving(Webhook(307)) as hook:
        assert await post(hook.url, b"", {}, total_seconds=5) == 307
        assert [path for path, _, _ in hook.seen] == ["/hook"]


async def test_the_environments_proxy_is_not_used(
    hook: Webhook, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would look the name up itself, where nobody checks it."""
    settings.ALLOW_PRIVATE_ADDRESSES = ["127.0.0.1"]
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert await post(hook.url, b"", {}, total_seconds=5) == 204


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:{port}/?token=mark", "it cannot be reached"),
        ("http://mark.invalid/", "its name is not known"),
        ("http://127.0.0.1:99999/mark", "it cannot be reached"),
        ("http:///mark", "it cannot be reached"),
    ],
)
async def test_failures_are_plain_and_hold_no_address(settings: Any, url: str, words: str) -> None:
    """Nobody there, no such name, no address at all."""
    settings.ALLOW_PRIVATE_ADDRESSES = ["127.0.0.1"]
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        with pytest.raises(OutgoingError, match=words) as caught:
            await post(url.format(port=unheard.getsockname()[1]), b"", {}, total_seconds=5)
    assert "mark" not in str(caught.value)


async def test_silence_ends(settings: Any) -> None:
    """A server that takes the connection and says nothing."""
    settings.ALLOW_PRIVATE_ADDRESSES = ["127.0.0.1"]
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(OutgoingError, match=r"no answer within 0\.2 s"):
            await post(f"http://127.0.0.1:{silent.getsockname()[1]}/", b"", {}, total_seconds=0.2)


async def test_a_strange_certificate_is_refused(settings: Any) -> None:
    """Something else than TLS, or a certificate nobody signed, gets nothing."""
    settings.ALLOW_PRIVATE_ADDRESSES = ["127.0.0.1"]
    with serving(Webhook()) as hook, pytest.raises(OutgoingError, match="it cannot be reached"):
        await post(hook.url.replace("http", "https", 1), b"", {}, total_seconds=2)
    assert hook.seen == []

"""The one request that proves an account alive."""

from __future__ import annotations

import asyncio

import pytest

from accounts.microsoft.client import REDIRECT_LIMIT, fetch_session
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import ConnectionPool, NotSentError, cookie_domain
from tests.loopback import OK, Answering, Seen, closed_port, serving


def redirecting(*locations: str) -> Answering:
    """Redirects to each address in turn, then 200."""
    left = list(locations)

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if left:
            head = f"HTTP/1.1 302 Found\r\nLocation: {left.pop(0)}\r\nContent-Length: 0\r\n\r\n"
            writer.write(head.encode())
        else:
            writer.write(OK)

    return answer


async def test_the_start_page_is_fetched_clean(sandbox: SandboxServer) -> None:
    """A plain GET with the account's cookie: a query would be taken for a creation."""
    async with ConnectionPool() as pool, pool.client({"_U": "anna"}) as client:
        answer = await fetch_session(client, sandbox.url)
    assert answer.status == 200 and 'id="id_a"' in answer.text
    assert sandbox.state.accounts["anna"].homes == 1
    assert not sandbox.state.violations


async def test_redirects_are_followed_on_the_same_host() -> None:
    """A relative and an absolute address of the same server lead on; the cookies come along."""
    async with ConnectionPool() as pool:
        other = redirecting()
        async with serving(other) as server:
            answering = redirecting("/images/create?FORM=GENEXP", f"{server.url}/images/create/ai-image-generator")
            async with serving(answering) as first:
                client = pool.client({"_U": "anna"}, domain=cookie_domain(first.url))
                answer = await fetch_session(client, first.url)
    assert [seen.target for seen in first.seen] == ["/images/create", "/images/create?FORM=GENEXP"]
    assert all(seen.cookies == {"_U": "anna"} for seen in first.seen)
    assert (answer.status, answer.headers["location"]) == (302, f"{server.url}/images/create/ai-image-generator")
    assert server.seen == []


async def test_a_redirect_to_another_host_is_the_answer() -> None:
    """A sign-in page is not asked for: its address says enough."""
    async with serving(redirecting("https://login.live.com/oauth20_authorize.srf")) as server, ConnectionPool() as pool:
        answer = await fetch_session(pool.client({}), server.url)
    assert answer.headers["location"].startswith("https://login.live.com/")


async def test_a_ring_of_redirects_ends() -> None:
    """After a few steps the redirect itself is the answer."""
    async with serving(redirecting(*["/images/create"] * 50)) as server, ConnectionPool() as pool:
        answer = await fetch_session(pool.client({}), server.url)
    assert answer.status == 302
    assert len(server.seen) == REDIRECT_LIMIT + 1


async def test_an_address_that_cannot_be_read_is_the_answer() -> None:
    """What the redirect means is the parser's business."""
    async with serving(redirecting("http://[broken")) as server, ConnectionPool() as pool:
        answer = await fetch_session(pool.client({}), server.url)
    assert (answer.status, answer.headers["location"]) == (302, "http://[broken")


async def test_a_dead_server_is_said_so() -> None:
    """The door's own error passes through."""
    async with ConnectionPool() as pool:
        with pytest.raises(NotSentError):
            await fetch_session(pool.client({}), f"http://127.0.0.1:{await closed_port()}")

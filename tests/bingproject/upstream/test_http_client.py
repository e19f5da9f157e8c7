"""The HTTP client keeps cookies apart, tells if a failed request was sent, and never repeats a costly one."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bingproject.errors import UnexpectedResponseError
from bingproject.upstream.http_client import (
    BODY_LIMIT_BYTES,
    ConnectionPool,
    NotSentError,
    cookie_domain,
    exchange,
    jar_cookies,
    put_cookie,
)
from tests.loopback import OK, Seen, answer_ok, answering_with, closed_port, fail, forwarding, serving


@pytest.fixture
async def pool() -> AsyncIterator[ConnectionPool]:
    """A pool that is closed at the end."""
    async with ConnectionPool() as found:
        yield found


async def test_two_accounts_over_one_transport_never_carry_each_others_cookies(pool: ConnectionPool) -> None:
    """Each account's requests carry its own cookies only, also those that the server has set for one of them."""

    async def set_own(seen: Seen, writer: asyncio.StreamWriter) -> None:
        name = seen.cookies["_U"]
        head = f"HTTP/1.1 200 OK\r\nSet-Cookie: from_bing=for_{name}; Path=/\r\nContent-Length: 0\r\n\r\n"
        writer.write(head.encode())

    async with serving(set_own) as server:
        anna = pool.client({"_U": "anna"}, domain=cookie_domain(server.url))
        bert = pool.client({"_U": "bert"}, domain=cookie_domain(server.url))
        for _ in range(3):
            await asyncio.gather(*(exchange(client, "GET", server.url) for client in (anna, bert, anna, bert)))
            for client in (anna, bert):
                await exchange(client, "POST", server.url, content="q=x")
    assert len(server.seen) == 18
    for seen in server.seen:
        assert seen.cookies["_U"] in ("anna", "bert")
        assert seen.cookies.get("from_bing") in (None, f"for_{seen.cookies['_U']}")
    assert server.seen[-1].cookies == {"_U": "bert", "from_bing": "for_bert"}


async def test_media_gets_no_cookie_and_keeps_none(pool: ConnectionPool) -> None:
    """A result file is fetched without cookies from the very host that the account's cookies belong to."""
    setting = answering_with(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n")
    async with serving(setting) as server:
        account = pool.client({"_U": "anna"}, domain=cookie_domain(server.url))
        await exchange(account, "GET", server.url)
        media = pool.media_client()
        for _ in range(2):
            await exchange(media, "GET", f"{server.url}/th/id/OIG1.x?pid=ImgGn")
    assert server.seen[0].cookies == {"_U": "anna"}
    assert [seen.headers.get("cookie") for seen in server.seen[1:]] == [None, None]


async def test_a_cookie_stays_with_its_domain(pool: ConnectionPool) -> None:
    """Bing's cookies do not go to another host, even if the account's client requests it."""
    async with serving(answer_ok) as server:
        client = pool.client({"_U": "anna"}, domain=cookie_domain("https://www.bing.com"))
        await exchange(client, "GET", server.url)
        default = pool.client({"_U": "anna"})
        await exchange(default, "GET", server.url)
    assert [seen.headers.get("cookie") for seen in server.seen] == [None, None]


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://www.bing.com", ".bing.com"),
        ("https://bing.com", ".bing.com"),
        ("https://notbing.com", "notbing.com"),
        ("http://127.0.0.1:7861", "127.0.0.1"),
        ("http://localhost:7861", "localhost.local"),
    ],
)
def test_cookies_are_bound_to_bing_or_to_the_exact_host(url: str, domain: str) -> None:
    """All of bing.com shares its cookies; any other server has them for itself."""
    assert cookie_domain(url) == domain


async def test_closing_one_accounts_client_leaves_the_others_working(pool: ConnectionPool) -> None:
    """Only the pool closes the shared transport."""
    async with serving(answer_ok) as server:
        anna, bert = pool.client({"_U": "anna"}), pool.client({"_U": "bert"})
        await exchange(anna, "GET", server.url)
        await exchange(anna, "POST", server.url)
        await anna.aclose()
        assert (await exchange(bert, "GET", server.url)).status == 200
        assert (await exchange(bert, "POST", server.url)).status == 200


async def test_cookies_set_by_bing_are_distinguished_from_the_projects(pool: ConnectionPool) -> None:
    """Only what the server has set is reported; a cookie of the project that it replaces counts as set."""
    raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: new=1; Path=/\r\nSet-Cookie: ours=2; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering_with(raw)) as server:
        domain = "127.0.0.1"
        client = pool.client({"_U": "anna", "ours": "1"}, domain=domain)
        put_cookie(client, "put", "3", domain=domain)
        assert jar_cookies(client) == {}
        await exchange(client, "GET", f"http://127.0.0.1:{server.port}")
    assert jar_cookies(client) == {"new": "1", "ours": "2"}


@pytest.mark.parametrize("value", ["C=1&N=Jos\u00e9".encode(), b"C=1&N=Jos\xe9", "\u65e5\u672c".encode()])
async def test_a_cookie_that_no_header_can_carry_is_left_out(pool: ConnectionPool, value: bytes) -> None:
    """Bing sets the user's first name: the next request goes out without that cookie, and with all others."""
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: WLS=" + value + b"; Path=/\r\nSet-Cookie: ok=1; Path=/\r\n"
    async with serving(answering_with(head + b"Content-Length: 0\r\n\r\n")) as server:
        client = pool.client({"_U": "anna", "odd": "Jos\u00e9"}, domain=cookie_domain(server.url))
        for method in ("GET", "GET", "POST"):
            assert (await exchange(client, method, server.url)).status == 200
    assert [seen.cookies for seen in server.seen] == [{"_U": "anna"}] + [{"_U": "anna", "ok": "1"}] * 2
    assert jar_cookies(client) == {"ok": "1"}


@pytest.mark.parametrize("headers", [{"x": "Jos\u00e9"}, {"x": "a\nb"}, {"x": 5}], ids=["letter", "line end", "number"])
async def test_a_request_that_cannot_be_built_was_not_sent(pool: ConnectionPool, headers: dict[str, str]) -> None:
    """After any failure before a connection, it is certain that Bing has received nothing."""
    async with serving(answer_ok) as server:
        with pytest.raises(NotSentError):
            await exchange(pool.client({"_U": "anna"}), "POST", server.url, headers=headers, content="q=x")
    assert server.seen == []


def test_a_user_agent_that_cannot_be_sent_is_told(pool: ConnectionPool) -> None:
    """By an error that means: nothing was sent."""
    with pytest.raises(NotSentError, match="User-Agent"):
        pool.client({"_U": "anna"}, user_agent="Mozilla/5.0 (Jos\u00e9)")


async def test_a_request_looks_like_a_browsers_in_english(pool: ConnectionPool) -> None:
    """Language, accepted types and the account's own user agent go out; the library's name does not."""
    async with serving(answer_ok) as server:
        await exchange(pool.client({}), "GET", server.url)
        await exchange(pool.client({}, user_agent="Mine/1.0"), "GET", server.url)
    first, second = server.seen
    assert first.headers["accept-language"] == "en-US,en;q=0.9"
    assert "Mozilla/5.0" in first.headers["user-agent"]
    assert second.headers["user-agent"] == "Mine/1.0"
    assert "httpx" not in str(first.headers) and "aiohttp" not in str(first.headers).lower()


async def test_a_prompt_arrives_byte_exact_in_query_and_body(pool: ConnectionPool) -> None:
    """Emoji, right-to-left text, plus, percent and quotes survive the transport's own idea of a URL."""
    prompt = "a+b %41 50% 'x' \"y\" ~ / ? # & = ; 🦊 שלום é\u202e end"
    query = str(httpx.QueryParams({"q": prompt, "rt": "4"}))
    async with serving(answer_ok) as server:
        await exchange(pool.client({}), "POST", f"{server.url}/images/create?{query}", content=query)
    seen = server.seen[0]
    assert parse_qs(urlsplit(seen.target).query)["q"] == [prompt]
    assert parse_qs(seen.body.decode())["q"] == [prompt]


async def test_an_answer_is_status_headers_and_text(pool: ConnectionPool) -> None:
    """Compressed and foreign-charset bodies come as text; header names are found in any letter case."""
    packed = gzip.compress("Größe ✓".encode())
    head = f"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    async with serving(answering_with(head.encode() + packed)) as server:
        answer = await exchange(pool.client({}), "GET", server.url)
    assert (answer.status, answer.text) == (503, "Größe ✓")
    assert answer.headers.get("retry-after") == "7" and answer.headers["Retry-After"] == "7"

    raw = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=%s\r\nContent-Length: 1\r\n\r\n\xe9"
    for charset, text in ((b"latin-1", "é"), (b"utf-8", "\ufffd"), (b"no-such", "\ufffd")):
        async with serving(answering_with(raw % charset)) as server:
            assert (await exchange(pool.client({}), "GET", server.url)).text == text


async def test_a_redirect_is_not_followed_and_its_body_is_not_waited_for(pool: ConnectionPool) -> None:
    """The address is all that matters: an accepted request is known even if the connection dies in the body."""
    raw = b"HTTP/1.1 302 Found\r\nLocation: /images/create?id=1-abc\r\nContent-Length: 500\r\n\r\nhalf"
    async with serving(answering_with(raw, cut=True)) as server:
        answer = await exchange(pool.client({}), "POST", server.url, content="q=x")
    assert (answer.status, answer.headers["location"]) == (302, "/images/create?id=1-abc")
    assert len(server.seen) == 1


@pytest.mark.parametrize("is_packed", [False, True])
async def test_a_body_larger_than_any_page_is_given_up(pool: ConnectionPool, is_packed: bool) -> None:
    """Bytes are counted as they are unpacked, so a small packed body cannot fill the memory."""
    body = b"x" * (BODY_LIMIT_BYTES + 1)
    packed = gzip.compress(body) if is_packed else body
    encoding = "Content-Encoding: gzip\r\n" if is_packed else ""
    head = f"HTTP/1.1 200 OK\r\n{encoding}Content-Length: {len(packed)}\r\n\r\n"
    async with serving(answering_with(head.encode() + packed)) as server:
        with pytest.raises(UnexpectedResponseError):
            await exchange(pool.client({}), "GET", server.url)


# --- proxies --------------------------------------------------------------------------------------------------------


async def test_each_account_leaves_by_its_own_proxy(pool: ConnectionPool) -> None:
    """Two accounts with a proxy each and one without: every request arrives by the way its account was given."""
    async with (
        serving(answer_ok) as server,
        forwarding("anna") as (by_anna, anna_took),
        forwarding("bert") as (by_bert, bert_took),
    ):
        for name, proxy in (("anna", by_anna), ("bert", by_bert), ("cleo", "")):
            client = pool.client({"_U": name}, domain=cookie_domain(server.url), proxy=proxy)
            for method in ("GET", "POST"):
                assert (await exchange(client, method, server.url)).status == 200
        assert len(anna_took) == len(bert_took) == 2
    ways = {(seen.cookies["_U"], seen.headers.get("via", "")) for seen in server.seen}
    assert ways == {("anna", "anna"), ("bert", "bert"), ("cleo", "")}


async def test_tls_goes_through_a_proxy_as_a_tunnel(pool: ConnectionPool) -> None:
    """The proxy is asked for a tunnel; a handshake that fails inside it was not sent."""
    async with serving(answering_with(OK, cut=True)) as server, forwarding("anna") as (proxy, taken):
        error = await fail(pool, f"https://localhost:{server.port}", proxy=proxy)
    assert isinstance(error, NotSentError)
    assert taken == [f"CONNECT localhost:{server.port}"]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_has_passed_nothing_on(pool: ConnectionPool, scheme: str) -> None:
    """Wrong credentials at the proxy: not sent, with and without a tunnel."""
    async with serving(answer_ok) as server, forwarding("anna") as (proxy, taken):
        stranger = proxy.replace("pass%20word", "wrong")
        assert isinstance(await fail(pool, f"{scheme}://localhost:{server.port}", proxy=stranger), NotSentError)
    assert server.seen == [] and taken == []


@pytest.mark.parametrize("proxy", ["socks5://localhost:1080", "nonsense", "http://", "ftp://localhost:21"])
async def test_a_proxy_that_cannot_be_used_is_never_gone_around(pool: ConnectionPool, proxy: str) -> None:
    """The request stays here rather than leave by another way than the account's owner chose."""
    async with serving(answer_ok) as server:
        assert isinstance(await fail(pool, server.url, proxy=proxy), NotSentError)
    assert server.seen == []


async def test_a_dead_proxy_was_not_sent(pool: ConnectionPool) -> None:
    """Nobody listens at the proxy's address."""
    async with serving(answer_ok) as server:
        error = await fail(pool, server.url, proxy=f"http://localhost:{await closed_port()}")
    assert isinstance(error, NotSentError)
    assert server.seen == []


async def test_the_environments_proxies_are_not_used(pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without a proxy goes direct, whatever the shell says."""
    monkeypatch.setenv("HTTP_PROXY", f"http://localhost:{await closed_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://localhost:{await closed_port()}")
    async with serving(answer_ok) as server:
        assert (await exchange(pool.client({}), "GET", server.url)).status == 200

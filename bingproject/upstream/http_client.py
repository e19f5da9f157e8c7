"""The one door to Bing: clients, browser headers, time-outs, library errors → ours. Never parses.

One transport per egress (direct, or one per proxy) is shared by all accounts that use it; cookies are held by each
account's own client, so one account's cookie cannot travel with another's request.
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
from django.conf import settings
from httpx_aiohttp import AiohttpTransport

from bingproject.errors import UnexpectedResponseError, UpstreamUnavailableError

USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/144.0.0.0 Safari/537.36 Edg/144.0.0.0"
)
# English pages: the text markers that the parsers know are English.
BROWSER_HEADERS = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "accept-language": "en-US,en;q=0.9",
    "accept-encoding": "gzip, deflate",
    "upgrade-insecure-requests": "1",
}
Content = str | bytes | AsyncIterable[bytes]
BODY_LIMIT_BYTES = 8 * 1024 * 1024
CONNECTION_LIMIT = 256
# Bing's redirects repeat the prompt, percent-encoded: 4,000 emoji are 48 KB. aiohttp would take 8 KB, and give up the
# request's id with the answer.
HEADER_LIMIT_BYTES = 128 * 1024
KEEPALIVE_SECONDS = 15
PROXY_SCHEMES = ("http", "https")
SAFE_METHODS = ("GET", "HEAD")
# Set on the cookies we put in a jar, to know them from those that Bing has set since.
_OURS = {"bingproject": ""}
# With the transport's trace this is the whole of "may it have been sent?"; see `_may_have_been_sent`.
_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)


class NotSentError(UpstreamUnavailableError):
    """Bing cannot have seen the request: it may be sent again."""


class OutcomeUnknownError(UpstreamUnavailableError):
    """The request was on its way when things broke: Bing may have acted on it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: parsers take these three."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file as it came back: `media_type` in lower case, "" when the server named none."""

    status: int
    media_type: str
    content: bytes


class _Progress:
    """How far one exchange has come; `has_connection` turns true before the first byte is written."""

    __slots__ = ("has_connection",)

    def __init__(self) -> None:
        self.has_connection = False


_progress: ContextVar[_Progress | None] = ContextVar("upstream_progress", default=None)


async def _note_connection(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
    progress = _progress.get()
    if progress is not None:
        progress.has_connection = True


def _trace() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_note_connection)
    trace.on_connection_reuseconn.append(_note_connection)
    return trace


@cache
def _ssl_context() -> ssl.SSLContext:
    """One for the process: each costs 20 ms and half a megabyte."""
    return httpx.create_ssl_context()


def _session_transport(proxy: str, *, is_reusing: bool) -> AiohttpTransport:
    """A transport whose aiohttp session keeps no cookies.

    aiohttp's own jar would send one account's cookies with another's requests.
    """

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=_ssl_context(),
            limit=CONNECTION_LIMIT,
            ttl_dns_cache=30,
            **({"keepalive_timeout": KEEPALIVE_SECONDS} if is_reusing else {"force_close": True}),
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[_trace()],
            trust_env=False,
            max_line_size=HEADER_LIMIT_BYTES,
            max_field_size=HEADER_LIMIT_BYTES,
        )

    return AiohttpTransport(verify=_ssl_context(), proxy=_proxy(proxy) if proxy else None, client=session)


def _proxy(address: str) -> httpx.Proxy:
    """The proxy, its credentials as a header: aiohttp turns `Authorization` into the proxy's, tunnel or not.

    Given as name and password they would go through a class that aiohttp has deprecated.
    """
    url = httpx.URL(address)
    if not url.userinfo:
        return httpx.Proxy(url)
    credentials = base64.b64encode(f"{url.username}:{url.password}".encode()).decode("ascii")
    return httpx.Proxy(url.copy_with(userinfo=b""), headers={"Authorization": f"Basic {credentials}"})


class _Egress(httpx.AsyncBaseTransport):
    """One way out, shared by many clients; only the door closes it.

    What may cost money goes over a connection of its own: a kept one may have been closed by the server just then, and
    nobody could say whether the request had arrived.
    """

    def __init__(self, proxy: str) -> None:
        self._is_usable = not proxy or is_proxy_address(proxy)
        # Never direct when the proxy cannot be used: the account's owner chose the way out.
        self._kept = _session_transport(proxy if self._is_usable else "", is_reusing=True)
        self._fresh = _session_transport(proxy if self._is_usable else "", is_reusing=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send over a kept connection what may be repeated, over a fresh one what may not."""
        if not self._is_usable:
            raise httpx.ProxyError("The proxy's address cannot be used.")
        transport = self._kept if request.method in SAFE_METHODS else self._fresh
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Nothing: a client that closes must leave the way open for the others."""

    async def close(self) -> None:
        """Close the connections, once nobody needs them."""
        await self._kept.aclose()
        await self._fresh.aclose()


class Door:
    """The transports of one event loop: made on demand, closed together.

    Shape: `async with Door() as door: client = door.client({"_U": …}, proxy=account.proxy)`.
    """

    def __init__(self) -> None:
        self._egresses: dict[str, _Egress] = {}

    async def __aenter__(self) -> Door:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def client(
        self, cookies: Mapping[str, str], *, domain: str = "", proxy: str = "", user_agent: str = ""
    ) -> httpx.AsyncClient:
        """A client with a cookie jar of its own, over the transport of its egress; closing it closes no transport.

        The cookies are bound to `domain`, that of BING_URL unless given, and travel nowhere else.
        """
        client = self._client(CookieJar(), proxy, user_agent)
        for name, value in cookies.items():
            put_cookie(client, name, value, domain=domain)
        return client

    def media_client(self, *, proxy: str = "") -> httpx.AsyncClient:
        """A client that sends no cookie and keeps none: result files need none, and media hosts must never see one."""
        return self._client(CookieJar(DefaultCookiePolicy(allowed_domains=())), proxy, "")

    async def aclose(self) -> None:
        """Close every transport; the clients are of no use afterwards."""
        egresses, self._egresses = self._egresses, {}
        for egress in egresses.values():
            await egress.close()

    def _client(self, jar: CookieJar, proxy: str, user_agent: str) -> httpx.AsyncClient:
        egress = self._egresses.get(proxy)
        if egress is None:
            egress = self._egresses[proxy] = _Egress(proxy)
        return httpx.AsyncClient(
            transport=egress,
            cookies=jar,
            headers=BROWSER_HEADERS | {"user-agent": user_agent or USER_AGENT},
            timeout=httpx.Timeout(settings.UPSTREAM_TIMEOUT_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )


def is_proxy_address(text: str) -> bool:
    """Whether a proxy can be used: `http://[name:password@]host:port`, or https."""
    try:
        parts = urlsplit(text)
        return parts.scheme in PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def cookie_domain(url: str) -> str:
    """The domain that cookies for `url` are bound to: `.bing.com` for Bing, the exact host for anything else."""
    host = urlsplit(url).hostname or ""
    if host == "bing.com" or host.endswith(".bing.com"):
        return ".bing.com"
    # The standard library's jar knows a host without a dot under this name.
    return host if "." in host else f"{host}.local"


def put_cookie(client: httpx.AsyncClient, name: str, value: str, *, domain: str = "") -> None:
    """Put one cookie of ours into the client's jar, bound to `domain`, that of BING_URL unless given."""
    # A cookie without a domain would go to every host.
    domain = domain or cookie_domain(settings.BING_URL)
    client.cookies.jar.set_cookie(
        Cookie(
            version=0,
            name=name,
            value=value,
            port=None,
            port_specified=False,
            domain=domain,
            domain_specified=True,
            domain_initial_dot=domain.startswith("."),
            path="/",
            path_specified=True,
            secure=False,
            expires=None,
            discard=True,
            comment=None,
            comment_url=None,
            rest=dict(_OURS),
        )
    )


def jar_cookies(client: httpx.AsyncClient) -> dict[str, str]:
    """The cookies that Bing has set since the client was made, by name."""
    return {
        cookie.name: cookie.value or ""
        for cookie in client.cookies.jar
        if not any(cookie.has_nonstandard_attr(mark) for mark in _OURS)
    }


async def exchange(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: Content | None = None,
    timeout_seconds: float | None = None,
) -> Answer:
    """One HTTP exchange with Bing, whatever its status; redirects are the caller's business.

    Units: `timeout_seconds` for the whole exchange, UPSTREAM_TIMEOUT_SECONDS unless given.
    Raises: NotSentError when Bing cannot have seen it; OutcomeUnknownError when it may have;
    UnexpectedResponseError when the body is larger than any page of Bing's.
    """
    response, body = await _receive(client, method, url, headers, content, timeout_seconds)
    if response.status_code == 407:
        # Only a proxy says so, and it has passed nothing on.
        raise NotSentError(detail="the proxy wants other credentials")
    return Answer(response.status_code, response.headers, _decode(body, response.charset_encoding))


async def download(client: httpx.AsyncClient, url: str) -> Download:
    """One file, whatever its status; the same limits and errors as an exchange."""
    response, body = await _receive(client, "GET", url, None, None, None)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Download(response.status_code, media_type, body)


async def _receive(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    content: Content | None,
    timeout_seconds: float | None,
) -> tuple[httpx.Response, bytes]:
    """The head of the answer, closed, and its body."""
    async with _translated(timeout_seconds or settings.UPSTREAM_TIMEOUT_SECONDS):
        request = client.build_request(method, _parsed(url), headers=headers, content=content)
        response = await client.send(request, stream=True)
        try:
            return response, await _read(response)
        finally:
            await response.aclose()


@lru_cache(maxsize=1024)
def _parsed(url: str) -> httpx.URL:
    """Taken apart once: a result is asked for many times, and this was an eighth of what asking costs us."""
    return httpx.URL(url)


async def _read(response: httpx.Response) -> bytes:
    """The body, unpacked, up to the limit; a redirect says all in its head, so its body is not waited for."""
    if response.has_redirect_location:
        return b""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > BODY_LIMIT_BYTES:
            raise UnexpectedResponseError(detail=f"status {response.status_code}, body over {BODY_LIMIT_BYTES} bytes")
    return b"".join(chunks)


def _decode(body: bytes, charset: str | None) -> str:
    try:
        return body.decode(charset or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


@asynccontextmanager
async def _translated(total_seconds: float) -> AsyncIterator[None]:
    """Bound the time, and turn what the libraries raise into one of ours; their texts carry the URL and are dropped."""
    progress = _Progress()
    token = _progress.set(progress)
    try:
        async with asyncio.timeout(total_seconds):
            yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict) as error:
        is_sent = progress.has_connection or not isinstance(error, _BEFORE_SENDING)
        raise _error(is_sent, error) from error
    except TimeoutError as error:
        raise _error(progress.has_connection, error) from error
    except (aiohttp.ClientError, OSError) as error:
        # What the transport has no httpx class for.
        raise _error(progress.has_connection, error) from error
    finally:
        _progress.reset(token)


def _error(is_sent: bool, error: BaseException) -> UpstreamUnavailableError:
    """The exceptions' names and the system's reason; never their text, which may hold the address."""
    cause = error.__cause__
    names = type(error).__name__ if cause is None else f"{type(error).__name__} from {type(cause).__name__}"
    reason = _reason(getattr(cause or error, "os_error", cause or error))
    detail = f"{names}: {reason}" if reason else names
    return OutcomeUnknownError(detail=detail) if is_sent else NotSentError(detail=detail)


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or ""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number is not None and number > 0 else ""

"""The HTTP client for Bing: browser headers, time-outs, and library errors translated into project errors.

All accounts with the same egress (direct, or one proxy) share a transport. Cookies belong to each account's own client,
so one account's cookie cannot be sent with another's request. Responses are parsed elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import re
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
from django.conf import settings
from httpx_aiohttp import AiohttpTransport

from bingproject.errors import ServiceError, UnexpectedResponseError, UpstreamUnavailableError
from bingproject.upstream.cookie_jar import SendableCookieJar, make_cookie

USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/144.0.0.0 Safari/537.36 Edg/144.0.0.0"
)
# Ask for English pages, since the text markers of the parsers are English.
BROWSER_HEADERS = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "accept-language": "en-US,en;q=0.9",
    "accept-encoding": "gzip, deflate",
    "upgrade-insecure-requests": "1",
}
logger = logging.getLogger(__name__)

Content = str | bytes | AsyncIterable[bytes]
BODY_LIMIT_BYTES = 8 * 1024 * 1024
CONNECTION_LIMIT = 256
# Bing's redirects repeat the prompt percent-encoded: 4,000 emoji are 48 KB. With aiohttp's default of 8 KB the response
# would fail, and the request's id would be lost with it.
HEADER_LIMIT_BYTES = 128 * 1024
KEEPALIVE_SECONDS = 15
PROXY_SCHEMES = ("http", "https")
SAFE_METHODS = ("GET", "HEAD")
# An attribute of the cookies that this project puts into a jar, to distinguish them from those that Bing has set.
_OURS = {"bingproject": ""}
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# Raised before a request is written; `_translated` combines them with the trace of connections.
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
    """Bing cannot have received the request, so it may be sent again."""


class OutcomeUnknownError(UpstreamUnavailableError):
    """The exchange failed after the request may have been sent, so Bing may have acted on it."""


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """A response as the parsers take it."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Download:
    """A downloaded file; `media_type` is in lower case, "" if the server named none."""

    status: int
    media_type: str
    content: bytes


class _Progress:
    """The progress of one exchange; `has_connection` becomes True before the first byte is written."""

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
    """Return the process's only context, since each costs 20 ms and half a megabyte."""
    return httpx.create_ssl_context()


def _session_transport(proxy: str, *, is_reusing: bool) -> AiohttpTransport:
    """Return a transport whose aiohttp session stores no cookies.

    The session's own jar would send one account's cookies with another's requests.
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
    """Return the proxy with its credentials as a header, which aiohttp sends to the proxy, with a tunnel or without.

    Name and password as arguments would go through a class that aiohttp has deprecated.
    """
    url = httpx.URL(address)
    if not url.userinfo:
        return httpx.Proxy(url)
    credentials = base64.b64encode(f"{url.username}:{url.password}".encode()).decode("ascii")
    return httpx.Proxy(url.copy_with(userinfo=b""), headers={"Authorization": f"Basic {credentials}"})


class _Egress(httpx.AsyncBaseTransport):
    """A direct or proxied way to the network, shared by many clients; only the pool closes it.

    A request that may cost money gets a new connection. The server may close a kept one at the same moment, and then
    nobody could tell whether the request had arrived.
    """

    def __init__(self, proxy: str) -> None:
        self._is_usable = not proxy or is_proxy_address(proxy)
        # Never connect directly instead of through an unusable proxy, which the account's owner chose.
        self._kept = _session_transport(proxy if self._is_usable else "", is_reusing=True)
        self._fresh = _session_transport(proxy if self._is_usable else "", is_reusing=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a repeatable request over a kept connection, any other over a new one."""
        if not self._is_usable:
            raise httpx.ProxyError("The proxy's address cannot be used.")
        if any(_CONTROLS.search(value) for _, value in request.headers.raw):
            # aiohttp refuses them only after connecting, when the trace no longer proves that nothing was sent.
            raise httpx.LocalProtocolError("A header holds a control character.")
        transport = self._kept if request.method in SAFE_METHODS else self._fresh
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Do nothing: httpx calls this when one client closes, and other clients still use the transports."""

    async def close(self) -> None:
        """Close the connections when the pool closes."""
        await self._kept.aclose()
        await self._fresh.aclose()


class ConnectionPool:
    """The transports of one event loop, created on demand and closed together.

    Example: `async with ConnectionPool() as pool: client = pool.client({"_U": …}, proxy=account.proxy)`.
    """

    def __init__(self) -> None:
        self._egresses: dict[str, _Egress] = {}

    async def __aenter__(self) -> ConnectionPool:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def client(
        self, cookies: Mapping[str, str], *, domain: str = "", proxy: str = "", user_agent: str = ""
    ) -> httpx.AsyncClient:
        """Return a client with its own cookie jar over the shared transport; closing it closes no transport.

        The cookies are sent only to `domain`, by default that of BING_URL. Without `proxy` it connects directly.
        """
        client = self._client(SendableCookieJar(), proxy, user_agent)
        for name, value in cookies.items():
            put_cookie(client, name, value, domain=domain)
        return client

    def media_client(self, *, proxy: str = "") -> httpx.AsyncClient:
        """Return a client without cookies: result files need none, and media hosts must never get one."""
        return self._client(CookieJar(DefaultCookiePolicy(allowed_domains=())), proxy, "")

    async def aclose(self) -> None:
        """Close every transport; its clients cannot be used afterwards."""
        egresses, self._egresses = self._egresses, {}
        for egress in egresses.values():
            await egress.close()

    def _client(self, jar: CookieJar, proxy: str, user_agent: str) -> httpx.AsyncClient:
        egress = self._egresses.get(proxy)
        if egress is None:
            egress = self._egresses[proxy] = _Egress(proxy)
        if not (user_agent.isascii() and user_agent.isprintable()):
            raise NotSentError("The account's User-Agent holds letters that no header can. Correct it in the admin.")
        return httpx.AsyncClient(
            transport=egress,
            cookies=jar,
            headers=BROWSER_HEADERS | {"user-agent": user_agent or USER_AGENT},
            timeout=httpx.Timeout(settings.UPSTREAM_TIMEOUT_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )


def is_proxy_address(text: str) -> bool:
    """True for a proxy's URL that can be used: `http://[name:password@]host:port`, or https."""
    try:
        parts = urlsplit(text)
        return parts.scheme in PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def cookie_domain(url: str) -> str:
    """Return the domain for cookies of `url`: `.bing.com` for Bing, else the exact host."""
    host = urlsplit(url).hostname or ""
    if host == "bing.com" or host.endswith(".bing.com"):
        return ".bing.com"
    # http.cookiejar appends `.local` to a host without a dot.
    return host if "." in host else f"{host}.local"


def put_cookie(client: httpx.AsyncClient, name: str, value: str, *, domain: str = "") -> None:
    """Put a marked cookie into the client's jar, bound to `domain`, or to that of BING_URL if it is ""."""
    # A cookie without a domain would be sent to every host.
    domain = domain or cookie_domain(settings.BING_URL)
    client.cookies.jar.set_cookie(make_cookie(name, value, domain, _OURS))


def jar_cookies(client: httpx.AsyncClient) -> dict[str, str]:
    """Return the cookies that Bing has set since the client was created, by name."""
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
) -> UpstreamResponse:
    """Send one request to Bing and return the response, whatever its status; redirects are not followed.

    `timeout_seconds` is for the whole exchange, UPSTREAM_TIMEOUT_SECONDS by default.

    Raises:
        NotSentError: Bing cannot have received the request.
        OutcomeUnknownError: Bing may have received it.
        UnexpectedResponseError: The body is larger than any page of Bing's (`BODY_LIMIT_BYTES`).
    """
    response, body = await _receive(client, method, url, headers, content, timeout_seconds)
    if response.status_code == 407:
        # Only a proxy answers 407, and it has not forwarded the request.
        raise NotSentError(detail="the proxy wants other credentials")
    return UpstreamResponse(response.status_code, response.headers, _decode(body, response.charset_encoding))


async def download(client: httpx.AsyncClient, url: str) -> Download:
    """Download a file, whatever the status; limits and errors are those of `exchange`."""
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
    """Return the closed response and its body."""
    async with _translated(timeout_seconds or settings.UPSTREAM_TIMEOUT_SECONDS):
        request = client.build_request(method, _parsed(url), headers=headers, content=content)
        response = await client.send(request, stream=True)
        try:
            return response, await _read(response)
        finally:
            await response.aclose()


@lru_cache(maxsize=1024)
def _parsed(url: str) -> httpx.URL:
    """Parse and cache: the same result is polled many times, and parsing was an eighth of the cost of a poll."""
    return httpx.URL(url)


async def _read(response: httpx.Response) -> bytes:
    """Return the decompressed body, b"" for a redirect. Raise UnexpectedResponseError if it exceeds the limit."""
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
    """Limit the time, and translate library errors. Their messages contain the URL, so they are dropped."""
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
        # Errors that httpx_aiohttp does not map to an httpx class.
        raise _error(progress.has_connection, error) from error
    except ServiceError:
        raise
    except Exception as error:
        # A request that cannot be built, or a bug: the trace still tells whether anything was sent.
        logger.exception("an exchange failed in an unforeseen way")
        raise _error(progress.has_connection, error) from error
    finally:
        _progress.reset(token)


def _error(is_sent: bool, error: BaseException) -> UpstreamUnavailableError:
    """Build the error from the exceptions' names and the system's reason; their texts may contain the URL."""
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

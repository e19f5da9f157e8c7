"""What stands before Django: request ids, who may come in, the body's limit, preflights, static files, shared threads.

An ASGI application. API paths get Django without middleware; the admin gets all of it. Whatever fails here answers in
the API's error shape.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from io import BytesIO
from typing import Any

import msgspec
from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import Resolver404, resolve, set_script_prefix

from bingproject import request_id
from bingproject.access import caller_address, check_access, is_allowed_origin, read_headers, seen_scheme
from bingproject.contracts import BING_CREATE
from bingproject.doors import standing_door
from bingproject.environment import SettingError
from bingproject.errors import InternalError, InvalidRequestError, NotFoundError, ServiceError
from bingproject.lanes import Lanes
from bingproject.large_forms import is_from_operator, is_large_form, may_exceed
from bingproject.liveness import SignOfLife
from bingproject.static_files import StaticFiles

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

ADMIN_PATH = "/admin"
# Under several prefixes; its bodies may hold pictures.
CHAT_PATH = "/chat/completions"
# Read on after a 413, so that a client which sends everything before it reads still finds the answer.
LINGER_BYTES = 4 * 1024 * 1024
LINGER_SECONDS = 2.0
# For Django's own bookkeeping and for files; requests run in lanes.
SPARE_THREADS = 2
PREFLIGHT_SECONDS = 600
LEAVE_SECONDS = 1.0  # of the few that a stop may take
EXPOSED = (
    "X-Request-ID, Location, Retry-After, Preference-Applied, Idempotent-Replayed, x-should-retry, "
    "x-bing-served-by, x-bing-ignored, x-bing-history-dropped, "
    "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests"
)
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # What has none of its own is no page: nothing in it is to be run or loaded, wherever it is shown.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_HEADER_NAMES = re.compile(r"[A-Za-z0-9-]+(?:\s*,\s*[A-Za-z0-9-]+)*")


class BodyTooLargeError(Exception):
    """More has come, or was announced, than is allowed; the connection is of no more use."""


class ClientLeftError(Exception):
    """The caller hung up before the request was complete."""


class ApiHandler(ASGIHandler):
    """Django's handler for API paths: no middleware, and no thread hop besides the view's own.

    The base class hops to a thread for its signals before and after each request, which costs more than most views;
    what the signals are for (connections grown old) `ContractViewSet` does in its own hop.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """None; what the base class keeps in these lists stays empty."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined]

    async def answer(self, scope: dict[str, Any], body: bytes, receive: Receive, send: Reply) -> None:
        """Serve the request; when the caller leaves first, the view is cancelled."""
        set_script_prefix(get_script_prefix(scope))
        request, refusal = self.create_request(scope, BytesIO(body))
        if request is None:
            raise InvalidRequestError("The request's address is not valid UTF-8.", detail=str(refusal))
        answering = asyncio.ensure_future(self._answer(request, send))
        leaving = asyncio.ensure_future(receive())
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not answering.done():
                answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answering

    async def _answer(self, request: HttpRequest, send: Reply) -> None:
        response = await self.run_get_response(request)
        try:
            if isinstance(response, StreamingHttpResponse):
                await self._send_stream(response, send)
            else:
                await self.send_response(response, send)
        finally:
            for closer in response._resource_closers:  # type: ignore[attr-defined] # close() would send a signal too
                closer()
            # Also when the caller left before the first byte: nobody else would close what a stream holds then.
            if hasattr(response, "aclose"):
                await response.aclose()

    async def _send_stream(self, response: StreamingHttpResponse, send: Reply) -> None:
        """Each piece as it comes; the base class cuts each up, and only the start needs what a reply adds."""
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        onward = send.onward
        async with aclosing(aiter(response)) as pieces:  # type: ignore[type-var] # always a generator
            async for piece in pieces:
                await onward({"type": "http.response.body", "body": piece, "more_body": True})
        await onward({"type": "http.response.body", "body": b""})


class Gate:
    """The ASGI application of the project.

    Shape: `start` is called once in a thread when the server starts; its SettingError stops the start with one line.
    `sign` is kept up from then on.
    """

    def __init__(self, *, start: Callable[[], object], sign: SignOfLife | None = None) -> None:
        self._start = start
        self._sign = sign
        self._api = ApiHandler()
        self._admin = ASGIHandler()
        self._lanes = Lanes()
        self._static = StaticFiles(settings.STATIC_ROOT, settings.STATIC_URL)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One connection's request, or the server's start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(SPARE_THREADS, "spare"))
        try:
            await asyncio.wrap_future(self._lanes.pick().submit(self._start))
        except SettingError as error:
            await send({"type": "lifespan.startup.failed", "message": f"bingproject cannot start: {error}"})
            return
        async with standing_door():
            await send({"type": "lifespan.startup.complete"})
            async with self._alive():
                await receive()
            # In a thread: a view still running may need this loop to come to its end.
            await asyncio.to_thread(self._lanes.close)
        await send({"type": "lifespan.shutdown.complete"})

    @contextlib.asynccontextmanager
    async def _alive(self) -> AsyncIterator[None]:
        """While the server runs, its sign of life is renewed in a lane, whose connection is open anyway."""
        if self._sign is None:
            yield
            return
        keeping = asyncio.create_task(self._sign.keep(lambda renew: self._lanes.pick().submit(renew)))
        try:
            yield
        finally:
            keeping.cancel()
            leaving = asyncio.wrap_future(self._lanes.pick().submit(self._sign.leave))
            await asyncio.wait({leaving}, timeout=LEAVE_SECONDS)

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = read_headers(scope)
        peer = (scope.get("client") or ("",))[0]
        scope = {**scope, "scheme": seen_scheme(scope.get("scheme", "http"), peer, headers)}
        reply = Reply(send, headers, scope["scheme"])
        request_id.current.set(reply.request_id)
        try:
            check_access(scope["scheme"], peer, headers)
            await self._serve(scope, headers, receive, reply)
        except ClientLeftError:
            return
        except BodyTooLargeError:
            await reply.fail(InvalidRequestError(code="too_large"), receive=receive)
        except ServiceError as error:
            await reply.fail(error)
        except Exception:
            logger.exception("Internal error before or after Django")
            if reply.has_started:
                raise
            await reply.fail(InternalError())

    async def _serve(self, scope: dict[str, Any], headers: Mapping[str, str], receive: Receive, reply: Reply) -> None:
        path, method = scope["path"], scope["method"]
        if path.startswith(settings.STATIC_URL):
            await self._static.serve(method, path, headers, reply)
            return
        is_admin = is_admin_path(path)
        scope["path"] = path = canonical_path(path, is_admin=is_admin)
        if method == "OPTIONS" and not is_admin:
            await reply.preflight(allowed_methods(path))
            return
        body = await read_body(headers, receive, await self._limit_bytes(path, headers))
        async with ThreadSensitiveContext(executor=self._lanes.pick()):
            if is_admin:
                # Log-ins are counted by address: behind a proxy all would be its own.
                host, port = scope.get("client") or ("", 0)
                scope["client"] = (caller_address(host, headers), port)
                await self._admin(scope, Replay(body, receive), reply)
            else:
                await self._api.answer(scope, body, receive, reply)

    async def _limit_bytes(self, path: str, headers: Mapping[str, str]) -> int:
        if path.endswith(CHAT_PATH):
            return int(settings.CHAT_BODY_LIMIT_BYTES)
        limit_bytes = int(settings.BODY_LIMIT_BYTES)
        if not is_large_form(path) or not may_exceed(headers.get("content-length", ""), limit_bytes):
            return limit_bytes
        # Only now, since it asks the database: strangers must not have us keep so much.
        is_operator = await asyncio.wrap_future(self._lanes.pick().submit(is_from_operator, headers))
        return int(settings.LARGE_FORM_LIMIT_BYTES) if is_operator else limit_bytes


class Reply:
    """The way out of one request: adds to the answer what every answer carries."""

    def __init__(self, send: Send, headers: Mapping[str, str], scheme: str) -> None:
        self.onward = send
        self._headers = headers
        given = headers.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        self.has_started = False
        self._added = [*ALWAYS, (b"x-request-id", self.request_id.encode("ascii")), *self._cors()]
        if scheme == "https" and settings.SECURE_HSTS_SECONDS:
            self._added.append((b"strict-transport-security", b"max-age=%d" % settings.SECURE_HSTS_SECONDS))

    async def __call__(self, message: Mapping[str, Any]) -> None:
        """Send one ASGI message."""
        if message["type"] == "http.response.start":
            self.has_started = True
            present = {name.lower() for name, _ in message["headers"]}
            added = [(name, value) for name, value in self._added if name == b"vary" or name not in present]
            message = {**message, "headers": [*message["headers"], *added]}
        await self.onward(message)

    def _cors(self) -> list[tuple[bytes, bytes]]:
        if not settings.CORS_ALLOWED_ORIGINS:
            return []
        origin = self._headers.get("origin", "")
        if not is_allowed_origin(origin):
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", EXPOSED.encode("ascii")),
        ]

    async def preflight(self, methods: list[str]) -> None:
        """204 with `Allow`; what a browser may do only for an origin the operator named."""
        allow = ", ".join(methods).encode("ascii")
        headers = [(b"allow", allow)]
        if is_allowed_origin(self._headers.get("origin", "")):
            wanted = self._headers.get("access-control-request-headers", "")
            headers.append((b"access-control-allow-methods", allow))
            headers.append((b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS))
            if _HEADER_NAMES.fullmatch(wanted):
                headers.append((b"access-control-allow-headers", wanted.encode("ascii")))
        await self({"type": "http.response.start", "status": 204, "headers": headers})
        await self({"type": "http.response.body", "body": b""})

    async def fail(self, error: ServiceError, *, receive: Receive | None = None) -> None:
        """The error as JSON; with `receive` the connection ends, after a short while of reading on."""
        answer = BING_CREATE.error(error)
        content = msgspec.json.encode(answer.body)
        sent = {"content-type": "application/json", "content-length": str(len(content)), **answer.headers}
        if receive is not None:
            sent["connection"] = "close"
        headers = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in sent.items()]
        await self({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self({"type": "http.response.body", "body": content, "more_body": receive is not None})
        if receive is not None:
            await _linger(receive)
            await self({"type": "http.response.body", "body": b""})


class Replay:
    """Hands Django the body that was read already, then whatever comes: the caller leaving."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> dict[str, Any]:
        """The next ASGI message."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def is_admin_path(path: str) -> bool:
    """Whether a path is one of the operators' pages, which answer with pages; all others answer JSON."""
    return path == ADMIN_PATH or path.startswith(f"{ADMIN_PATH}/")


def canonical_path(path: str, *, is_admin: bool) -> str:
    """The path as the patterns have it: API paths end without a slash, the admin's with one; nobody is redirected."""
    if is_admin:
        return f"{path}/" if path == ADMIN_PATH else path
    return path[:-1] if len(path) > 1 and path.endswith("/") else path


def allowed_methods(path: str) -> list[str]:
    """What `Allow` says of a path.

    Raises: NotFoundError.
    """
    try:
        view = resolve(path).func
    except Resolver404:
        raise NotFoundError from None
    actions = getattr(view, "actions", None)
    if actions is None:
        cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
        actions = [name for name in ("get", "post", "put", "patch", "delete") if hasattr(cls, name)]
    methods = {name.upper() for name in actions} | {"OPTIONS"}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


async def read_body(headers: Mapping[str, str], receive: Receive, limit_bytes: int) -> bytes:
    """The whole body, counted while it arrives.

    Raises: BodyTooLargeError before more than the limit is kept, ClientLeftError.
    """
    announced = headers.get("content-length", "")
    if announced.isdigit() and (len(announced) > 15 or int(announced) > limit_bytes):
        raise BodyTooLargeError
    chunks: list[bytes] = []
    count = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        chunk = message.get("body", b"")
        count += len(chunk)
        if count > limit_bytes:
            raise BodyTooLargeError
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _linger(receive: Receive) -> None:
    """Take in and forget what is still on its way: closing over unread bytes would reset the answer away."""
    count = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while count < LINGER_BYTES:
                message = await receive()
                count += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        logger.debug("a body beyond the limit was still arriving when its connection was closed")

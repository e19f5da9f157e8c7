"""The ASGI application before Django: request ids, access, body limits, preflights, static files and threads.

API paths get Django without middleware, the admin gets all of it. An error that is raised here is answered in the API's
error format.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.urls import Resolver404, resolve
from django.utils.module_loading import import_string

from bingproject.api.contracts import BING_CREATE
from bingproject.cluster.process_registry import Registration
from bingproject.cluster.web_shutdown import shutdown
from bingproject.conf.environment import SettingError
from bingproject.database.outages import is_outage
from bingproject.edge._compat_django import AdminHandler, ApiHandler
from bingproject.edge.access import caller_address, check_access, is_allowed_origin, read_headers, seen_scheme
from bingproject.edge.allocator import return_large_blocks
from bingproject.edge.body_limits import (
    Bodies,
    BodyFile,
    BodyLimit,
    BodyRefusedError,
    BodyTooLargeError,
    BodyTooSlowError,
    ClientLeftError,
    Receive,
    linger,
)
from bingproject.edge.file_descriptors import watched_descriptors
from bingproject.edge.form_limits import form_limit_bytes, is_large_form
from bingproject.edge.header_limits import RefusedHeadError, check_head
from bingproject.edge.login_limit import PasswordGuard, hashes_password
from bingproject.edge.static_files import StaticFiles
from bingproject.edge.thread_pool import LANES, Lane, Lanes
from bingproject.edge.thread_watch import end_when_stuck
from bingproject.edge.unavailable import refuse
from bingproject.errors import InternalError, InvalidRequestError, NotFoundError, ServiceError
from bingproject.security import request_id
from bingproject.upstream.connection_pool import shared_pool

Send = Callable[[Mapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

ADMIN_PATH = "/admin"
# Under several prefixes; its bodies may contain pictures.
CHAT_PATH = "/chat/completions"
# For files and Django's own bookkeeping; requests run in lanes.
SPARE_THREADS = 2
PREFLIGHT_SECONDS = 600
LEAVE_SECONDS = 1.0  # of the five seconds that `serve` promises for a stop
EXPOSED = (
    "X-Request-ID, Location, Retry-After, Preference-Applied, Idempotent-Replayed, x-should-retry, "
    "x-bing-served-by, x-bing-ignored, x-bing-history-dropped, x-bing-joined-task, "
    "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests"
)
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # An answer without a policy of its own is not a page: a browser must run and load nothing from it.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# Possessive quantifiers: a value that does not match fails at once, without backtracking from each comma.
_HEADER_NAMES = re.compile(r"[A-Za-z0-9-]++(?:\s*+,\s*+[A-Za-z0-9-]++)*+")


class EdgeApplication:
    """The ASGI application of the project.

    Args:
        start: Called once in a thread when the server starts. A SettingError that it raises stops the start with one
            line.
        registration: The row of this process, renewed from then on; None for tests that need none.
    """

    def __init__(self, *, start: Callable[[], object], registration: Registration | None = None) -> None:
        self._start = start
        self._registration = registration
        self._api = ApiHandler()
        self._admin = AdminHandler()
        self._lanes = Lanes()
        self._bodies = Bodies()
        self._passwords = PasswordGuard()
        self._check_sender: Callable[[Mapping[str, str]], None] = import_string(settings.BODY_SENDER_CHECK)
        self._static = StaticFiles(settings.STATIC_ROOT, settings.STATIC_URL)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Handle a request, or the start and stop of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        shutdown.reset()
        return_large_blocks()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(SPARE_THREADS, "spare"))
        try:
            await asyncio.wrap_future(self._lanes.pick().submit(self._start))
        except SettingError as error:
            await send({"type": "lifespan.startup.failed", "message": f"bingproject cannot start: {error}"})
            return
        async with shared_pool(), watched_descriptors():
            with shutdown.hearing_signals():
                await send({"type": "lifespan.startup.complete"})
                async with self._alive():
                    await receive()
                    await shutdown.settle()
            # In a thread, because a view that still runs may need this loop to end.
            await asyncio.to_thread(self._lanes.close)
        await send({"type": "lifespan.shutdown.complete"})

    @contextlib.asynccontextmanager
    async def _alive(self) -> AsyncIterator[None]:
        """Renew the row of this process while the server runs, in a lane, whose database connection is open anyway."""
        if self._registration is None:
            yield
            return
        keeping = asyncio.create_task(self._registration.keep(lambda renew: self._lanes.pick().submit(renew)))
        watching = asyncio.create_task(end_when_stuck(self._lanes))
        try:
            yield
        finally:
            keeping.cancel()
            watching.cancel()
            leaving = asyncio.wrap_future(self._lanes.pick().submit(self._registration.leave))
            await asyncio.wait({leaving}, timeout=LEAVE_SECONDS)

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = read_headers(scope)
        peer = (scope.get("client") or ("",))[0]
        scope = {**scope, "scheme": seen_scheme(scope.get("scheme", "http"), peer, headers), LANES: self._lanes}
        reply = ReplySender(send, headers, scope["scheme"])
        request_id.current.set(reply.request_id)
        try:
            check_head(scope, headers)
            check_access(scope["scheme"], peer, headers)
            shutdown.check()
            await self._serve(scope, headers, receive, reply)
        except ClientLeftError:
            return
        except BodyTooLargeError:
            await reply.fail(InvalidRequestError(code="too_large"), receive=receive)
        except BodyRefusedError as refusal:
            await reply.fail(refusal.error, receive=receive)
        except BodyTooSlowError:
            await reply.fail(InvalidRequestError(code="request_timeout"), receive=receive)
        except RefusedHeadError as refusal:
            await reply.fail(refusal.error, status=refusal.status)
        except (ServiceError, asyncio.CancelledError) as error:
            await refuse(reply, error, is_page=is_admin_path(scope["path"]))
        except Exception as error:
            if is_outage(error):
                await refuse(reply, error, is_page=is_admin_path(scope["path"]))
                return
            logger.exception("Internal error before or after Django")
            if reply.has_started:
                raise
            await reply.fail(InternalError())

    async def _serve(
        self, scope: dict[str, Any], headers: Mapping[str, str], receive: Receive, reply: ReplySender
    ) -> None:
        path, method = scope["path"], scope["method"]
        if path.startswith(settings.STATIC_URL):
            await self._static.serve(method, path, headers, reply)
            return
        is_admin = is_admin_path(path)
        scope["path"] = path = canonical_path(path, is_admin=is_admin)
        if method == "OPTIONS" and not is_admin:
            await reply.preflight(allowed_methods(path))
            return
        # Log-ins are counted by address, and behind a proxy all would have the proxy's.
        host, port = scope.get("client") or ("", 0)
        address = caller_address(host, headers) if is_admin else host
        hashing = is_admin and hashes_password(method, path)
        async with self._bodies.read(headers, receive, self._body_limit(path, headers, is_admin)) as body:
            # Only now, because a body that arrives slowly must not hold a place in the queue of log-ins.
            with self._passwords.enter(address) if hashing else contextlib.nullcontext():
                lane = self._lanes.passwords if hashing else self._lane_for(body)
                async with ThreadSensitiveContext(executor=lane):
                    if is_admin:
                        scope["client"] = (address, port)
                        await self._admin(scope, Replay(body, receive), reply)
                    else:
                        await self._api.answer(scope, body, receive, reply)

    def _lane_for(self, body: BodyFile) -> Lane:
        return self._lanes.large if body.size > settings.BODY_LIMIT_BYTES else self._lanes.pick()

    def _body_limit(self, path: str, headers: Mapping[str, str], is_admin: bool) -> BodyLimit:
        """Return the limit of a body on this path, with the query that a larger body costs."""
        usual, most = int(settings.BODY_LIMIT_BYTES), int(settings.BODY_LIMIT_BYTES)
        if is_admin:
            most = int(settings.LARGE_FORM_LIMIT_BYTES) if is_large_form(path) else usual
            return BodyLimit(most, lambda: self._in_lane(form_limit_bytes, path, headers))
        if path.endswith(CHAT_PATH):
            most = int(settings.CHAT_BODY_LIMIT_BYTES)
        return BodyLimit(most, lambda: self._in_lane(self._caller_limit, headers, most))

    def _caller_limit(self, headers: Mapping[str, str], most_bytes: int) -> int:
        self._check_sender(headers)
        return most_bytes

    async def _in_lane(self, question: Callable[..., int], *arguments: Any) -> int:
        return await asyncio.wrap_future(self._lanes.pick().submit(question, *arguments))


class ReplySender:
    """Send the answer of one request, with the headers that every answer has."""

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
        """Answer 204 with `Allow`, and with CORS headers if the operator allowed the origin."""
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

    async def fail(self, error: ServiceError, *, receive: Receive | None = None, status: int | None = None) -> None:
        """Send the error as JSON. With `receive`, close the connection after reading on for a moment."""
        answer = BING_CREATE.error(error)
        content = msgspec.json.encode(answer.body)
        sent = {"content-type": "application/json", "content-length": str(len(content)), **answer.headers}
        if receive is not None:
            sent["connection"] = "close"
        headers = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in sent.items()]
        await self({"type": "http.response.start", "status": status or answer.status, "headers": headers})
        await self({"type": "http.response.body", "body": content, "more_body": receive is not None})
        if receive is not None:
            await linger(receive)
            await self({"type": "http.response.body", "body": b""})


class Replay:
    """Receive for AdminHandler: first the body that was already read, then what comes, such as a disconnect."""

    def __init__(self, body: BodyFile, receive: Receive) -> None:
        self._body: BodyFile | None = body
        self._receive = receive

    async def __call__(self) -> dict[str, Any]:
        """Return the next ASGI message."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def is_admin_path(path: str) -> bool:
    """True for paths of the admin, which answer with pages; all others answer with JSON."""
    return path == ADMIN_PATH or path.startswith(f"{ADMIN_PATH}/")


def canonical_path(path: str, *, is_admin: bool) -> str:
    """Return the path as the URL patterns have it, instead of a redirect: only the admin's end with a slash."""
    if is_admin:
        return f"{path}/" if path == ADMIN_PATH else path
    return path[:-1] if len(path) > 1 and path.endswith("/") else path


def allowed_methods(path: str) -> list[str]:
    """Return the methods of a path, for `Allow`.

    Raises:
        NotFoundError: There is no such path.
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

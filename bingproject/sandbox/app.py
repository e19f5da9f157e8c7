"""The ASGI application of the sandbox: route each path to its answer, and send the answer or break the connection."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from bingproject.sandbox.chat.sockets import TRANSPORT
from bingproject.sandbox.core.control import PREFIX, Control
from bingproject.sandbox.core.exchange import Fault, Message, Receive, Request, SandboxReply, Scope, Send
from bingproject.sandbox.core.options import Options, change_options
from bingproject.sandbox.core.provider import SandboxRoute
from bingproject.sandbox.providers import DEFAULTS, PROVIDERS, new_state

LARGEST_CONTROL = 1 << 20  # bytes of a body


class Sandbox:
    """The application; tests may read its `state`, and its `sites` by their providers' names."""

    def __init__(self, options: Options) -> None:
        self.state = new_state(options)
        self.sites = {provider.name: provider.open_site(self.state) for provider in PROVIDERS}
        self.control = Control(self.state, PROVIDERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and stop of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            reply = await self._answer(Request(scope), receive)
            if reply.fault is Fault.NONE:
                await send(reply.start)
                await send(reply.end)
            else:
                await _break(reply, scope, receive, send)
        else:
            await self._serve_socket(scope, receive, send)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        for site in self.sites.values():
            serve = site.find_socket(scope["path"])
            if serve is not None:
                await serve(scope, receive, send)
                return
        self.state.violation("path", f"socket {scope['path']}", path=scope["path"])
        await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, request: Request, receive: Receive) -> SandboxReply:
        route = self._find_route(request)
        if route is None:
            self.state.violation("path", f"{request.method} {request.path}", path=request.path)
            return SandboxReply("sandbox: nothing is here", status=404, content_type="text/plain", page=False)
        body = await _read(receive, route.largest_body) if route.largest_body else b""
        reply = route.answer(request, body)
        return reply if isinstance(reply, SandboxReply) else await reply

    def _find_route(self, request: Request) -> SandboxRoute | None:
        if request.path.startswith(PREFIX):
            return SandboxRoute(self.control.route, LARGEST_CONTROL)
        found = (site.find_route(request) for site in self.sites.values())
        return next((route for route in found if route is not None), None)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                for site in self.sites.values():
                    site.close()
                self.state.journal.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _read(receive: Receive, largest: int) -> bytes:
    """Read a request's body up to the largest that a real one can have."""
    body = b""
    while len(body) <= largest:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


async def _break(reply: SandboxReply, scope: Scope, receive: Receive, send: Send) -> None:
    """Break the connection as the reply's fault says."""
    if reply.fault is Fault.STALL:
        await _until_gone(receive)
        return
    transport = scope.get(TRANSPORT)
    if reply.fault is Fault.CUT_BODY or transport is None:
        await send(reply.start)
        await send({"type": "http.response.body", "body": reply.body[: len(reply.body) // 2], "more_body": True})
    if transport is not None:
        # Written bytes must be sent before the connection is cut, or both kinds of cut would look the same.
        await asyncio.sleep(0.02)
        cast("asyncio.Transport", transport).abort()
        await _until_gone(receive)


async def _until_gone(receive: Receive) -> None:
    message: Message = {}
    while message.get("type") != "http.disconnect":
        message = await receive()


def create_app(**options: Any) -> Sandbox:
    """Create a sandbox with its own state. Keyword arguments are those of `Options`, e.g. `image_seconds="30-60"`."""
    return Sandbox(change_options(DEFAULTS, options))

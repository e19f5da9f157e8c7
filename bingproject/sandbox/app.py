"""The ASGI application of the sandbox: route each path to its answer, and send the answer or break the connection."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from bingproject.sandbox.chat.side_calls import LARGEST_UPLOAD, SideCalls
from bingproject.sandbox.chat.sockets import TRANSPORT
from bingproject.sandbox.chathub.site import CHATS_PATH, CREATE_PATHS, SOCKET_PATH, ChatHub
from bingproject.sandbox.copilot.site import PREFIX as COPILOT_PREFIX
from bingproject.sandbox.copilot.site import SOCKET_PATH as COPILOT_SOCKET_PATH
from bingproject.sandbox.copilot.site import CopilotSite
from bingproject.sandbox.core.control import PREFIX, Control
from bingproject.sandbox.core.exchange import Fault, Message, Receive, Request, SandboxReply, Scope, Send
from bingproject.sandbox.core.options import Options, change_options
from bingproject.sandbox.core.state import SandboxState
from bingproject.sandbox.images.image_creator import ImageCreator, split_results_path
from bingproject.sandbox.images.media import Media
from bingproject.sandbox.images.submit_form import DOORS
from bingproject.sandbox.m365.site import SOCKET_PREFIX, UPLOAD_PATH, M365Hub

MEDIA_PREFIX = "/th/id/"
RESULTS = "/async/results/"
DETAIL = "/detail/async/"
LARGEST_BODY = 1 << 20


class Sandbox:
    """The application; tests may read its `state`."""

    def __init__(self, options: Options) -> None:
        self.state = SandboxState(options)
        self.creator = ImageCreator(self.state)
        self.media = Media(self.state)
        self.chathub = ChatHub(self.state, self.creator.identify)
        self.side_calls = SideCalls(self.state, self.creator.identify)
        self.copilot = CopilotSite(self.state)
        self.m365 = M365Hub(self.state)
        self.control = Control(self.state)

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
        if scope["path"] == SOCKET_PATH:
            await self.chathub.serve(scope, receive, send)
        elif scope["path"] == COPILOT_SOCKET_PATH:
            await self.copilot.serve(scope, receive, send)
        elif scope["path"].startswith(SOCKET_PREFIX):
            await self.m365.serve(scope, receive, send)
        else:
            self.state.violation("path", f"socket {scope['path']}", path=scope["path"])
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, request: Request, receive: Receive) -> SandboxReply:
        path, method = request.path, request.method
        if method in ("GET", "HEAD"):
            poll = split_results_path(path, RESULTS)
            if poll is not None and poll[0] in DOORS:
                return self.creator.poll(request, poll[1])
            if path in DOORS:
                return self.creator.page(request)
            if path in CREATE_PATHS:
                return self.chathub.create(request)
            if path == CHATS_PATH:
                return self.chathub.chats(request)
            if path.startswith(MEDIA_PREFIX):
                return await self.media.file(request, path.removeprefix(MEDIA_PREFIX))
            detail = split_results_path(path, DETAIL)
            if detail is not None and detail[0] in DOORS:
                return self.creator.detail(request, detail[1])
        if (method, path) in self.side_calls.routes:
            return self.side_calls.routes[method, path](request, await _read(receive, LARGEST_UPLOAD))
        if path.startswith(COPILOT_PREFIX):
            return self.copilot.answer(request, await _read(receive, LARGEST_UPLOAD))
        if (method, path) == ("POST", UPLOAD_PATH):
            return self.m365.upload(request, await _read(receive, LARGEST_UPLOAD))
        if path.startswith(PREFIX):
            return self.control.route(request, await _read(receive))
        if method == "POST" and path in DOORS:
            return await self._submit(request, await _read(receive))
        self.state.violation("path", f"{method} {path}", path=path)
        return SandboxReply("sandbox: nothing is here", status=404, content_type="text/plain", page=False)

    async def _submit(self, request: Request, body: bytes) -> SandboxReply:
        """Take half of the latency before the decision and half after it, so that a kill can fall on either side."""
        low, high = self.state.options.submit_seconds
        if high <= 0:
            return self.creator.submit(request, body)
        pause = low + (high - low) * ((self.state.counts.submits * 0.618) % 1)
        await asyncio.sleep(pause / 2)
        reply = self.creator.submit(request, body)
        await asyncio.sleep(pause / 2)
        return reply

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self.media.close()
                self.state.journal.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _read(receive: Receive, largest: int = LARGEST_BODY) -> bytes:
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
    return Sandbox(change_options(Options(), options))

"""The limit of what a relay can cost: a bare ASGI callable that passes a chat on, without Django, rows, keys or care.

It opens a conversation unless the body brings one, and uses the server's own socket library.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from typing import Any

import aiohttp
import msgspec
from websockets.asyncio.client import connect

from chat.protocol import signalr, sydney
from chat.protocol.catalogue import MODELS
from chat.protocol.events import Prompt
from chat.protocol.sydney.invocation import build_invocation

COOKIE = {"Cookie": "_U=rig-account-0000"}
_decode, _encode = msgspec.json.decode, msgspec.json.encode
_http: list[aiohttp.ClientSession] = []


async def open_conversation() -> sydney.Credentials:
    """One create call, over connections that are kept."""
    if not _http:
        _http.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    request = sydney.build_create_request()
    async with _http[0].get(os.environ["BING_URL"] + request.path, headers=request.headers | COOKIE) as answer:
        return sydney.parse_create_response(answer.status, dict(answer.headers), await answer.text())


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one request for a stream; the server's own start and stop are not of interest."""
    if scope["type"] != "http":
        await asyncio.Event().wait()
    body = _decode((await receive())["body"])
    credentials = sydney.Credentials(*body["session"]) if "session" in body else await open_conversation()
    prompt = Prompt("", (), body["messages"][-1]["content"])
    ids = {"request_id": str(uuid.uuid4()), "trace_id": uuid.uuid4().hex}
    asked = build_invocation(credentials, prompt, MODELS[body["model"]], turn=0, image=None, **ids)
    url = sydney.build_socket_url(os.environ["SYDNEY_URL"], credentials)
    headers = sydney.SOCKET_HEADERS | COOKIE
    async with connect(url, additional_headers=headers, compression=None, max_size=2**25, ping_interval=None) as socket:
        await socket.send(signalr.HANDSHAKE)
        await socket.recv()
        await socket.send(signalr.PING)
        await socket.send(signalr.encode(asked))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        async for line in _lines(socket):
            await send({"type": "http.response.body", "body": line, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _lines(socket: Any) -> Any:
    """What is new in each update."""
    said = 0
    while True:
        for raw in (await socket.recv(decode=False)).split(b"\x1e")[:-1]:
            record = _decode(raw)
            if record["type"] == signalr.DONE:
                yield b"data: [DONE]\n\n"
                return
            for message in record["arguments"][0].get("messages", ()) if record["type"] == signalr.INVOCATION else ():
                if len(message["text"]) > said:
                    delta = {"choices": [{"index": 0, "delta": {"content": message["text"][said:]}}]}
                    said = len(message["text"])
                    yield b"data: " + _encode(delta) + b"\n\n"

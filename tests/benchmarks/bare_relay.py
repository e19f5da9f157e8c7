"""The limit of what a relay can cost: a bare ASGI callable that passes a chat on, without Django, rows, keys or care.

It opens a conversation unless the body brings one, and uses the server's own socket library.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import aiohttp
import msgspec
from websockets.asyncio.client import connect

from chat.protocol.events import Prompt
from tests.benchmarks.back_ends import BY_MODEL

_decode, _encode = msgspec.json.decode, msgspec.json.encode
_http: list[aiohttp.ClientSession] = []


def _client() -> aiohttp.ClientSession:
    """Connections that are kept."""
    if not _http:
        _http.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    return _http[0]


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one request for a stream; the server's own start and stop are not of interest."""
    if scope["type"] != "http":
        await asyncio.Event().wait()
    body = _decode((await receive())["body"])
    back_end, sandbox_url = BY_MODEL[body["model"]], os.environ["BING_URL"]
    session = body.get("session") or await back_end.open(_client(), sandbox_url)
    url, headers = back_end.address(sandbox_url, session)
    async with connect(url, additional_headers=headers, compression=None, max_size=2**25, ping_interval=None) as socket:
        await back_end.ask(socket, session, Prompt("", (), body["messages"][-1]["content"]))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        async for piece in back_end.pieces(socket):
            line = b"data: " + _encode({"choices": [{"index": 0, "delta": {"content": piece}}]}) + b"\n\n"
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": True})
    await send({"type": "http.response.body", "body": b""})

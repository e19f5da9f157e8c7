"""Callers of streams over plain sockets, so that the harness itself costs little; and the direct client."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from websockets.asyncio.client import connect

from chat.protocol.events import Finished, Prompt, TextDelta
from tests.benchmarks.back_ends import BackEnd

PATIENCE_SECONDS = 60.0
_FIRST_TEXT = re.compile(rb'"content":"[^"]')
_LINE = re.compile(rb"data: (\{.*\})\n")


@dataclass(slots=True)
class Call:
    """One stream as its caller saw it. Times by `time.time()`, 0 for what never came."""

    prompt: str
    sent_at: float = 0.0
    first_at: float = 0.0
    ended_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    @property
    def is_whole(self) -> bool:
        """Whether it came to a good end."""
        return self.received.startswith(b"HTTP/1.1 200") and b"data: [DONE]" in self.received

    @property
    def first_ms(self) -> float:
        """Time to first text."""
        return (self.first_at - self.sent_at) * 1000

    @property
    def text(self) -> str:
        """The answer."""
        chunks = [json.loads(line) for line in _LINE.findall(self.received)]
        return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk.get("choices"))


class _Caller(asyncio.Protocol):
    """Sends one request and keeps all that comes."""

    def __init__(self, call: Call, request: bytes) -> None:
        self.call = call
        self.is_over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.has_text = asyncio.Event()
        self._request = request

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        call = self.call
        call.received += data
        if not call.first_at and _FIRST_TEXT.search(call.received):
            call.first_at = time.time()
            self.has_text.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.call.ended_at = time.time()
        self.has_text.set()
        if not self.is_over.done():
            self.is_over.set_result(None)


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked: a port of this machine, with or without a key."""

    name: str
    port: int
    key: str = ""

    def request(self, body: dict[str, Any], path: str = "/v1/chat/completions") -> bytes:
        """The bytes of one request over a connection of its own."""
        content = json.dumps(body).encode()
        lines = [
            f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Content-Type: application/json",
            f"Content-Length: {len(content)}", "Connection: close",
            *([f"Authorization: Bearer {self.key}"] if self.key else []),
        ]  # fmt: skip
        return "\r\n".join([*lines, "", ""]).encode() + content


def question(model: str, prompt: str, past: Sequence[dict[str, str]] = (), **more: Any) -> dict[str, Any]:
    """The body that asks for a stream."""
    return {"model": model, "stream": True, "messages": [*past, {"role": "user", "content": prompt}], **more}


async def ask(target: Target, body: dict[str, Any], *, leave_after: float | None = None) -> Call:
    """One stream to its end, or left without a word so long after its first text."""
    call = Call(body["messages"][-1]["content"], time.time())
    loop = asyncio.get_running_loop()
    _, caller = await loop.create_connection(lambda: _Caller(call, target.request(body)), "127.0.0.1", target.port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            if leave_after is not None:
                await caller.has_text.wait()
                await asyncio.sleep(leave_after)
                caller.transport.abort()
            await caller.is_over
    except TimeoutError:
        caller.transport.abort()
    return call


async def ask_directly(back_end: BackEnd, sandbox_url: str, http: aiohttp.ClientSession, prompt: str) -> Call:
    """The same turn held with the sandbox itself: conversation, socket, answer."""
    call = Call(prompt, time.time())
    session = await back_end.open(http, sandbox_url)
    dialect = back_end.new_dialect(session, Prompt("", (), prompt))
    url, headers = back_end.address(sandbox_url, session)
    async with connect(url, additional_headers=headers, compression=None) as socket:
        for frame in dialect.start():
            await socket.send(frame)
        while not dialect.finished:
            for event in dialect.receive(await socket.recv(decode=False)):
                if isinstance(event, TextDelta) and not call.first_at:
                    call.first_at = time.time()
                elif isinstance(event, Finished):
                    call.ended_at = time.time()
            for frame in dialect.to_send():
                await socket.send(frame)
    return call


async def at_intervals(seconds: float, starts: Sequence[Callable[[], Awaitable[Call]]]) -> list[Call]:
    """Start them one after the other; all calls when the last has ended."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    calls = []
    for number, start in enumerate(starts):
        await asyncio.sleep(max(0.0, began + number * seconds - loop.time()))
        calls.append(asyncio.ensure_future(start()))
    return list(await asyncio.gather(*calls))

"""The chat back ends as the references speak to them: which model, what is opened, over which socket, in which way.

A reference asks as the sandbox's accounts in turn, since two of the three take one turn of an account at a time.
"""

from __future__ import annotations

import itertools
import time
import uuid
from abc import abstractmethod
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

import aiohttp
import msgspec

from bingproject.sandbox.core.tokens import LIFE_SECONDS, TENANT, object_id
from bingproject.sandbox.providers import make_token
from chat.protocol import copilot, m365, signalr, sydney
from chat.protocol.catalogue import MODELS
from chat.protocol.copilot.question import REPORT_CONSENTS, SET_OPTIONS, build_send
from chat.protocol.events import Dialect, Prompt
from chat.protocol.m365.invocation import build_question
from chat.protocol.requests import SessionRequest
from chat.protocol.sydney.invocation import build_invocation

Session = list[str]  # what a conversation is spoken to with; in a request's JSON too
_COOKIE = {"Cookie": "_U=rig-account-0000"}
_decode = msgspec.json.decode
_numbers = itertools.count()


class BackEnd(Protocol):
    """One of the three.

    Shape: `kind` is that of its accounts, of which a run has `accounts` with `limit` turns at once each.
    """

    kind: str
    title: str
    model: str
    accounts: int
    limit: int

    @abstractmethod
    async def open(self, http: aiohttp.ClientSession, sandbox_url: str) -> Session:
        """Open a conversation."""

    @abstractmethod
    def address(self, sandbox_url: str, session: Session) -> tuple[str, dict[str, str]]:
        """Where its socket is, and the headers to open it with."""

    @abstractmethod
    def new_dialect(self, session: Session, prompt: Prompt) -> Dialect:
        """The dialect of ours, for the client that speaks to the sandbox itself."""

    @abstractmethod
    async def ask(self, socket: Any, session: Session, prompt: Prompt) -> None:
        """Send what asks for an answer, as the bare relay does."""

    @abstractmethod
    def pieces(self, socket: Any) -> AsyncIterator[str]:
        """What is new of the answer, record by record, to its end; as the bare relay reads it, without care."""


class _Hub(BackEnd):
    """What speaks SignalR."""

    async def pieces(self, socket: Any) -> AsyncIterator[str]:
        said = 0
        while True:
            for raw in (await socket.recv(decode=False)).split(b"\x1e")[:-1]:
                record = _decode(raw)
                if record["type"] == signalr.DONE:
                    return
                piece = self._new(record["arguments"][0], said) if record["type"] == signalr.INVOCATION else ""
                if piece:
                    said += len(piece)
                    yield piece

    @abstractmethod
    def _new(self, update: Any, said: int) -> str:
        """What an update adds to `said` characters."""


class _Sydney(_Hub):
    kind, title, model = "bing", "Bing", "balanced"
    accounts, limit = 100, 4

    async def open(self, http: aiohttp.ClientSession, sandbox_url: str) -> Session:
        status, headers, text = await _call(http, sandbox_url, sydney.build_create_request(), _COOKIE)
        found = sydney.parse_create_response(status, headers, text)
        return [found.conversation_id, found.client_id, found.signature, found.token]

    def address(self, sandbox_url: str, session: Session) -> tuple[str, dict[str, str]]:
        base_url = sandbox_url.replace("http", "ws", 1) + "/sydney/ChatHub"
        return sydney.build_socket_url(base_url, sydney.SydneyCredentials(*session)), sydney.SOCKET_HEADERS | _COOKIE

    def new_dialect(self, session: Session, prompt: Prompt) -> Dialect:
        return sydney.SydneyTurn(sydney.SydneyCredentials(*session), prompt, MODELS[self.model], turn=0, **_ids())

    async def ask(self, socket: Any, session: Session, prompt: Prompt) -> None:
        asked = build_invocation(
            sydney.SydneyCredentials(*session), prompt, MODELS[self.model], turn=0, image=None, **_ids()
        )
        await _shake_hands(socket)
        await socket.send(signalr.PING)
        await socket.send(signalr.encode(asked))

    def _new(self, update: Any, said: int) -> str:
        messages = update.get("messages")
        return str(messages[0]["text"][said:]) if messages else ""


class _M365(_Hub):
    kind, title, model = "m365", "Microsoft 365", "m365"
    accounts, limit = 400, 1

    async def open(self, http: aiohttp.ClientSession, sandbox_url: str) -> Session:
        return [str(uuid.uuid4()), str(uuid.uuid4()), uuid.uuid4().hex, _next_account(self.accounts)]

    def address(self, sandbox_url: str, session: Session) -> tuple[str, dict[str, str]]:
        *thread, account = session
        credentials = m365.M365Credentials(_token(self.kind, account), object_id(account), TENANT, "individual")
        base_url = sandbox_url.replace("http", "ws", 1) + "/m365Copilot/Chathub"
        return m365.build_socket_url(base_url, credentials, m365.Thread(*thread)), m365.SOCKET_HEADERS

    def new_dialect(self, session: Session, prompt: Prompt) -> Dialect:
        return m365.M365Turn(m365.Thread(*session[:3]), prompt, "Magic", turn=0, asked_at=datetime.now(UTC), **_ids())

    async def ask(self, socket: Any, session: Session, prompt: Prompt) -> None:
        thread = m365.Thread(*session[:3])
        asked = build_question(thread, prompt, "Magic", turn=0, has_search=True, images=(), **_ids())
        await _shake_hands(socket)
        await socket.send(asked)

    def _new(self, update: Any, said: int) -> str:
        messages = update.get("messages")
        if not messages:
            return str(update.get("writeAtCursor", ""))
        return "" if "messageType" in messages[0] else str(messages[0]["text"][said:])


class _Copilot(BackEnd):
    kind, title, model = "copilot", "Copilot", "copilot"
    accounts, limit = 400, 1

    async def open(self, http: aiohttp.ClientSession, sandbox_url: str) -> Session:
        account = _next_account(self.accounts)
        request = copilot.build_conversation_request(copilot.Identity(_token(self.kind, account)))
        return [copilot.parse_conversation_response(*await _call(http, sandbox_url, request, {})), account]

    def address(self, sandbox_url: str, session: Session) -> tuple[str, dict[str, str]]:
        identity = copilot.Identity(_token(self.kind, session[1]))
        return copilot.build_socket_url(sandbox_url, identity, str(uuid.uuid4())), copilot.build_socket_headers({})

    def new_dialect(self, session: Session, prompt: Prompt) -> Dialect:
        return copilot.CopilotTurn(session[0], prompt, "chat", turn=0, image_urls=(), wants_suggestions=False)

    async def ask(self, socket: Any, session: Session, prompt: Prompt) -> None:
        await socket.recv()
        await socket.send(SET_OPTIONS)
        await socket.send(REPORT_CONSENTS)
        await socket.send(build_send(session[0], prompt, "chat", turn=0, image_urls=()))

    async def pieces(self, socket: Any) -> AsyncIterator[str]:
        while True:
            event = _decode(await socket.recv(decode=False))
            if event["event"] == "appendText":
                yield event["text"]
            elif event["event"] == "done":
                return


BACK_ENDS: dict[str, BackEnd] = {one.kind: one for one in (_Sydney(), _Copilot(), _M365())}
BY_MODEL = {one.model: one for one in BACK_ENDS.values()}


def _ids() -> dict[str, Any]:
    return {"request_id": str(uuid.uuid4()), "trace_id": uuid.uuid4().hex}


def _next_account(count: int) -> str:
    return f"rig-{next(_numbers) % count:04}"


@cache
def _token(service: str, account: str) -> str:
    return make_token(service, account, time.time() + LIFE_SECONDS)


async def _call(
    http: aiohttp.ClientSession, base_url: str, request: SessionRequest, cookies: dict[str, str]
) -> tuple[int, dict[str, str], str]:
    headers = request.headers | cookies
    asked = http.request(request.method, base_url + request.path, headers=headers, data=request.body)
    async with asked as answer:
        return answer.status, dict(answer.headers), await answer.text()


async def _shake_hands(socket: Any) -> None:
    await socket.send(signalr.HANDSHAKE)
    await socket.recv()

"""A client of Bing Chat for these tests, as plain as one can be: it opens conversations and asks one thing a socket."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from bingproject.sandbox.server import SandboxServer

SEPARATOR = "\x1e"
HANDSHAKE = '{"protocol":"json","version":1}' + SEPARATOR
ORIGIN: Any = "https://www.bing.com"


def read_objects(texts: Iterable[str]) -> list[dict[str, Any]]:
    """Those of some texts that are JSON objects."""
    found = []
    for text in texts:
        try:
            value = json.loads(text)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


@dataclass
class Heard:
    """What came over one socket: text messages, the good records in them, and how it ended (None: still open)."""

    frames: list[str] = field(default_factory=list)
    code: int | None = None

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records that are JSON objects, pings and the handshake's answer left out."""
        records = read_objects("".join(self.frames).split(SEPARATOR))
        return [record for record in records if record.get("type") not in (None, 6)]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of all updates."""
        updates = [one for one in self.records if one["type"] == 1 and one["target"] == "update"]
        return [
            message for one in updates for argument in one["arguments"] for message in argument.get("messages") or ()
        ]

    @property
    def texts(self) -> list[str]:
        """The answer as each update showed it."""
        return [one["text"] for one in self.messages if "messageType" not in one and one["author"] == "bot"]

    @property
    def item(self) -> dict[str, Any]:
        """The item of the type 2; {} without one."""
        items: list[dict[str, Any]] = [one["item"] for one in self.records if one["type"] == 2]
        return items[0] if items else {}

    @property
    def value(self) -> str:
        """The value of the result."""
        return str(self.item.get("result", {}).get("value", ""))

    @property
    def answer(self) -> str:
        """The answer as the type 2 has it: the last of the bot's messages without a messageType."""
        texts = [
            one["text"]
            for one in self.item.get("messages", [])
            if one["author"] == "bot" and "messageType" not in one and one["contentOrigin"] == "DeepLeo"
        ]
        return texts[-1] if texts else ""

    @property
    def types(self) -> list[int]:
        """The types of all records."""
        return [record["type"] for record in self.records]


class Chatter:
    """An account's client with one conversation; `ask` opens a socket for each turn."""

    def __init__(self, server: SandboxServer, cookie: str = "alice") -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.url, cookies={"_U": cookie}, timeout=5, verify=False)
        self.conversation_id = self.client_id = self.token = self.signature = ""
        self.turns = 0

    def create(self, path: str = "/turing/conversation/create", **query: str) -> httpx.Response:
        """Open a conversation, and remember it when there is one."""
        reply = self.http.get(path, params=query)
        is_json = reply.headers["content-type"].startswith("application/json")
        opened = reply.json() if is_json and reply.text.startswith("{") else {}
        self.conversation_id, self.client_id = opened.get("conversationId", ""), opened.get("clientId", "")
        self.token = reply.headers.get("X-Sydney-Encryptedconversationsignature", "")
        self.signature = opened.get("conversationSignature", reply.headers.get("X-Sydney-Conversationsignature", ""))
        self.turns = 0
        return reply

    def connect(self, *, token: str | None = None, origin: Any = ORIGIN, cookie: str = "") -> ClientConnection:
        """Open a socket; `token` replaces the encoded one."""
        query = f"?sec_access_token={quote(self.token, safe='') if token is None else token}"
        return connect(
            self.server.url.replace("http", "ws", 1) + "/sydney/ChatHub" + (query if query[18:] else ""),
            origin=origin, compression=None, max_size=None, ping_interval=None, proxy=None, open_timeout=2,
            additional_headers={"Cookie": cookie} if cookie else None,
        )  # fmt: skip

    def invocation(self, text: str, **changes: Any) -> dict[str, Any]:
        """Build this conversation's next type-4 record; `changes` replace fields of its argument."""
        return invocation(text, self.conversation_id, self.client_id, self.turns, **changes)

    def ask(self, text: str, *, seconds: float = 2, **changes: Any) -> Heard:
        """Ask over a socket of its own and listen until type 3, the end, or so many seconds of silence."""
        with self.connect() as socket:
            return self.ask_over(socket, text, seconds=seconds, **changes)

    def ask_over(self, socket: ClientConnection, text: str, *, seconds: float = 2, **changes: Any) -> Heard:
        """Ask over a socket that stays open."""
        socket.send(HANDSHAKE)
        heard = Heard([str(socket.recv())])
        socket.send(json.dumps(self.invocation(text, **changes)) + SEPARATOR)
        self.turns += 1
        return listen(socket, heard, seconds)

    def close(self) -> None:
        """Let go of the HTTP client."""
        self.http.close()


def invocation(text: str, conversation_id: str, client_id: str, turn: int = 0, **changes: Any) -> dict[str, Any]:
    """Build a type-4 record; `changes` replace fields of its argument."""
    request_id = str(uuid.uuid4())
    message = {"author": "user", "inputMethod": "Keyboard", "messageType": "Chat", "text": text}
    argument = {
        "source": "cib", "scenario": "SERP", "tone": "Precise", "optionsSets": ["h3precise"], "plugins": [],
        "allowedMessageTypes": ["Chat"], "isStartOfSession": turn == 0, "traceId": "0" * 32,
        "requestId": request_id, "conversationId": conversation_id, "participant": {"id": client_id},
        "previousMessages": None, "message": message | {"requestId": request_id, "messageId": request_id},
    }  # fmt: skip
    return {"type": 4, "target": "chat", "invocationId": str(turn), "arguments": [argument | changes]}


def listen(socket: ClientConnection, heard: Heard, seconds: float) -> Heard:
    """Gather what comes until a type 3, the end, or so many seconds of silence."""
    try:
        while not any(record["type"] == 3 for record in Heard(heard.frames[-2:]).records):
            heard.frames.append(str(socket.recv(timeout=seconds)))
    except TimeoutError:
        heard.code = None
    except ConnectionClosed as closed:
        heard.code = closed.rcvd.code if closed.rcvd else 1006
    return heard


def system(text: str, **changes: str) -> list[dict[str, str]]:
    """The previousMessages that carry a system prompt."""
    entry = {"author": "user", "description": text, "contextType": "WebPage", "messageType": "Context"}
    return [entry | {"messageId": "discover-web--page-ping-mriduna-----"} | changes]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something has happened in the sandbox's thread."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def blamed(server: SandboxServer) -> list[str]:
    """The kinds of all violations so far."""
    return [one["kind"] for one in server.state.violations]

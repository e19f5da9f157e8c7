"""Clients of the consumer Copilot and of Microsoft 365 for these tests, as plain as they can be."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from bingproject.sandbox.core.tokens import TENANT, object_id
from bingproject.sandbox.providers import make_token
from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.chat.chatters import HANDSHAKE, SEPARATOR, Heard, listen, read_objects

COPILOT_ORIGIN: Any = "https://copilot.microsoft.com"
M365_ORIGIN: Any = "https://m365.cloud.microsoft"
PRELUDE: tuple[dict[str, Any], ...] = (
    {"event": "setOptions", "supportedFeatures": [], "supportedCards": [], "ads": None},
    {"event": "reportLocalConsents", "grantedConsents": []},
)
METRICS = {"type": 1, "target": "Metrics", "arguments": [{"Timestamps": {"ConnectionStart": ""}}]}


@dataclass
class Events:
    """What came over one of the consumer's sockets, and how it ended (None: still open)."""

    frames: list[str] = field(default_factory=list)
    code: int | None = None

    @property
    def events(self) -> list[dict[str, Any]]:
        """The frames that are events."""
        return [one for one in read_objects(self.frames) if isinstance(one.get("event"), str)]

    @property
    def kinds(self) -> list[str]:
        """Their names, each run of equals once."""
        names = [one["event"] for one in self.events]
        return [name for index, name in enumerate(names) if not index or names[index - 1] != name]

    @property
    def text(self) -> str:
        """The answer as it is appended."""
        return "".join(one["text"] for one in self.events if one["event"] == "appendText")

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one name."""
        return [one for one in self.events if one["event"] == kind]


class CopilotClient:
    """An account of the consumer's with one conversation; `ask` opens a socket for each turn."""

    def __init__(self, server: SandboxServer, account: str = "alice", **token: Any) -> None:
        self.server = server
        self.token = make_token("copilot", account, server.state.now() + 3600, **token)
        headers = {"authorization": f"Bearer {self.token}"}
        self.http = httpx.Client(base_url=server.url, headers=headers, timeout=5, verify=False)
        self.conversation_id = ""

    def open(self) -> httpx.Response:
        """Open a conversation, and remember it when there is one."""
        reply = self.http.post("/c/api/conversations")
        self.conversation_id = reply.json()["id"] if reply.status_code == 200 and reply.text else ""
        return reply

    def connect(self, *, token: str | None = None, origin: Any = COPILOT_ORIGIN, **query: str) -> ClientConnection:
        """Open a socket."""
        fields = {"api-version": "2", "clientSessionId": str(uuid.uuid4()), "accessToken": token or self.token} | query
        address = self.server.url.replace("http", "ws", 1) + "/c/api/chat?" + str(httpx.QueryParams(fields))
        return connect(
            address, origin=origin, compression=None, max_size=None, ping_interval=None, proxy=None, close_timeout=1
        )

    def question(self, text: str, **changes: Any) -> dict[str, Any]:
        """Build a `send`; `changes` replace fields of it."""
        content = [{"type": "text", "text": text}]
        asked = {"event": "send", "conversationId": self.conversation_id, "content": content, "mode": "smart"}
        return asked | {"context": {}} | changes

    def ask(self, text: str, *, seconds: float = 1, **changes: Any) -> Events:
        """Ask over a socket of its own and listen until suggestions, the end, or so many seconds of silence."""
        with self.connect() as socket:
            for one in (*PRELUDE, self.question(text, **changes)):
                socket.send(json.dumps(one))
            return hear(socket, seconds)


def hear(socket: ClientConnection, seconds: float = 1) -> Events:
    """Gather events until suggestions, an error, the end, or so many seconds of silence."""
    heard = Events()
    try:
        while not heard.frames or not {"suggestedFollowups", "error"} & set(Events(heard.frames[-1:]).kinds):
            heard.frames.append(str(socket.recv(timeout=seconds)))
    except TimeoutError:
        heard.code = None
    except ConnectionClosed as closed:
        heard.code = closed.rcvd.code if closed.rcvd else 1006
    return heard


class M365Client:
    """An account of Microsoft 365's with one conversation of an id of its own."""

    def __init__(self, server: SandboxServer, account: str = "alice", **token: Any) -> None:
        self.server = server
        self.token = make_token("m365", account, server.state.now() + 3600, **token)
        self.http = httpx.Client(base_url=server.url, timeout=5, verify=False)
        self.place = f"{object_id(account)}@{TENANT}"
        self.conversation_id, self.session_id = str(uuid.uuid4()), str(uuid.uuid4())
        self.turns = 0

    def connect(self, **query: str) -> ClientConnection:
        """Open a socket; `query` replaces fields of its address."""
        session = uuid.uuid4().hex
        fields = {
            "chatsessionid": session, "XRoutingParameterSessionKey": session, "clientrequestid": session,
            "X-SessionId": self.session_id, "ConversationId": self.conversation_id, "access_token": self.token,
            "source": '"officeweb"', "product": "Office", "agentHost": "Bizchat.FullScreen",
            "licenseType": "Starter", "isEdu": "false", "agent": "web", "scenario": "OfficeWebPaidConsumerCopilot",
        } | query  # fmt: skip
        path = f"/m365Copilot/Chathub/{self.place}?{httpx.QueryParams(fields)}"
        address = self.server.url.replace("http", "ws", 1) + path
        return connect(
            address,
            origin=M365_ORIGIN,
            compression=None,
            max_size=None,
            ping_interval=None,
            proxy=None,
            close_timeout=1,
        )

    def question(self, text: str, **changes: Any) -> dict[str, Any]:
        """Build a type-4 record; `changes` replace fields of its argument."""
        message = {"author": "user", "text": text, "messageType": "Chat", "requestId": str(uuid.uuid4())}
        argument = {
            "source": "officeweb", "conversationId": self.conversation_id, "sessionId": self.session_id,
            "productThreadType": "Office", "isStartOfSession": self.turns == 0, "tone": "Magic",
            "plugins": [{"Id": "BingWebSearch", "Source": "BuiltIn"}], "message": message,
        } | changes  # fmt: skip
        return {"type": 4, "target": "chat", "invocationId": "0", "arguments": [argument]}

    def ask(self, text: str, *, with_metrics: bool = True, seconds: float = 1, **changes: Any) -> Heard:
        """Ask over a socket of its own and listen until type 3, the end, or so many seconds of silence."""
        with self.connect() as socket:
            socket.send(HANDSHAKE)
            heard = Heard([str(socket.recv())])
            records = [self.question(text, **changes), *([METRICS] if with_metrics else [])]
            socket.send("".join(json.dumps(record) + SEPARATOR for record in records))
            self.turns += 1
            return listen(socket, heard, seconds)

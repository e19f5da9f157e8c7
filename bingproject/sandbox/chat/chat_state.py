"""The sandbox's state of a chat: conversations, turns, sockets, uploads, and their counts."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

TURNS_KEPT = 20_000
SIGNED_IN, ANONYMOUS = "BingProd", "BingProdUnAuthenticatedUsers"
# Real tokens contain these characters, so a token that is not decoded exactly once never compares equal.
_TOKEN_HEAD, _TOKEN_TAIL = "S+/", "="


@dataclass
class SandboxConversation:
    """One upstream conversation; `invocations` counts what was asked, `turns` what was answered."""

    id: str
    client_id: str
    owner: str
    created_at: float
    renewals: int = 0
    invocations: int = 0
    turns: int = 0
    is_closed: bool = False
    is_busy: bool = False
    name: str = ""
    tone: str = ""
    told: str | None = None
    said: list[tuple[str, str]] = field(default_factory=list)

    @property
    def signature(self) -> str:
        """The signature of era 1, and in era 2 the Bearer token of uploads."""
        return _digest(f"signature|{self.id}|{self.renewals}")

    @property
    def token(self) -> str:
        """The value of `sec_access_token`."""
        return make_token(self.id, self.renewals)

    def take(self, text: str) -> None:
        """Record a question that will be answered."""
        self.turns += 1
        self.said.append(("user", text))
        self.name = self.name or text[:40]


@dataclass
class SandboxTurn:
    """One type-4 record and its outcome. Times are Unix seconds."""

    conversation: str
    account: str
    number: int
    invocation_id: str
    text: str
    system: str | None
    tone: str
    options: list[str]
    plugins: int
    image: str | None
    started_at: float
    outcome: str = "answered"
    answer: str = ""
    first_at: float | None = None
    ended_at: float | None = None
    closed_at: float | None = None
    left: bool = False
    pings: int = 0
    request_id: str = ""

    @property
    def characters(self) -> int:
        """The characters sent for this turn, with system prompt and history."""
        return len(self.text) + len(self.system or "")

    def record(self) -> dict[str, Any]:
        """Return the turn for the control endpoint."""
        return asdict(self) | {"characters": self.characters}


@dataclass
class Upload:
    """One picture sent by `kblob`."""

    id: str
    account: str
    content: bytes
    media_type: str
    conversation: str


@dataclass
class Sockets:
    """The number of sockets, in total and open."""

    opened: int = 0
    open: int = 0
    max_open: int = 0
    refused: int = 0
    left: int = 0


class ChatState:
    """The chat's part of a sandbox's state."""

    def __init__(self) -> None:
        self.conversations: dict[str, SandboxConversation] = {}
        self.turns: deque[SandboxTurn] = deque(maxlen=TURNS_KEPT)
        self.uploads: dict[str, Upload] = {}
        self.sockets = Sockets()
        self.creates: Counter[str] = Counter()
        self.create_outcomes: Counter[str] = Counter()
        self.cookies: dict[str, str] = {}
        self.outcomes: Counter[str] = Counter()
        self.uploads_asked = 0
        self.invocations = 0
        self.characters = 0
        self.in_flight: Counter[str] = Counter()
        self.max_in_flight: Counter[str] = Counter()

    def create(
        self, owner: str, now: float, *, kind: str = SIGNED_IN, conversation_id: str = ""
    ) -> SandboxConversation:
        """Create a conversation of an account; its id has Bing's format unless it is given."""
        digits = str(int(hashlib.md5(owner.encode(), usedforsecurity=False).hexdigest(), 16))
        conversation_id = conversation_id or f"51D|{kind}|{(uuid.uuid4().hex + uuid.uuid4().hex).upper()}"
        conversation = SandboxConversation(conversation_id, "914" + digits[:12], owner, now)
        self.conversations[conversation_id] = conversation
        return conversation

    def keep(self, account: str, content: bytes, media_type: str, conversation: str = "") -> str:
        """Store an uploaded picture and return its id."""
        name = hashlib.sha256(content).hexdigest()[:24]
        self.uploads[name] = Upload(name, account, content, media_type, conversation)
        return name

    def begin(self, turn: SandboxTurn, conversation: SandboxConversation | None) -> None:
        """Record the start of a turn."""
        self.turns.append(turn)
        self.invocations += 1
        self.characters += turn.characters
        self.in_flight[turn.account] += 1
        self.max_in_flight[turn.account] = max(self.max_in_flight[turn.account], self.in_flight[turn.account])
        if conversation is not None:
            conversation.invocations += 1
            conversation.is_busy = True

    def free(self, turn: SandboxTurn) -> None:
        """Allow the account's and the conversation's next turn: this one is answered.

        Its socket may still be open: a client may start the next turn before this side has seen it leave.
        """
        self.in_flight[turn.account] -= 1
        if turn.conversation in self.conversations:
            self.conversations[turn.conversation].is_busy = False

    def end(self, turn: SandboxTurn, conversation: SandboxConversation | None) -> None:
        """Record the end of a turn."""
        self.outcomes[turn.outcome] += 1
        # Freed when it was answered; by now the next turn may be under way.
        if turn.ended_at is None:
            self.in_flight[turn.account] -= 1
            if conversation is not None:
                conversation.is_busy = False

    def describe(self) -> dict[str, Any]:
        """Return all counts as plain values.

        Shape: `creates`, `creates_by_account`, `create_outcomes`, `cookies` (what each account last brought of
        the one that changes), `conversations`, `turns`, `outcomes`, `characters`, `uploads`, `sockets`, `in_flight`,
        `max_in_flight`.
        """
        return {
            "creates": self.creates.total(),
            "creates_by_account": dict(self.creates),
            "create_outcomes": dict(self.create_outcomes),
            "cookies": self.cookies,
            "conversations": [
                {"id": one.id, "owner": one.owner, "created_at": one.created_at, "turns": one.turns,
                 "invocations": one.invocations, "is_closed": one.is_closed}
                for one in self.conversations.values()
            ],
            "turns": self.invocations,
            "outcomes": dict(self.outcomes),
            "characters": self.characters,
            "uploads": self.uploads_asked,
            "sockets": asdict(self.sockets),
            "in_flight": {name: count for name, count in self.in_flight.items() if count},
            "max_in_flight": dict(self.max_in_flight),
        }  # fmt: skip


def make_token(conversation_id: str, renewals: int) -> str:
    """Return a conversation's token, which can be recognised even after the state was forgotten."""
    signature = _digest(f"token|{conversation_id}|{renewals}")[:12]
    body = base64.b64encode(f"{conversation_id}|{renewals}|{signature}".encode()).decode().rstrip("=")
    return _TOKEN_HEAD + body + _TOKEN_TAIL


def read_token(token: str) -> str | None:
    """Return the conversation id of a token; None if it is damaged or not one of this sandbox."""
    body = token.removeprefix(_TOKEN_HEAD).removesuffix(_TOKEN_TAIL)
    try:
        conversation_id, renewals, _signature = base64.b64decode(body + "=" * (-len(body) % 4)).decode().rsplit("|", 2)
        return conversation_id if make_token(conversation_id, int(renewals)) == token else None
    except ValueError:
        return None


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

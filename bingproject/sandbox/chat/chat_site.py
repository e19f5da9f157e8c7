"""What the three chats' servers do in the same way: whom a token lets in, uploads, words in a prompt, a turn's end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any
from uuid import UUID

from bingproject.sandbox import answers
from bingproject.sandbox.catalogue import Stage
from bingproject.sandbox.chathub_scenarios import SYNONYMS
from bingproject.sandbox.chathub_state import ChatState, Turn
from bingproject.sandbox.exchange import Reply
from bingproject.sandbox.sockets import LiveSocket
from bingproject.sandbox.state import Account, State
from bingproject.sandbox.tokens import read_token
from bingproject.sandbox.turn_words import ANSWERED, choose

AT_SOCKET, AT_UPLOAD = frozenset({Stage.SOCKET}), frozenset({Stage.UPLOAD})


class ChatSite(ABC):
    """An emulated chat: `name` begins the kinds of its violations, `path` is its socket's, `known` its scenarios."""

    name = ""
    path = ""
    known: frozenset[str] = frozenset()

    def __init__(self, state: State) -> None:
        self.state = state

    @property
    @abstractmethod
    def chat(self) -> ChatState:
        """Its conversations and turns."""

    def now(self) -> float:
        """The sandbox's clock."""
        return self.state.now()

    def violation(self, socket: LiveSocket, kind: str, detail: str) -> None:
        """Write down what a client should not do on a socket."""
        account = self.state.account(socket.account) if socket.account else None
        self.state.violation(f"{self.name}-{kind}", detail, path=self.path, account=account)

    def holder(self, token: str, service: str) -> Account | None:
        """The account whose token this is; None for a dead one, and for a token that does not open the service now."""
        read = read_token(token)
        if read is None or not read.fits(service, self.now()):
            return None
        account = self.state.account(read.account)
        return account if account.is_alive else None

    def meet_upload(self, account: Account, refusal: dict[str, Any]) -> Reply | None:
        """Count a picture that comes, and answer it as a rule says; None: it is looked at."""
        self.chat.uploads_asked += 1
        chosen = self.state.scenarios.choose(AT_UPLOAD, account.name)
        if chosen is None:
            return None
        if chosen.scenario.name in ("kblob-refused", "kblob-no-id"):
            return Reply.json(refusal)
        return answers.answer(chosen.scenario, account)

    def meet_upgrade(self, account: str) -> Reply | str:
        """Refuse a socket as a rule says, or say which scenario its handshake has ("": none)."""
        chosen = self.state.scenarios.choose(AT_SOCKET, account)
        if chosen is None or chosen.scenario.name.startswith("handshake-"):
            return chosen.scenario.name if chosen else ""
        return answers.refused_upgrade(chosen.scenario)

    def choose(
        self, socket: LiveSocket, turn: Turn, kind: str, faults: list[str]
    ) -> tuple[dict[str, float | None], str]:
        """How the answer comes, and what becomes of the turn; a wrong word is a fault, and each is a violation."""
        try:
            chosen = choose(self.state.scenarios, turn.text, turn.account, SYNONYMS, self.known)
        except ValueError as error:
            faults.append(str(error))
            chosen = {}, ANSWERED
        for fault in faults:
            self.violation(socket, kind, fault)
        return chosen

    def end_turn(self, socket: LiveSocket, turn: Turn) -> None:
        """Take note that a turn is over; what was answered belongs to the conversation."""
        conversation = self.chat.conversations.get(turn.conversation)
        if conversation is not None and turn.outcome == ANSWERED and not turn.left:
            conversation.said.append(("bot", turn.answer))
        self.chat.end(turn, conversation)


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID as clients write them."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False

"""The behaviour that the chats share: check tokens, take uploads, read words in a prompt, end turns."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from bingproject.sandbox.chat.chat_state import ChatState, SandboxTurn
from bingproject.sandbox.chat.sockets import LiveSocket
from bingproject.sandbox.chat.turn_words import ANSWERED, choose
from bingproject.sandbox.core import answers
from bingproject.sandbox.core.exchange import SandboxReply
from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.core.state import SandboxAccount, SandboxState
from bingproject.sandbox.core.tokens import SandboxTokenRules, read_token

AT_SOCKET, AT_UPLOAD = frozenset({Stage.SOCKET}), frozenset({Stage.UPLOAD})


class ChatSite:
    """An emulated chat: `name` is its key in `SandboxState.chats` and begins the kinds of its violations, `path` is its
    socket's, `known` are the scenarios that a turn may have."""

    name = ""
    path = ""
    known: frozenset[str] = frozenset()

    def __init__(self, state: SandboxState) -> None:
        self.state = state

    @property
    def chat(self) -> ChatState:
        """The chat's conversations and turns."""
        return self.state.chats[self.name]

    def close(self) -> None:
        """Do nothing: a chat holds no files and no threads."""

    def now(self) -> float:
        """The sandbox's clock."""
        return self.state.now()

    def violation(self, socket: LiveSocket, kind: str, detail: str) -> None:
        """Record what a client should not do on a socket."""
        account = self.state.account(socket.account) if socket.account else None
        self.state.violation(f"{self.name}-{kind}", detail, path=self.path, account=account)

    def account_of_token(self, token: str, rules: SandboxTokenRules) -> SandboxAccount | None:
        """Return the account of a token; None for a dead account, and if the token is not valid for the service now."""
        read = read_token(token)
        if read is None or not read.fits(rules, self.now()):
            return None
        account = self.state.account(read.account)
        return account if account.is_alive else None

    def meet_upload(self, account: SandboxAccount, refusal: dict[str, Any]) -> SandboxReply | None:
        """Count an upload and return the answer of a rule; None if the upload is to be processed."""
        self.chat.uploads_asked += 1
        chosen = self.state.scenarios.choose(AT_UPLOAD, account.name)
        if chosen is None:
            return None
        if chosen.scenario.name in ("kblob-refused", "kblob-no-id"):
            return SandboxReply.json(refusal)
        return answers.answer(chosen.scenario, account)

    def meet_upgrade(self, account: str) -> SandboxReply | str:
        """Refuse a socket by a rule, or return the scenario of its handshake, "" for none."""
        chosen = self.state.scenarios.choose(AT_SOCKET, account)
        if chosen is None or chosen.scenario.name.startswith("handshake-"):
            return chosen.scenario.name if chosen else ""
        return answers.refused_upgrade(chosen.scenario)

    def choose(
        self, socket: LiveSocket, turn: SandboxTurn, kind: str, faults: list[str]
    ) -> tuple[dict[str, float | None], str]:
        """Return how the answer is sent and how the turn ends; each fault is recorded as a violation."""
        try:
            chosen = choose(self.state.scenarios, turn.text, turn.account, self.known)
        except ValueError as error:
            faults.append(str(error))
            chosen = {}, ANSWERED
        for fault in faults:
            self.violation(socket, kind, fault)
        return chosen

    def end_turn(self, socket: LiveSocket, turn: SandboxTurn) -> None:
        """Record the end of a turn and add its answer to the conversation."""
        conversation = self.chat.conversations.get(turn.conversation)
        if conversation is not None and turn.outcome == ANSWERED and not turn.left:
            conversation.said.append(("bot", turn.answer))
        self.chat.end(turn, conversation)


def is_uuid(text: str) -> bool:
    """Return whether a text is a UUID as clients write them."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False

"""Bing Chat as it was in 2023 and 2024: opens conversations, accepts or refuses sockets, decides how a turn ends."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from bingproject.sandbox.chat import sample_text
from bingproject.sandbox.chat.chat_site import ChatSite
from bingproject.sandbox.chat.chat_state import (
    ANONYMOUS,
    SIGNED_IN,
    SandboxConversation,
    SandboxTurn,
    read_token,
)
from bingproject.sandbox.chat.pictures import LARGEST_UPLOAD
from bingproject.sandbox.chat.signalr_records import Records
from bingproject.sandbox.chat.sockets import SandboxSocket, refuse
from bingproject.sandbox.chat.steps import Step
from bingproject.sandbox.chat.turn_words import ANSWERED
from bingproject.sandbox.chathub.invocation import Invocation, check_place, parse_invocation
from bingproject.sandbox.chathub.scenarios import ANSWER, TURN
from bingproject.sandbox.chathub.side_calls import SideCalls
from bingproject.sandbox.chathub.socket import ChatSocket
from bingproject.sandbox.chathub.turns import DISENGAGING, UNCOUNTED, Script
from bingproject.sandbox.core import answers
from bingproject.sandbox.core.exchange import JSON, Header, Receive, Request, SandboxReply, Scope, Send
from bingproject.sandbox.core.provider import SandboxRoute, ServeSocket
from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.core.state import SandboxAccount, SandboxState

CREATE_PATHS = frozenset({"/turing/conversation/create", "/edgesvc/turing/conversation/create"})
CHATS_PATH = "/turing/conversation/chats"
SOCKET_PATH = "/sydney/ChatHub"
AT_CREATE = frozenset({Stage.CREATE})
KNOWN = frozenset({*TURN, *ANSWER})
SIGN_IN_FIRST = "Sorry, you need to login first to access this service."
REFUSED_CREATES = {
    "create-unauthorized": ("UnauthorizedRequest", SIGN_IN_FIRST),
    "create-stale": ("UnauthorizedRequest", "Cannot retrieve user status."),
    "create-forbidden": ("Forbidden", "Sorry, this account may not use this service."),
    "create-unknown-result": ("SandWasBlown", "Nobody has seen this value before."),
}
# With these scenarios a conversation is opened, in full or in part.
ODD_SUCCESSES = ("create-no-signature", "create-anonymous", "create-garbage", "create-new-cookie")
CHANGING_COOKIE = b"SANDBOX_CHANGING"


class ChatHub(ChatSite):
    """The emulated chat; one object per sandbox."""

    name, path, known = "chat", SOCKET_PATH, KNOWN

    def __init__(self, state: SandboxState) -> None:
        super().__init__(state)
        self.side_calls = SideCalls(state)

    def find_route(self, request: Request) -> SandboxRoute | None:
        """Return what answers a request that is no socket."""
        if request.method in ("GET", "HEAD"):
            if request.path in CREATE_PATHS:
                return SandboxRoute(self.create)
            if request.path == CHATS_PATH:
                return SandboxRoute(self.chats)
        answer = self.side_calls.routes.get((request.method, request.path))
        return None if answer is None else SandboxRoute(answer, LARGEST_UPLOAD)

    def find_socket(self, path: str) -> ServeSocket | None:
        """Return what serves its socket."""
        return self.serve if path == SOCKET_PATH else None

    # -- conversations -------------------------------------------------------------------------------------------

    def create(self, request: Request, _body: bytes = b"") -> SandboxReply:
        """Open a conversation, or refuse it as a rule or the account's state says."""
        account = self.state.identify(request)
        name = account.name if account else ""
        chosen = self.state.scenarios.choose(AT_CREATE, name)
        shown = chosen.scenario.name if chosen else "created"
        if chosen is None and (account is None or not account.is_alive):
            shown = "create-unauthorized"
        chat = self.chat
        chat.creates[name] += 1
        chat.create_outcomes[shown] += 1
        chat.cookies[name] = b"; ".join(request.cookies(CHANGING_COOKIE)).decode()
        if shown in REFUSED_CREATES:
            return _result(*REFUSED_CREATES[shown])
        if chosen is not None and shown not in ODD_SUCCESSES:
            return answers.answer(chosen.scenario, account)
        return self._open(request, account, shown)

    def _open(self, request: Request, account: SandboxAccount | None, shown: str) -> SandboxReply:
        kind = ANONYMOUS if shown == "create-anonymous" else SIGNED_IN
        owner = account.name if account else ""
        conversation = self._reopened(request, owner) or self.chat.create(owner, self.now(), kind=kind)
        body = {"conversationId": conversation.id, "clientId": conversation.client_id}
        headers: tuple[Header, ...] = (answers.session_cookie(account),) if account else ()
        if shown == "create-new-cookie":
            value = str(self.chat.create_outcomes[shown]).encode()
            headers += ((b"set-cookie", CHANGING_COOKIE + b"=" + value + b"; path=/"),)
        if shown != "create-no-signature":
            if self.state.options.provider["chat_era"] == 1:
                body["conversationSignature"] = conversation.signature
            else:
                headers += (
                    (b"x-sydney-conversationsignature", conversation.signature.encode()),
                    (b"x-sydney-encryptedconversationsignature", conversation.token.encode()),
                )
        reply = SandboxReply.json(body | {"result": {"value": "Success", "message": None}})
        text = reply.body[: len(reply.body) // 2] if shown == "create-garbage" else reply.body
        return SandboxReply(text, content_type=JSON, headers=headers)

    def _reopened(self, request: Request, owner: str) -> SandboxConversation | None:
        """Return the conversation the query names, with new signatures."""
        conversation = self.chat.conversations.get(request.query().get("conversationId", ""))
        if conversation is None or conversation.owner != owner:
            return None
        conversation.renewals += 1
        return conversation

    def chats(self, request: Request, _body: bytes = b"") -> SandboxReply:
        """List an account's conversations."""
        account = self.state.identify(request)
        if account is None or not account.is_alive:
            return _result("UnauthorizedRequest", SIGN_IN_FIRST)
        own = [one for one in self.chat.conversations.values() if one.owner == account.name]
        chats = [
            {"conversationId": one.id, "conversationSignature": one.signature, "chatName": one.name, "tone": one.tone,
             "createTimeUtc": int(one.created_at * 1000), "updateTimeUtc": int(one.created_at * 1000), "plugins": []}
            for one in own
        ]  # fmt: skip
        client_id = own[0].client_id if own else ""
        return SandboxReply.json(
            {"chats": chats, "clientId": client_id, "result": {"value": "Success", "message": None}}
        )

    # -- sockets -------------------------------------------------------------------------------------------------

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, from its upgrade to its end."""
        request = Request({**scope, "method": "GET"})
        await receive()
        account, token_for = self.state.identify(request), token_conversation(request)
        conversation = self.chat.conversations.get(token_for or "")
        if account is None and conversation is not None:
            account = self.state.account(conversation.owner)
        name = account.name if account else ""
        decided = self._upgrade(request, name, token_for)
        if isinstance(decided, SandboxReply):
            self.chat.sockets.refused += 1
            await refuse(decided, scope, receive, send)
        else:
            options = self.state.options
            socket = ChatSocket(
                self, self.chat, SandboxSocket(scope, receive, send), account=name, token_for=token_for,
                handshake=decided, open_seconds=options.chat_open_seconds, leave_seconds=options.chat_leave_seconds,
                ping_seconds=options.chat_ping_seconds,
            )  # fmt: skip
            await socket.serve()

    def _upgrade(self, request: Request, account: str, token_for: str | None) -> SandboxReply | str:
        """Return a refusal, or the name of the handshake's scenario, "" for none."""
        if request.header(b"origin") is None:
            return self._turn_away(request, "chat-origin", "the upgrade has no Origin", 403)
        if self.state.options.provider["chat_era"] != 1 and token_for is None:
            if b"sec_access_token=" not in request.query_string:
                return self._turn_away(request, "chat-token", "the upgrade has no sec_access_token", 401)
            return self._turn_away(request, "chat-token", "sec_access_token is not what was issued", 200)
        return self.meet_upgrade(account)

    def _turn_away(self, request: Request, kind: str, detail: str, status: int) -> SandboxReply:
        self.state.violation(kind, detail, path=request.path)
        return SandboxReply(f"sandbox: {detail}", status=status, content_type="text/plain", page=False)

    # -- turns ---------------------------------------------------------------------------------------------------

    def start_turn(self, socket: ChatSocket, record: dict[str, Any]) -> Iterator[Step]:
        """Read an invocation, decide what becomes of it, and return its steps."""
        asked = parse_invocation(record)
        conversation = self.chat.conversations.get(asked.conversation_id)
        if conversation is not None:
            check_place(asked, conversation, socket.token_for, self.state.options.provider["chat_era"])
            if socket.account and socket.account != conversation.owner:
                asked.faults.append("the cookie is another account's")
        if asked.image and asked.image not in self.chat.uploads:
            asked.faults.append("the picture was never uploaded")
        owner = conversation.owner if conversation else socket.account
        socket.turn = turn = self._note(asked, conversation, owner)
        knobs, outcome = self.choose(socket, turn, "invocation", asked.faults)
        if conversation is None:
            conversation, outcome = SandboxConversation(asked.conversation_id, "", owner, self.now()), "invalid-session"
        elif outcome == ANSWERED:
            outcome = self._natural_outcome(asked, conversation, socket)
        turn.outcome = "violation" if asked.faults else outcome
        socket.chat.begin(turn, conversation)
        return self._steps(turn, conversation, knobs, asked.faults)

    def _note(self, asked: Invocation, conversation: SandboxConversation | None, owner: str) -> SandboxTurn:
        number = conversation.turns if conversation else 0
        return SandboxTurn(
            asked.conversation_id, owner, number, asked.invocation_id, asked.text, asked.system, asked.tone,
            asked.options, asked.plugins, asked.image, self.now(), request_id=asked.request_id or str(uuid.uuid4()),
        )  # fmt: skip

    def _natural_outcome(self, asked: Invocation, conversation: SandboxConversation, socket: ChatSocket) -> str:
        options, account = self.state.options, self.state.account(conversation.owner)
        if conversation.is_closed:
            self.violation(socket, "closed", "a turn of a conversation that Bing has closed")
            return "invalid-session"
        if self.now() - conversation.created_at >= options.chat_expiry:
            return "invalid-session"
        if not account.take_chat_turn():
            return "throttled"
        if conversation.turns >= options.provider["chat_max_turns"]:
            return "turn-limit"
        if max(len(asked.text), len(asked.system or "")) > options.provider["chat_limit"]:
            return "too-long"
        return ANSWERED

    def _steps(
        self, turn: SandboxTurn, conversation: SandboxConversation, knobs: dict[str, float | None], faults: list[str]
    ) -> Iterator[Step]:
        options = self.state.options
        records = Records(
            conversation_id=turn.conversation, invocation_id=turn.invocation_id, request_id=turn.request_id,
            now=self.now(), expires=conversation.created_at + options.chat_expiry,
        )  # fmt: skip
        records.limit = options.provider["chat_max_turns"]
        if faults:
            return iter([records.refusal("BadRequest", "sandbox: " + "; ".join(faults)) + records.completion()])
        if turn.outcome not in UNCOUNTED:
            conversation.turns = (
                options.provider["chat_max_turns"] if turn.outcome == "last-turn" else conversation.turns + 1
            )
            conversation.told = turn.system if turn.system is not None else conversation.told
            conversation.said.append(("user", turn.text))
        conversation.tone = turn.tone or conversation.tone
        conversation.name = conversation.name or turn.text[:40]
        conversation.is_closed |= turn.outcome in DISENGAGING
        records.used = conversation.turns
        answer = sample_text.compose(turn, conversation, knobs, options.chat_words)
        turn.answer = answer.text
        return Script(records, turn, answer, knobs, outcome=turn.outcome, gap=options.chat_gap).steps()


def token_conversation(request: Request) -> str | None:
    """Return the conversation for which a socket's token was made; the token is decoded exactly once."""
    fields = dict(parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True))
    return read_token(fields.get("sec_access_token", ""))


def _result(value: str, message: str) -> SandboxReply:
    return SandboxReply.json({"result": {"value": value, "message": message}})

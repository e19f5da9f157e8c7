"""Microsoft 365 Copilot's Chathub: who is let in, the strict reading of a question, and what becomes of it.

Source: docs/wire/m365.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from bingproject.sandbox import answers, chathub_answers
from bingproject.sandbox.catalogue import Stage
from bingproject.sandbox.chathub_calls import KINDS
from bingproject.sandbox.chathub_records import Records
from bingproject.sandbox.chathub_scenarios import SYNONYMS
from bingproject.sandbox.chathub_state import ChatState, Conversation, Turn, Upload
from bingproject.sandbox.exchange import Receive, Reply, Request, Scope, Send, parse_fields
from bingproject.sandbox.m365_scenarios import ANSWER, SHARED_ANSWER, SHARED_TURN, TURN
from bingproject.sandbox.m365_socket import HAS_METRICS, M365Socket
from bingproject.sandbox.m365_turns import UNCOUNTED, M365Script, mark
from bingproject.sandbox.sockets import Line, refuse
from bingproject.sandbox.state import Account, State
from bingproject.sandbox.steps import Step
from bingproject.sandbox.tokens import M365, read_token
from bingproject.sandbox.turn_words import ANSWERED, choose

SOCKET_PREFIX, UPLOAD_PATH = "/m365Copilot/Chathub/", "/m365Copilot/UploadFile"
KNOWN = frozenset({*TURN, *ANSWER, *SHARED_TURN, *SHARED_ANSWER})
# licenseType, isEdu, agent, scenario of each kind of licence.
TIERS = frozenset(
    {
        ("Starter", "false", "web", "OfficeWebPaidConsumerCopilot"),
        ("Starter", "false", "web", "OfficeWebIncludedCopilot"),
        ("Starter", "true", "web", "OfficeWebIncludedCopilot"),
        ("Premium", "false", "work", "officeweb"),
    }
)
TONES = ("Magic", "magic", "Gpt_", "Precise", "Balanced", "Creative")
UPLOAD_VARIANT = b"feature.EnableImageSupportInUploadFile"
AT_SOCKET, AT_UPLOAD = frozenset({Stage.SOCKET}), frozenset({Stage.UPLOAD})
ONE_AT_A_TIME = 1


class M365Hub:
    """The emulated service; one object per sandbox."""

    def __init__(self, state: State) -> None:
        self.state = state

    @property
    def chat(self) -> ChatState:
        """Its conversations and turns."""
        return self.state.m365

    def now(self) -> float:
        """The sandbox's clock."""
        return self.state.now()

    def _account(self, text: str) -> Account | None:
        token = read_token(text)
        if token is None or not token.fits(M365, self.now()):
            return None
        account = self.state.account(token.account)
        return account if account.is_alive else None

    # -- pictures ------------------------------------------------------------------------------------------------

    def upload(self, request: Request, body: bytes) -> Reply:
        """Take a picture as a data URL in a form; other forms are refused as in life."""
        account = self._account((request.header(b"authorization") or b"").decode("latin-1").removeprefix("Bearer "))
        if account is None:
            return Reply(status=401, page=False)
        self.chat.uploads_asked += 1
        chosen = self.state.scenarios.choose(AT_UPLOAD, account.name)
        if chosen is not None and chosen.scenario.name in ("kblob-refused", "kblob-no-id"):
            return Reply.json({"result": {"value": "Failed"}})
        if chosen is not None:
            return answers.answer(chosen.scenario, account)
        fields = parse_fields(body)
        content = _data_url(fields.get("FileBase64", ""))
        kind = next((kind for magic, kind in KINDS.items() if content.startswith(magic)), "")
        if (request.header(b"x-variants") or b"") != UPLOAD_VARIANT or fields.get("scenario") != "UploadImage":
            self.state.violation("m365-upload", "scenario or X-Variants is wrong", path=request.path)
            return Reply(status=400, page=False)
        if not kind:
            return Reply.json({"result": {"value": "Failed"}})
        name = hashlib.sha256(content).hexdigest()[:24]
        self.chat.uploads[name] = Upload(name, account.name, content, kind, fields.get("conversationId", ""))
        shown = {"docId": name, "fileName": f"{name}.{kind.partition('/')[2]}", "fileType": kind.partition("/")[2]}
        return Reply.json(shown | {"result": {"value": "Success"}})

    # -- sockets -------------------------------------------------------------------------------------------------

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, from its upgrade to its end."""
        request = Request({**scope, "method": "GET"})
        await receive()
        query = request.query()
        account = self._account(query.get("access_token", ""))
        decided = self._upgrade(request, query, account)
        if isinstance(decided, Reply) or account is None:
            self.chat.sockets.refused += 1
            refusal = decided if isinstance(decided, Reply) else Reply(status=401, page=False)
            await refuse(refusal, scope, receive, send)
            return
        options = self.state.options
        socket = M365Socket(
            self, self.chat, Line(scope, receive, send), account=account.name, query=query, handshake=decided,
            open_seconds=options.chat_open_seconds, leave_seconds=options.chat_leave_seconds,
        )  # fmt: skip
        await socket.serve()

    def _upgrade(self, request: Request, query: dict[str, str], account: Account | None) -> Reply | str:
        """Refuse a socket, or say which scenario its handshake has ("": none)."""
        faults = address_faults(request, query)
        for fault in faults:
            self.state.violation("m365-address", fault, path=SOCKET_PREFIX)
        if faults:
            return Reply(f"sandbox: {'; '.join(faults)}", status=400, content_type="text/plain", page=False)
        chosen = self.state.scenarios.choose(AT_SOCKET, account.name if account else "")
        if chosen is None or chosen.scenario.name.startswith("handshake-"):
            return chosen.scenario.name if chosen else ""
        scenario = chosen.scenario
        return Reply(b"", status=scenario.status, headers=scenario.headers, fault=scenario.fault)

    def violation(self, socket: M365Socket, kind: str, detail: str) -> None:
        """Write down what a client should not do on a socket."""
        self.state.violation(f"m365-{kind}", detail, path=SOCKET_PREFIX, account=self.state.account(socket.account))

    # -- turns ---------------------------------------------------------------------------------------------------

    def start_turn(self, socket: M365Socket, record: dict[str, Any]) -> Iterator[Step]:
        """Read an invocation, decide what becomes of it, and return its steps."""
        asked, faults = read_question(record, socket.query)
        conversation = self.chat.conversations.get(socket.query["ConversationId"])
        if conversation is None:
            identifier = socket.query["ConversationId"]
            conversation = self.chat.create(socket.account, self.now(), conversation_id=identifier)
        if conversation.owner != socket.account:
            faults.append("the conversation is another account's")
        if (conversation.invocations == 0) is not asked["is_start"]:
            faults.append("isStartOfSession is not true exactly once")
        if asked["image"] and asked["image"] not in self.chat.uploads:
            faults.append("the picture was never uploaded")
        turn = self._note(asked, conversation, socket.account)
        socket.turn = turn
        try:
            knobs, outcome = choose(self.state.scenarios, turn.text, turn.account, SYNONYMS, KNOWN)
        except ValueError as error:
            faults.append(str(error))
            knobs, outcome = {}, ANSWERED
        for fault in faults:
            self.violation(socket, "invocation", fault)
        if faults or not record[HAS_METRICS]:
            # In life such a question is dropped without a word.
            outcome = "bare-type3"
        elif outcome == ANSWERED:
            outcome = self._natural_outcome(turn, conversation)
        turn.outcome = "violation" if faults else outcome
        self.chat.begin(turn, conversation)
        if outcome == "token-dies":
            self.state.set_alive(self.state.account(turn.account), False)
        return self._steps(turn, conversation, knobs, outcome)

    def _note(self, asked: dict[str, Any], conversation: Conversation, account: str) -> Turn:
        options = [] if asked["has_search"] else ["nosearchall"]
        return Turn(
            conversation.id, account, conversation.turns, "0", asked["text"], None, asked["tone"], options,
            int(asked["has_search"]), asked["image"], self.now(), request_id=asked["request_id"],
        )  # fmt: skip

    def _natural_outcome(self, turn: Turn, conversation: Conversation) -> str:
        account = self.state.account(turn.account)
        if self.chat.in_flight[turn.account] >= ONE_AT_A_TIME:
            self.state.violation("m365-pace", "two turns of one account at once", path=SOCKET_PREFIX)
        if not turn.tone.startswith(TONES):
            return "empty-answer"
        if account.chat_turns is not None:
            if account.chat_turns <= 0:
                return "no-allowance"
            account.chat_turns -= 1
        if self.now() - conversation.created_at >= self.state.options.chat_expiry:
            return "invalid-session"
        return ANSWERED

    def _steps(
        self, turn: Turn, conversation: Conversation, knobs: dict[str, float | None], outcome: str
    ) -> Iterator[Step]:
        options = self.state.options
        records = Records(
            conversation_id=conversation.id, invocation_id="0", request_id=turn.request_id, now=self.now(),
            expires=conversation.created_at + options.chat_expiry,
        )  # fmt: skip
        if outcome not in UNCOUNTED:
            conversation.turns += 1
            conversation.said.append(("user", turn.text))
            conversation.name = conversation.name or turn.text[:40]
        records.used, records.limit = conversation.turns, options.m365_max_turns
        answer = chathub_answers.compose(turn, conversation, knobs, options.chat_words, mark=mark)
        turn.answer = answer.text
        return M365Script(records, turn, answer, knobs, outcome=outcome, gap=options.chat_gap).steps()

    def end_turn(self, socket: M365Socket, turn: Turn) -> None:
        """Take note that a turn is over; what was answered belongs to the conversation."""
        conversation = self.chat.conversations.get(turn.conversation)
        if conversation is not None and turn.outcome == ANSWERED and not turn.left:
            conversation.said.append(("bot", turn.answer))
        self.chat.end(turn, conversation)


def address_faults(request: Request, query: dict[str, str]) -> list[str]:
    """What is wrong with a socket's address, in words; the token is judged elsewhere."""
    faults = []
    place, _, tenant = request.path.removeprefix(SOCKET_PREFIX).partition("@")
    token = read_token(query.get("access_token", ""))
    if token is not None and (place, tenant) != (token.object_id, token.tenant_id):
        faults.append("the address names another account than the token")
    session = query.get("chatsessionid", "")
    if not session or {query.get("XRoutingParameterSessionKey"), query.get("clientrequestid")} != {session}:
        faults.append("chatsessionid, XRoutingParameterSessionKey and clientrequestid are not one value")
    faults += [f"{name} is no uuid" for name in ("X-SessionId", "ConversationId") if not _is_uuid(query.get(name, ""))]
    if query.get("source") not in ('"officeweb"', "officeweb"):
        faults.append("source is not officeweb")
    if query.get("product") != "Office" or query.get("agentHost") != "Bizchat.FullScreen":
        faults.append("product or agentHost is wrong")
    if tuple(query.get(name, "") for name in ("licenseType", "isEdu", "agent", "scenario")) not in TIERS:
        faults.append("licenseType, isEdu, agent and scenario are of no licence")
    return faults


def read_question(record: dict[str, Any], query: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Read a type-4 record as far as it can be read: its facts, and what no client of Microsoft's would send."""
    faults = [] if record.get("target") == "chat" else ["target is not chat"]
    arguments = record.get("arguments")
    argument = arguments[0] if isinstance(arguments, list) and len(arguments) == 1 else None
    if not isinstance(argument, dict):
        argument = {}
        faults.append("arguments is not a list with one object")
    said = argument.get("message")
    message: dict[str, Any] = said if isinstance(said, dict) else {}
    expected = {
        "source": "officeweb",
        "conversationId": query.get("ConversationId"),
        "sessionId": query.get("X-SessionId"),
        "productThreadType": "Office",
    }
    faults += [f"{name} is not {value!r}" for name, value in expected.items() if argument.get(name) != value]
    faults += [] if isinstance(argument.get("isStartOfSession"), bool) else ["isStartOfSession is no boolean"]
    faults += [] if isinstance(record.get("invocationId"), str) else ["invocationId is no string"]
    faults += [] if message.get("author") == "user" else ["message.author is not user"]
    faults += [] if isinstance(message.get("text"), str) else ["message.text is no string"]
    annotations = message.get("messageAnnotations") or []
    images = [str(one.get("id")) for one in annotations if one.get("messageAnnotationType") == "ImageFile"]
    asked = {
        "text": str(message.get("text") or ""),
        "request_id": str(message.get("requestId") or argument.get("traceId") or ""),
        "tone": str(argument.get("tone") or ""),
        "is_start": argument.get("isStartOfSession") is True,
        "has_search": bool(argument.get("plugins")),
        "image": images[0] if images else None,
    }
    return asked, faults


def _data_url(text: str) -> bytes:
    head, _, encoded = text.partition(";base64,")
    try:
        return base64.b64decode(encoded, validate=True) if head.startswith("data:image/") else b""
    except binascii.Error:
        return b""


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False

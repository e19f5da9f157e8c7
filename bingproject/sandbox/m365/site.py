"""Microsoft 365 Copilot's Chathub: accepts or refuses sockets, parses questions strictly, decides how a turn ends.

Source: docs/wire/m365.md.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from bingproject.sandbox.chat import sample_text
from bingproject.sandbox.chat.chat_site import ChatSite, is_uuid
from bingproject.sandbox.chat.chat_state import SandboxConversation, SandboxTurn
from bingproject.sandbox.chat.pictures import LARGEST_UPLOAD, picture_kind
from bingproject.sandbox.chat.signalr_records import Records
from bingproject.sandbox.chat.sockets import SandboxSocket, refuse
from bingproject.sandbox.chat.steps import Step
from bingproject.sandbox.chat.turn_words import ANSWERED
from bingproject.sandbox.core.exchange import Receive, Request, SandboxReply, Scope, Send, parse_fields
from bingproject.sandbox.core.provider import SandboxRoute, ServeSocket
from bingproject.sandbox.core.state import SandboxAccount
from bingproject.sandbox.core.tokens import SandboxTokenRules, read_token
from bingproject.sandbox.m365.scenarios import ANSWER, SHARED_ANSWER, SHARED_TURN, TURN
from bingproject.sandbox.m365.socket import HAS_METRICS, M365Socket
from bingproject.sandbox.m365.turns import UNCOUNTED, M365Script, mark

SOCKET_PREFIX, UPLOAD_PATH = "/m365Copilot/Chathub/", "/m365Copilot/UploadFile"
# The second hub, with records of another form.
STREAM_HUB_PREFIX = "/m365Copilot/StreamHub/"
PREFIXES = (SOCKET_PREFIX, STREAM_HUB_PREFIX)
TOKEN = SandboxTokenRules("https://substrate.office.com/sydney", "M365Chat.Read sydney.readwrite")
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
ONE_AT_A_TIME = 1


class M365Hub(ChatSite):
    """The emulated service; one object per sandbox."""

    name, path, known = "m365", SOCKET_PREFIX, KNOWN

    def find_route(self, request: Request) -> SandboxRoute | None:
        """Return what answers an upload, the only call besides the socket."""
        return (
            SandboxRoute(self.upload, LARGEST_UPLOAD)
            if (request.method, request.path) == ("POST", UPLOAD_PATH)
            else None
        )

    def find_socket(self, path: str) -> ServeSocket | None:
        """Return what serves its socket."""
        return self.serve if path.startswith(PREFIXES) else None

    # -- pictures ------------------------------------------------------------------------------------------------

    def upload(self, request: Request, body: bytes) -> SandboxReply:
        """Accept a picture as a data URL in a form; other forms are refused, as by the real service."""
        account = self.account_of_token(request.bearer, TOKEN)
        if account is None:
            return SandboxReply(status=401, page=False)
        met = self.meet_upload(account, {"result": {"value": "Failed"}})
        if met is not None:
            return met
        fields = parse_fields(body)
        content = _data_url(fields.get("FileBase64", ""))
        kind = picture_kind(content)
        if (request.header(b"x-variants") or b"") != UPLOAD_VARIANT or fields.get("scenario") != "UploadImage":
            self.state.violation("m365-upload", "scenario or X-Variants is wrong", path=request.path)
            return SandboxReply(status=400, page=False)
        if not kind:
            return SandboxReply.json({"result": {"value": "Failed"}})
        name = self.chat.keep(account.name, content, kind, fields.get("conversationId", ""))
        shown = {"docId": name, "fileName": f"{name}.{kind.partition('/')[2]}", "fileType": kind.partition("/")[2]}
        return SandboxReply.json(shown | {"result": {"value": "Success"}})

    # -- sockets -------------------------------------------------------------------------------------------------

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, from its upgrade to its end."""
        request = Request({**scope, "method": "GET"})
        await receive()
        query = request.query()
        account = self.account_of_token(query.get("access_token", ""), TOKEN)
        decided = self._upgrade(request, query, account)
        if isinstance(decided, SandboxReply) or account is None:
            self.chat.sockets.refused += 1
            refusal = decided if isinstance(decided, SandboxReply) else SandboxReply(status=401, page=False)
            await refuse(refusal, scope, receive, send)
            return
        options = self.state.options
        socket = M365Socket(
            self, self.chat, SandboxSocket(scope, receive, send), account=account.name, origin=request.origin,
            query=query, is_stream_hub=request.path.startswith(STREAM_HUB_PREFIX), handshake=decided,
            open_seconds=options.chat_open_seconds, leave_seconds=options.chat_leave_seconds,
            ping_seconds=options.chat_ping_seconds,
        )  # fmt: skip
        await socket.serve()

    def _upgrade(self, request: Request, query: dict[str, str], account: SandboxAccount | None) -> SandboxReply | str:
        """Return a refusal, or the name of the handshake's scenario, "" for none."""
        faults = address_faults(request, query)
        for fault in faults:
            self.state.violation("m365-address", fault, path=SOCKET_PREFIX)
        if faults:
            return SandboxReply(f"sandbox: {'; '.join(faults)}", status=400, content_type="text/plain", page=False)
        return self.meet_upgrade(account.name if account else "")

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
        knobs, outcome = self.choose(socket, turn, "invocation", faults)
        if faults or not record[HAS_METRICS]:
            # The real service drops such a question without an error.
            outcome = "bare-type3"
        elif outcome == ANSWERED:
            outcome = self._natural_outcome(turn, conversation)
        turn.outcome = "violation" if faults else outcome
        self.chat.begin(turn, conversation)
        if outcome == "token-dies":
            self.state.set_alive(self.state.account(turn.account), False)
        return self._script(turn, conversation, knobs, outcome, socket).steps()

    def _note(self, asked: dict[str, Any], conversation: SandboxConversation, account: str) -> SandboxTurn:
        options = [] if asked["has_search"] else ["nosearchall"]
        return SandboxTurn(
            conversation.id, account, conversation.turns, asked["invocation_id"], asked["text"], None, asked["tone"],
            options, int(asked["has_search"]), asked["image"], self.now(), request_id=asked["request_id"],
        )  # fmt: skip

    def _natural_outcome(self, turn: SandboxTurn, conversation: SandboxConversation) -> str:
        account = self.state.account(turn.account)
        if self.chat.in_flight[turn.account] >= ONE_AT_A_TIME:
            self.state.violation("m365-pace", "two turns of one account at once", path=SOCKET_PREFIX)
        if not turn.tone.startswith(TONES):
            return "empty-answer"
        if not account.take_chat_turn():
            return "no-allowance"
        if self.now() - conversation.created_at >= self.state.options.chat_expiry:
            return "invalid-session"
        return ANSWERED

    def _script(
        self,
        turn: SandboxTurn,
        conversation: SandboxConversation,
        knobs: dict[str, float | None],
        outcome: str,
        socket: M365Socket,
    ) -> M365Script:
        options = self.state.options
        records = Records(
            conversation_id=conversation.id, invocation_id=turn.invocation_id, request_id=turn.request_id,
            now=self.now(), expires=conversation.created_at + options.chat_expiry,
        )  # fmt: skip
        if outcome not in UNCOUNTED:
            conversation.take(turn.text)
        records.used, records.limit = conversation.turns, options.provider["m365_max_turns"]
        answer = sample_text.compose(turn, conversation, knobs, options.chat_words, mark=mark)
        turn.answer = answer.text
        return M365Script(
            records, turn, answer, knobs, origin=socket.origin, outcome=outcome, gap=options.chat_gap,
            is_stream_hub=socket.is_stream_hub,
        )  # fmt: skip


def address_faults(request: Request, query: dict[str, str]) -> list[str]:
    """Return the faults of a socket's address, in words; the token is checked elsewhere."""
    faults = []
    place, _, tenant = request.path.removeprefix(SOCKET_PREFIX).removeprefix(STREAM_HUB_PREFIX).partition("@")
    token = read_token(query.get("access_token", ""))
    if token is not None and (place, tenant) != (token.object_id, token.tenant_id):
        faults.append("the address names another account than the token")
    session = query.get("chatsessionid", "")
    if not session or {query.get("XRoutingParameterSessionKey"), query.get("clientrequestid")} != {session}:
        faults.append("chatsessionid, XRoutingParameterSessionKey and clientrequestid are not one value")
    faults += [f"{name} is no uuid" for name in ("X-SessionId", "ConversationId") if not is_uuid(query.get(name, ""))]
    if query.get("source") not in ('"officeweb"', "officeweb"):
        faults.append("source is not officeweb")
    if query.get("product") != "Office" or query.get("agentHost") != "Bizchat.FullScreen":
        faults.append("product or agentHost is wrong")
    if tuple(query.get(name, "") for name in ("licenseType", "isEdu", "agent", "scenario")) not in TIERS:
        faults.append("licenseType, isEdu, agent and scenario are of no licence")
    return faults


def read_question(record: dict[str, Any], query: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Read a type-4 record as far as possible; return its facts and its faults in words."""
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
        "invocation_id": str(record.get("invocationId") or "0"),
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

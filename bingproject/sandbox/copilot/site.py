"""The consumer Copilot: identifies callers, answers REST calls, decides how a turn ends.

Source: docs/wire/copilot.md.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bingproject.sandbox.chat import sample_text
from bingproject.sandbox.chat.chat_site import AT_SOCKET, ChatSite, is_uuid
from bingproject.sandbox.chat.chat_state import SandboxConversation, SandboxTurn
from bingproject.sandbox.chat.pictures import LARGEST_UPLOAD, picture_kind
from bingproject.sandbox.chat.signalr_records import iso
from bingproject.sandbox.chat.sockets import SandboxSocket, refuse
from bingproject.sandbox.chat.steps import Step
from bingproject.sandbox.chat.turn_words import ANSWERED
from bingproject.sandbox.copilot.scenarios import ANSWER, SHARED_ANSWER, SHARED_TURN, TURN
from bingproject.sandbox.copilot.socket import CopilotSocket
from bingproject.sandbox.copilot.turns import UNCOUNTED, CopilotScript
from bingproject.sandbox.core import answers
from bingproject.sandbox.core.exchange import HTML, Receive, Request, SandboxReply, Scope, Send
from bingproject.sandbox.core.provider import SandboxRoute, ServeSocket
from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.core.state import SandboxAccount, account_name
from bingproject.sandbox.core.tokens import SandboxTokenRules, read_token

PREFIX, SOCKET_PATH = "/c/api/", "/c/api/chat"
TOKEN = SandboxTokenRules("140e65af-45d1-4427-bf08-3e7295db6836", "ChatAI.ReadWrite", is_personal=True)
KNOWN = frozenset({*TURN, *ANSWER, *SHARED_TURN, *SHARED_ANSWER})
CLEARANCE_PAGE = Path(__file__).with_name("clearance.html")
MODES = frozenset({"chat", "reasoning", "smart", "study", "search"})
# Where no token is accepted, this cookie of the site's identifies the account.
SESSION_COOKIE, ANONYMOUS_COOKIE = b"_C_Auth", b"__Host-copilot-anon"
TOKEN_AUTH, COOKIE_AUTH = 1, 2
# Concurrent turns of one account; more fail at the real service.
MOST_AT_ONCE = 4
AT_CREATE = frozenset({Stage.CREATE})


class CopilotSite(ChatSite):
    """The emulated service; one object per sandbox."""

    name, path, known = "copilot", SOCKET_PATH, KNOWN

    def find_route(self, request: Request) -> SandboxRoute | None:
        """Return what answers a REST call."""
        return SandboxRoute(self.answer, LARGEST_UPLOAD) if request.path.startswith(PREFIX) else None

    def find_socket(self, path: str) -> ServeSocket | None:
        """Return what serves its socket."""
        return self.serve if path == SOCKET_PATH else None

    # -- who asks ------------------------------------------------------------------------------------------------

    def identify(self, request: Request) -> SandboxAccount | None:
        """Return the account of a REST call; None without one, for a dead one and for credentials of the wrong kind."""
        cookie = next(iter(request.cookies(SESSION_COOKIE)), b"")
        if self.state.options.provider["copilot_auth"] == COOKIE_AUTH:
            name = "" if request.bearer or not cookie else account_name(cookie)
        else:
            token = read_token(request.bearer)
            name = token.account if token is not None and token.fits(TOKEN, self.now()) else ""
            if name and cookie and account_name(cookie) != name:
                self.state.violation("copilot-cookie", "token and cookie are of two accounts", path=request.path)
        account = self.state.account(name) if name else None
        return account if account is not None and account.is_alive else None

    def _socket_account(self, request: Request) -> SandboxAccount | None:
        """Return the account of a socket, whose token is in the address."""
        return self.account_of_token(request.query().get("accessToken", ""), TOKEN)

    # -- REST ----------------------------------------------------------------------------------------------------

    def answer(self, request: Request, body: bytes) -> SandboxReply:
        """Answer one REST call."""
        account, (method, path) = self.identify(request), (request.method, request.path.removeprefix(PREFIX))
        if (method, path) == ("POST", "user/sessions/temporary"):
            return SandboxReply.json({"sessionKey": secrets.token_urlsafe(24)})
        if (method, path) in (("POST", "start"), ("POST", "conversations")):
            return self._open(request, account, path, body)
        if account is None:
            return SandboxReply(status=401, page=False)
        if (method, path) == ("POST", "attachments"):
            return self._attach(request, account, body)
        if (method, path) == ("GET", "user"):
            return SandboxReply.json({"firstName": account.name.title()})
        own = [one for one in self.chat.conversations.values() if one.owner == account.name]
        if (method, path) == ("GET", "conversations"):
            return SandboxReply.json({"results": [{"id": one.id, "title": one.name} for one in own]})
        name, _, rest = path.removeprefix("conversations/").partition("/")
        found = next((one for one in own if one.id == name), None)
        if found is not None and (method, rest) == ("GET", "history"):
            return SandboxReply.json({"results": _history(found, self.now())})
        if found is not None and (method, rest) == ("DELETE", ""):
            del self.chat.conversations[name]
            return SandboxReply(status=204, page=False)
        self.state.violation("copilot-path", f"{method} {request.path}", path=request.path)
        return SandboxReply.json({"error": "not found"}, status=404)

    def _open(self, request: Request, account: SandboxAccount | None, path: str, body: bytes) -> SandboxReply:
        name = account.name if account else ""
        chosen = self.state.scenarios.choose(AT_CREATE, name)
        shown = chosen.scenario.name if chosen else "created" if account else "create-401"
        self.chat.creates[name] += 1
        self.chat.create_outcomes[shown] += 1
        if shown == "create-clearance":
            return clearance_page()
        if shown == "create-blocked":
            return SandboxReply.json({"isBlocked": True, "banExpiresAt": iso(self.now() + 86_400)})
        if chosen is not None:
            return answers.answer(chosen.scenario, account)
        if account is None:
            return SandboxReply(status=401, page=False)
        if path == "start" and not _is_object(body):
            self.state.violation("copilot-start", "the body of start is not a JSON object", path=request.path)
        opened = self.chat.create(name, self.now(), conversation_id=secrets.token_urlsafe(16)[:21])
        if path == "conversations":
            return SandboxReply.json({"id": opened.id})
        cookie = (b"set-cookie", ANONYMOUS_COOKIE + b"=" + secrets.token_hex(8).encode() + b"; path=/; secure")
        answer = {"currentConversationId": opened.id, "remainingTurns": 1000, "isBlocked": False, "banExpiresAt": None}
        return SandboxReply(json.dumps(answer), content_type="application/json", headers=(cookie,), page=False)

    def _attach(self, request: Request, account: SandboxAccount, body: bytes) -> SandboxReply:
        met = self.meet_upload(account, {})
        if met is not None:
            return met
        kind = picture_kind(body)
        told = (request.header(b"content-type") or b"").decode("latin-1")
        if kind not in ("image/png", "image/jpeg"):
            return SandboxReply.json({"error": "unsupported"}, status=400)
        if told != kind:
            self.state.violation("copilot-upload", f"content-type {told} for {kind}", path=request.path)
        return SandboxReply.json({"url": f"{PREFIX}attachments/{self.chat.keep(account.name, body, kind)}"})

    # -- sockets -------------------------------------------------------------------------------------------------

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, from its upgrade to its end."""
        request = Request({**scope, "method": "GET"})
        await receive()
        account = self._socket_account(request)
        refused = self._upgrade(request, account)
        if refused is not None or account is None:
            self.chat.sockets.refused += 1
            await refuse(refused or SandboxReply(status=401, page=False), scope, receive, send)
            return
        options = self.state.options
        socket = CopilotSocket(
            self, self.chat, SandboxSocket(scope, receive, send), account=account.name, origin=request.origin,
            open_seconds=options.chat_open_seconds, leave_seconds=options.chat_leave_seconds,
        )  # fmt: skip
        await socket.serve()

    def _upgrade(self, request: Request, account: SandboxAccount | None) -> SandboxReply | None:
        """Return the answer that refuses a socket; None to accept it."""
        query = request.query()
        if request.header(b"origin") is None:
            self.state.violation("copilot-origin", "the upgrade has no Origin", path=request.path)
            return SandboxReply(status=403, page=False)
        if query.get("api-version") != "2" or not is_uuid(query.get("clientSessionId", "")):
            self.state.violation("copilot-query", "api-version or clientSessionId is wrong", path=request.path)
            return SandboxReply(status=400, page=False)
        chosen = self.state.scenarios.choose(AT_SOCKET, account.name if account else "")
        if chosen is None:
            return None
        if chosen.scenario.name == "socket-clearance":
            return clearance_page()
        if chosen.scenario.name == "socket-region":
            return SandboxReply(
                "Copilot is not available in your region.", status=403, content_type="text/plain", page=False
            )
        return answers.refused_upgrade(chosen.scenario)

    # -- turns ---------------------------------------------------------------------------------------------------

    def start_turn(self, socket: CopilotSocket, record: dict[str, Any]) -> Iterator[Step]:
        """Read a `send`, decide what becomes of it, and return its steps."""
        faults: list[str] = []
        turn, conversation = self._read(socket, record, faults)
        socket.turn = turn
        knobs, outcome = self.choose(socket, turn, "send", faults)
        if faults or conversation is None:
            outcome = "invalid-event"
        elif outcome == ANSWERED:
            outcome = self._natural_outcome(turn)
        turn.outcome = "violation" if faults else outcome
        self.chat.begin(turn, conversation)
        known = conversation or SandboxConversation(turn.conversation, "", turn.account, self.now())
        if outcome not in UNCOUNTED:
            known.take(turn.text)
        answer = sample_text.compose(turn, known, knobs, self.state.options.chat_words, mark=_no_mark)
        turn.answer = answer.text
        gap = self.state.options.chat_gap
        return CopilotScript(
            turn, answer, knobs, outcome=outcome, gap=gap, at=iso(self.now()), origin=socket.origin
        ).steps()

    def _read(
        self, socket: CopilotSocket, record: dict[str, Any], faults: list[str]
    ) -> tuple[SandboxTurn, SandboxConversation | None]:
        content = record.get("content")
        parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
        texts = [part.get("text") for part in parts if part.get("type") == "text"]
        images = [str(part.get("url")) for part in parts if part.get("type") == "image"]
        if len(texts) != 1 or not isinstance(texts[0], str) or len(texts) + len(images) != len(parts):
            faults.append("content is not one text, after pictures")
        mode = record.get("mode")
        if mode not in MODES:
            faults.append(f"the mode {mode!r} does not exist")
        if not isinstance(record.get("context"), dict):
            faults.append("context is not an object")
        if any(url.removeprefix(f"{PREFIX}attachments/") not in self.chat.uploads for url in images):
            faults.append("the picture was never uploaded")
        conversation = self.chat.conversations.get(str(record.get("conversationId")))
        if conversation is not None and conversation.owner != socket.account:
            faults.append("the conversation is another account's")
        number = conversation.turns if conversation else 0
        options = [] if mode == "search" else ["nosearchall"]
        turn = SandboxTurn(
            str(record.get("conversationId")), socket.account, number, str(number), str(texts[0]) if texts else "",
            None, str(mode), options, 0, images[0] if images else None, self.now(), request_id=secrets.token_hex(8),
        )  # fmt: skip
        return turn, conversation

    def _natural_outcome(self, turn: SandboxTurn) -> str:
        account = self.state.account(turn.account)
        if len(turn.text) > self.state.options.provider["copilot_limit"]:
            return "text-too-long"
        if self.chat.in_flight[turn.account] >= MOST_AT_ONCE:
            self.state.violation("copilot-pace", "too many turns of one account at once", path=SOCKET_PATH)
            return "unavailable"
        return ANSWERED if account.take_chat_turn() else "unavailable"


def clearance_page() -> SandboxReply:
    """Return the page that Cloudflare shows to unknown clients."""
    return SandboxReply(CLEARANCE_PAGE.read_bytes(), status=403, content_type=HTML, page=False)


def _no_mark(_number: int) -> str:
    return ""


def _history(conversation: SandboxConversation, now: float) -> list[dict[str, Any]]:
    """Return the messages of a conversation, newest first."""
    kinds = {"user": "human", "bot": "ai"}
    return [
        {"id": str(index), "author": {"type": kinds[author]}, "createdAt": iso(now),
         "content": [{"type": "text", "text": text}]}
        for index, (author, text) in reversed(list(enumerate(conversation.said)))
    ]  # fmt: skip


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False

"""The chat tables' vocabulary: what Bing does to a turn, what its caller sees, and what it leaves behind.

A `Row` says what must follow; `ChatScene` has the sandbox do it, asks over HTTP, whole and streamed, and compares.
"""

from __future__ import annotations

import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.models import Account, AccountCapability, Capability, Lease
from bingproject.sandbox.chat.chat_state import ChatState
from bingproject.sandbox.server import SandboxServer
from chat.models import Conversation, Turn, TurnState
from tests.factories import make_account, make_token_account, set_capability
from tests.journeys.refusals import API, COOKIE, INVALID, LIMIT, Shown, check_cooldown

# One pixel.
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PATH = "/v1/chat/completions"
NEAR_SECONDS = 15
HOUR = 3600
REFUSED, PROTOCOL, LOST = "upstream_refused", "upstream_protocol_error", "upstream_interrupted"
UNREACHABLE, EXPIRED, THROTTLED = "upstream_unreachable", "cookie_expired", "throttled"
_numbers = itertools.count(1)

# What each code looks like on OpenAI's routes.
ANSWERS: dict[str, Shown] = {
    shown.code: shown
    for shown in (
        Shown(400, INVALID, "context_length_exceeded", is_final=True),
        Shown(400, INVALID, "image_rejected", is_final=True),
        Shown(429, LIMIT, "throttled", retry_after=3600),
        Shown(502, API, "upstream_unreachable"),
        Shown(502, API, "upstream_protocol_error"),
        Shown(502, API, "upstream_interrupted"),
        Shown(503, API, "upstream_overloaded", retry_after=30),
        Shown(503, API, "upstream_refused", retry_after=3600, is_final=True),
        Shown(503, API, "challenge_required", retry_after=3600, is_final=True),
        Shown(503, API, "account_blocked", retry_after=3600, is_final=True),
        Shown(503, API, "cookie_expired", retry_after=3600, is_final=True),
        Shown(503, API, "no_account", retry_after=3600),
        Shown(504, API, "timeout"),
    )
}


@dataclass(frozen=True, slots=True)
class Row:
    """What goes wrong at Bing (`scenario`, a word of the sandbox), and everything that follows.

    `number`: the row of the wire page's table. `tries`: how often Bing is asked, with one account at hand. `account`:
    its state afterwards, `cooldown_seconds` its chat's cooldown. `is_late`: text has come before, so a stream ends by
    an error line. `padding`: characters added to the prompt. `retry_after`: in place of the code's usual figure.
    """

    number: str
    scenario: str
    code: str
    tries: int = 1
    account: str = "ok"
    cooldown_seconds: int = 0
    is_late: bool = False
    padding: int = 0
    has_picture: bool = False
    retry_after: int | None = None
    param: str | None = None

    def __str__(self) -> str:
        return self.scenario


# What every service meets alike: opening a conversation, opening the socket, sending a picture.
EVERY_CREATE = [
    Row("1", "create-cut", UNREACHABLE),
    Row("1", "create-500", UNREACHABLE),
    Row("1", "create-503", UNREACHABLE),
    Row("2", "create-429", THROTTLED, cooldown_seconds=HOUR),
    Row("2", "create-429-retry-after", THROTTLED, cooldown_seconds=7, retry_after=7),
    Row("3", "create-html", REFUSED),
    Row("3", "create-redirect", REFUSED),
    Row("4", "create-401", EXPIRED, account="expired"),
    Row("6", "create-garbage", PROTOCOL),
    Row("6", "create-list", PROTOCOL),
]
EVERY_SOCKET = [
    Row("1", "socket-cut", UNREACHABLE),
    Row("1", "socket-502", UNREACHABLE),
    Row("4", "socket-401", EXPIRED, account="expired"),
    Row("7", "socket-404", REFUSED),
    Row("8", "socket-429", THROTTLED, cooldown_seconds=HOUR),
    Row("8", "socket-429-retry-after", THROTTLED, cooldown_seconds=7, retry_after=7),
]
EVERY_UPLOAD = [
    Row("28", "kblob-refused", "image_rejected", has_picture=True, param="messages"),
    Row("4", "kblob-401", EXPIRED, has_picture=True, account="expired"),
    Row("8", "kblob-429", THROTTLED, has_picture=True, cooldown_seconds=HOUR),
    Row("1", "kblob-503", UNREACHABLE, has_picture=True),
]
# What the two that speak SignalR meet alike: greeting, breaking off, silence. Before the first text it is tried again.
HUB_SOCKET = [
    *EVERY_SOCKET,
    Row("7", "socket-403", REFUSED),
    Row("9", "handshake-error", PROTOCOL),
    Row("17", "handshake-cut", LOST),
]
_HUB_BREAKS = ("cut", "close", "fail", "type7", "error3")
HUB_TURN = [
    Row("12", "invalid-session", LOST, tries=2),
    *(Row("17", f"{kind}-before", LOST, tries=2) for kind in _HUB_BREAKS),
    *(Row("18", f"{kind}-after", LOST, is_late=True) for kind in _HUB_BREAKS),
    Row("19", "empty-answer", LOST, tries=2),
]
HUB_SILENCE = [
    Row("20", "silent", "timeout"),
    Row("20", "pings-only", "timeout"),
    Row("20", "silent-after", "timeout", is_late=True),
    Row("20", "pings-after", "timeout", is_late=True),
]


@dataclass
class Asked:
    """One answer: whole, or gathered from a stream's lines; `error` is the error object of either."""

    prompt: str
    status: int
    headers: httpx.Headers
    content: str = ""
    finish_reason: str | None = None
    error: dict[str, Any] | None = None
    is_done: bool = False
    message: dict[str, Any] = field(default_factory=dict)


@dataclass
class ChatScene:
    """The server, the sandbox and one account."""

    http: httpx.Client
    bing: SandboxServer
    account: Account
    model: str = "precise"

    @property
    def chat(self) -> ChatState:
        """What the sandbox knows of the service whose account this is."""
        state: ChatState = self.bing.state.chats[{"bing": "chat"}.get(self.account.kind, self.account.kind)]
        return state

    def ask(self, row: Row | str, *, stream: bool, rule: bool = False) -> Asked:
        """Ask once; the scenario goes into the prompt unless a rule has Bing play it already."""
        row = Row("", row, "") if isinstance(row, str) else row
        word = "" if rule else f" sandbox:{row.scenario}"
        prompt = f"tell me of foxes {next(_numbers)}{word}{' ' + 'x' * row.padding if row.padding else ''}"
        content: Any = prompt
        if row.has_picture:
            content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": PICTURE}}]
        body = {"model": self.model, "messages": [{"role": "user", "content": content}], "stream": stream}
        if not stream:
            return read_whole(prompt, self.http.post(PATH, json=body))
        with self.http.stream("POST", PATH, json=body) as answer:
            return read_stream(prompt, answer)

    def renew(self) -> None:
        """As if nothing had happened yet, at Bing or with the account."""
        httpx.post(f"{self.bing.url}/_sandbox/reset").raise_for_status()
        if self.account.kind == "bing":
            self.account.rotate(self.account.cookies, timezone.now())
        Account.objects.filter(pk=self.account.pk).update(state="ok")
        AccountCapability.objects.filter(account=self.account).update(cooldown_until=None, cooldown_count=0)

    def play(self, scenario: str, **rule: Any) -> None:
        """Have Bing do so from now on."""
        httpx.post(f"{self.bing.url}/_sandbox/scenario", json={"scenario": scenario, **rule}).raise_for_status()

    def check_by_rule(self, rows: list[Row], subtests: pytest.Subtests) -> None:
        """One row after the other, whole and streamed, each with everything renewed."""
        for row, stream in itertools.product(rows, (False, True)):
            self.renew()
            self.play(row.scenario)
            with subtests.test(row.scenario, stream=stream):
                asked = self.ask(row, stream=stream, rule=True)
                check_failure(row, asked, stream=stream)
                self.check_account(row)
                self.check_cooldown(asked)

    def check_in_turn(self, rows: list[Row], subtests: pytest.Subtests) -> None:
        """The same for what the prompt has Bing do, where it changes the account."""
        for row, stream in itertools.product(rows, (False, True)):
            self.renew()
            with subtests.test(row.scenario, stream=stream):
                asked = self.ask(row, stream=stream)
                check_failure(row, asked, stream=stream)
                self.check_account(row)
                self.check_tries(row, asked)
                self.check_cooldown(asked)

    def check_at_once(self, rows: list[Row], subtests: pytest.Subtests) -> None:
        """All rows at the same time, whole and streamed: none of them is held against the account."""
        cases = list(itertools.product(rows, (False, True)))
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda case: self.ask(case[0], stream=case[1]), cases))
        for (row, stream), asked in zip(cases, answers, strict=True):
            with subtests.test(row.scenario, stream=stream):
                check_failure(row, asked, stream=stream)
                self.check_tries(row, asked)
                self.check_cooldown(asked)
        self.check_account(Row("", "", ""))

    def check_takeover(self, row: Row, other: Account) -> None:
        """Another account answers in the place of the one at fault; the caller notices nothing."""
        set_capability(other, other.kind, per_minute=None, served_at=self.account.created_at)
        self.play(row.scenario, account="alice")
        asked = self.ask("hello", stream=True, rule=True)
        assert (asked.status, asked.finish_reason) == (200, "stop")
        assert Turn.objects.get().account == other
        self.check_cooldown(asked)

    def check_account(self, row: Row) -> None:
        """State and cool-down; its pictures go on whatever its chat does."""
        self.account.refresh_from_db()
        assert self.account.state == row.account or (row.account == "ok" and self.account.state == "unchecked")
        for capability in AccountCapability.objects.filter(account=self.account):
            is_chat = capability.capability in ("chat", "copilot", "m365")
            check_cooldown(capability.cooldown_until, row.cooldown_seconds if is_chat else 0)

    def check_tries(self, row: Row, asked: Asked) -> None:
        """How often Bing was asked this."""
        assert [turn.text for turn in self.chat.turns if asked.prompt in turn.text] == [asked.prompt] * row.tries

    def check_cooldown(self, asked: Asked) -> None:
        """Nothing is held any more, the turn is written down, and Bing saw no breach of its manners."""
        wait_until(lambda: not self.chat.sockets.open)
        assert not Lease.objects.exists()
        assert not Conversation.objects.exclude(claim="").exists()
        assert self.bing.state.counts.violations == 0, list(self.bing.state.violations)
        turn = Turn.objects.get(prompt=asked.prompt)
        assert turn.error_code == ((asked.error or {}).get("code") or "")
        assert (turn.state == TurnState.FAILED) == (asked.error is not None)
        # Nobody knows how a conversation stands after a question without an answer.
        is_unclear = asked.error is not None and any(asked.prompt in told.text for told in self.chat.turns)
        assert not (is_unclear and turn.conversation.encrypted_credentials)


def check_failure(row: Row, asked: Asked, *, stream: bool) -> None:
    """Status, headers and body of a failure; of a late one on a stream the last line."""
    shown = ANSWERS[row.code]
    assert asked.error is not None
    assert (asked.error["type"], asked.error["code"], asked.error["param"]) == (shown.type, shown.code, row.param)
    for secret in ("://", "127.0.0.1", COOKIE, "_U=", "Traceback", "SELECT", "51D", asked.prompt):
        assert secret not in asked.error["message"]
    assert not asked.is_done
    if stream and row.is_late:
        assert (asked.status, asked.finish_reason) == (200, None)
        assert asked.content
        return
    assert asked.status == shown.status
    assert asked.content == ""
    wait = row.retry_after or shown.retry_after
    seen = asked.headers.get("retry-after")
    assert (seen is None) == (wait is None), f"Retry-After: {seen}"
    assert wait is None or abs(int(seen or 0) - wait) <= NEAR_SECONDS
    assert asked.headers.get("x-should-retry") == ("false" if shown.is_final or (wait or 0) > 60 else None)
    assert asked.headers["x-request-id"]


def read_whole(prompt: str, answer: httpx.Response) -> Asked:
    """A whole answer."""
    body = answer.json()
    if "error" in body:
        return Asked(prompt, answer.status_code, answer.headers, error=body["error"])
    choice = body["choices"][0]
    message = choice["message"]
    return Asked(
        prompt, answer.status_code, answer.headers, message["content"] or "", choice["finish_reason"], message=message
    )


def read_stream(prompt: str, answer: httpx.Response) -> Asked:
    """A stream's lines, read the way the original server's clients do: each is JSON with a choice, or `[DONE]`."""
    if answer.status_code != 200:
        answer.read()
        return read_whole(prompt, answer)
    asked = Asked(prompt, answer.status_code, answer.headers)
    for line in filter(None, answer.iter_lines()):
        assert line.startswith("data: "), line
        assert not asked.is_done
        assert asked.error is None
        if line == "data: [DONE]":
            asked.is_done = True
            continue
        chunk = json.loads(line.removeprefix("data: "))
        if "error" in chunk:
            asked.error = chunk["error"]
            continue
        choice = chunk["choices"][0]
        asked.content += choice["delta"].get("content") or ""
        asked.message |= choice["delta"]
        asked.finish_reason = choice["finish_reason"] or asked.finish_reason
    return asked


def wait_until(condition: Any, seconds: float = 2) -> None:
    """Look until it holds: closing a socket takes the other side a moment."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def make_chat_scene(http: httpx.Client, bing: SandboxServer) -> ChatScene:
    """A signed-in account with room for many chats."""
    account = make_account("alice", cookie=COOKIE)
    set_capability(account, Capability.CHAT, limit=50)
    return ChatScene(http, bing, account)


def make_token_scene(http: httpx.Client, bing: SandboxServer, kind: str) -> ChatScene:
    """An account of Copilot's or Microsoft 365's, at no pace: one turn at a time as in life."""
    account = make_token_account(kind, "alice")
    set_capability(account, kind, per_minute=None)
    return ChatScene(http, bing, account, kind)

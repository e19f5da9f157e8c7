"""The tables' vocabulary: what a failure looks like to a caller, and what it leaves behind.

A `Row` says what Bing does and everything that must follow from it; `Scene` makes Bing do it, asks over HTTP, and
compares. The figures are written out here on purpose: taken from the server's own tables they would prove nothing.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.models import Account, AccountCapability, AccountState
from bingproject.sandbox.server import SandboxServer
from creator.models import FINISHED, Kind, State, Task
from tests.factories import make_account, make_task
from tests.journeys.engine import runner_at_work

NEAR_SECONDS = 15  # how far a cool-down's end may lie from the table's figure: the test itself takes time
COOKIE = "U-cookie-nobody-may-see"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Shown:
    """A failure as HTTP; `retry_after` None means that the header is absent."""

    status: int
    type: str
    code: str
    retry_after: int | None = None
    is_final: bool = False
    reason: str | None = None


REJECTED, INVALID, LIMIT, API, AUTH = (
    "prompt_rejected_error",
    "invalid_request_error",
    "rate_limit_error",
    "api_error",
    "auth_error",
)
# What each code looks like on the Bing-Create routes …
BING_CREATE: dict[str, Shown] = {
    shown.code: shown
    for shown in (
        Shown(422, REJECTED, "blocked", is_final=True),
        Shown(422, REJECTED, "under_review", is_final=True),
        Shown(422, REJECTED, "unsafe_output", is_final=True),
        Shown(422, REJECTED, "unsupported_language", is_final=True),
        Shown(422, REJECTED, "too_vague", is_final=True),
        Shown(429, LIMIT, "too_many_running", retry_after=30),
        Shown(429, LIMIT, "throttled", retry_after=30),
        Shown(429, LIMIT, "no_boosts", retry_after=3600),
        Shown(429, LIMIT, "rate_limit_exceeded", retry_after=30),
        Shown(409, INVALID, "cancelled", is_final=True),
        Shown(502, API, "upstream_unreachable"),
        Shown(502, API, "upstream_protocol_error"),
        Shown(502, API, "upstream_interrupted"),
        Shown(502, API, "submit_outcome_unknown", is_final=True),
        Shown(503, API, "upstream_overloaded", retry_after=30),
        Shown(503, API, "upstream_refused", retry_after=3600, is_final=True),
        Shown(503, API, "challenge_required", retry_after=3600, is_final=True),
        Shown(503, API, "account_blocked", retry_after=3600, is_final=True),
        Shown(503, API, "no_account", retry_after=3600),
        Shown(504, API, "timeout"),
        Shown(504, API, "expired", is_final=True),
        Shown(401, AUTH, "cookie_expired", is_final=True),
        Shown(401, AUTH, "cookie_not_set", is_final=True),
    )
}
# … and where the OpenAI route differs.
OPENAI: dict[str, Shown] = BING_CREATE | {
    "cookie_expired": Shown(503, API, "cookie_expired", retry_after=3600, is_final=True),
    "cookie_not_set": Shown(503, API, "no_account", retry_after=3600, is_final=True),
    **{
        code: Shown(400, INVALID, "content_policy_violation", is_final=True, reason=code)
        for code in ("blocked", "under_review", "unsafe_output", "unsupported_language", "too_vague")
    },
}


@dataclass(frozen=True, slots=True)
class Row:
    """What goes wrong at Bing (`scenario`, a word of the sandbox), and everything that follows.

    `says`: words of the message that tell what to do. `submits`: POSTs that Bing sees. `account`: its state afterwards.
    `cooldown_seconds`, `fast_cooldown_seconds`: the cooldown of the capability and of its fast lane. `keeps_slot`: the
    account stays loaded for a while, since Bing may go on. `retry_after`: in place of the code's usual figure.
    """

    scenario: str
    code: str
    says: str
    submits: int = 1
    account: str = "ok"
    cooldown_seconds: int = 0
    fast_cooldown_seconds: int = 0
    keeps_slot: bool = False
    retry_after: int | None = None
    state: str = State.FAILED

    def __str__(self) -> str:
        return self.scenario


UNTOUCHED = Row("", "", "")  # an account that nothing is held against


@dataclass(frozen=True, slots=True)
class Route:
    """One way of asking for a generation, its field for the prompt, its table of answers."""

    path: str
    field: str
    answers: dict[str, Shown]
    kind: str = Kind.IMAGE

    def __str__(self) -> str:
        return self.path


IMAGE = Route("/create/image", "query", BING_CREATE)
VIDEO = Route("/create/video", "query", BING_CREATE, Kind.VIDEO)
GENERATIONS = Route("/v1/images/generations", "prompt", OPENAI)


@dataclass
class Scene:
    """The server, the sandbox and one account; `secrets` must never be seen in an answer."""

    http: httpx.Client
    bing: SandboxServer
    account: Account

    @property
    def secrets(self) -> tuple[str, ...]:
        """Pieces of what callers must not see: addresses, cookies, the session's id, prompts."""
        return ("://", "127.0.0.1", str(self.bing.port), COOKIE, "_U=", "IG=", "nobody-else", "Traceback", "SELECT")

    def ask(self, route: Route, scenario: str, prefer: str = "", **fields: Any) -> tuple[str, httpx.Response]:
        """Ask once; the prompt sent and the answer."""
        prompt = f"a fox for nobody-else {next(_numbers)} sandbox:{scenario}"
        headers = {"Prefer": prefer} if prefer else {}
        return prompt, self.http.post(route.path, json={route.field: prompt} | fields, headers=headers)

    def ask_all(self, route: Route, rows: Sequence[Row], **fields: Any) -> list[tuple[str, httpx.Response]]:
        """Ask for all rows at the same time, with a runner at work until the last answer."""
        with runner_at_work(), ThreadPoolExecutor(len(rows)) as pool:
            return list(pool.map(lambda row: self.ask(route, row.scenario, **fields), rows))

    def rule(self, scenario: str, **limits: Any) -> None:
        """Have Bing behave so from now on, and no longer as told before; `account`: only to this one."""
        for rule in ({"scenario": None}, {"scenario": scenario} | limits):
            httpx.post(f"{self.bing.url}/_sandbox/scenario", json=rule).raise_for_status()

    def renew_account(self, state: AccountState = AccountState.OK) -> None:
        """As if the operator had pasted a good cookie just now: nothing is held against the account any more."""
        alive = {"account": COOKIE, "is_alive": True}
        httpx.post(f"{self.bing.url}/_sandbox/account", json=alive).raise_for_status()
        self.account.rotate(self.account.cookies, timezone.now())
        if state != AccountState.UNCHECKED:
            self.account.mark(state, "", timezone.now())

    def submits(self, *prompts: str) -> list[int]:
        """How often each was sent to Bing."""
        return [self.bing.state.counts.submits_by_prompt[prompt] for prompt in prompts]

    def wait_until(self, condition: Callable[[], object], seconds: float = 15) -> None:
        """Look at the table until the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come to that"
            time.sleep(0.05)

    def check_at_once(self, route: Route, rows: Sequence[Row], subtests: pytest.Subtests, **fields: Any) -> None:
        """Ask for all rows at the same time; each answer against its row, then the account, which none has changed."""
        for row, (prompt, answer) in zip(rows, self.ask_all(route, rows, **fields), strict=True):
            with subtests.test(row.scenario):
                self.check(route, row, prompt, answer)
        self.check_account(UNTOUCHED)
        self.check_bing_unharmed()

    def check_in_turn(self, route: Route, rows: Sequence[Row], subtests: pytest.Subtests, **fields: Any) -> None:
        """Ask for one row after the other, each with a renewed account; answer and account against the row."""
        with runner_at_work():
            for row in rows:
                self.renew_account()
                prompt, answer = self.ask(route, row.scenario, **fields)
                with subtests.test(row.scenario):
                    self.check(route, row, prompt, answer)
                    self.check_account(row, route.kind)
        self.check_bing_unharmed()

    def check(self, route: Route, row: Row, prompt: str, answer: httpx.Response) -> None:
        """The answer, the task's row and what Bing saw, against the table; the account is `check_account`'s."""
        task = Task.objects.get(prompt=prompt)
        check_answer(route.answers[row.code], row, answer, self.secrets)
        assert answer.json()["error"].get("taskId") == str(task.pk)
        check_task(row, task)
        assert self.submits(prompt) == [row.submits]
        check_fetched(self.http.get(f"/task/{task.pk}"), row, self.secrets)

    def check_account(self, row: Row, kind: str = Kind.IMAGE) -> None:
        """State and cool-downs of the account against the table; its other capability is untouched."""
        self.account.refresh_from_db()
        assert self.account.state == row.account
        for capability in AccountCapability.objects.filter(account=self.account):
            is_meant = capability.capability == kind
            check_cooldown(capability.cooldown_until, row.cooldown_seconds if is_meant else 0)
            check_cooldown(capability.fast_cooldown_until, row.fast_cooldown_seconds if is_meant else 0)

    def check_bing_unharmed(self) -> None:
        """Bing saw no breach of its manners."""
        assert self.bing.state.counts.violations == 0, list(self.bing.state.violations)


def check_answer(expected: Shown, row: Row, answer: httpx.Response, secrets: tuple[str, ...]) -> None:
    """Status, body and headers of a failure."""
    assert answer.status_code == expected.status, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == (expected.type, expected.code, None)
    assert error.get("reason") == expected.reason
    wait = row.retry_after or expected.retry_after
    seen = answer.headers.get("retry-after")
    assert (seen is None) == (wait is None), f"Retry-After: {seen}"
    assert wait is None or abs(int(seen or 0) - wait) <= NEAR_SECONDS
    assert answer.headers.get("x-should-retry") == ("false" if expected.is_final or (wait or 0) > 60 else None)
    assert row.says in error["message"]
    assert answer.headers["x-request-id"]
    for secret in secrets:
        assert secret not in error["message"]


def check_task(row: Row, task: Task) -> None:
    """How the task's row has ended."""
    assert task.state in FINISHED
    assert (task.state, task.error_code) == (row.state, row.code), task.error_detail
    assert task.runner is None
    assert task.finished_at is not None
    assert (task.slot_until is not None) == row.keeps_slot, task.slot_until
    assert COOKIE not in task.error_detail


def check_fetched(answer: httpx.Response, row: Row, secrets: tuple[str, ...]) -> None:
    """The failed task, fetched: HTTP 200, the same failure in words and code."""
    assert answer.status_code == 200
    shown = answer.json()["data"]
    expected = BING_CREATE[row.code]
    assert (shown["status"], shown["errorType"], shown["errorCode"]) == ("failed", expected.type, expected.code)
    assert row.says in shown["error"]
    assert (shown["images"], shown["video"]) == ([], None)
    assert not any(secret in shown["error"] for secret in secrets)


def check_cooldown(until: Any, seconds: int) -> None:
    """A cool-down that ends about so many seconds from now; 0: none that still counts."""
    left = 0.0 if until is None else (until - timezone.now()).total_seconds()
    if seconds == 0:
        assert left <= 0, f"rests for {left:.1f} s"
    else:
        assert abs(left - seconds) <= NEAR_SECONDS, f"rests for {left:.1f} s"


def make_scene(http: httpx.Client, bing: SandboxServer) -> Scene:
    """A signed-in account with room for everything, and a past from which the runner knows when to look."""
    account = make_account("alice", cookie=COOKIE)
    AccountCapability.objects.filter(account=account).update(limit=100)
    at_bing = bing.state.account(COOKIE)
    at_bing.boosts = at_bing.fast_videos = at_bing.image_limit = at_bing.video_limit = 1000
    remember_quick_generations()
    return Scene(http, bing, account)


def remember_quick_generations() -> None:
    """Generations that were ready at once: the runner learns from them to look early."""
    now = timezone.now() - timedelta(minutes=5)
    for kind, lane in itertools.product(Kind.values, ("fast", "standard")):
        times: dict[str, Any] = dict.fromkeys(("created_at", "accepted_at", "finished_at"), now)
        for _ in range(5):
            make_task(state=State.COMPLETED, kind=kind, lane=lane, caller_id="user:earlier", prompt="earlier", **times)

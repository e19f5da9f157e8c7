"""What Bing's answer means for one task: whether, where and when to send it again, poll again, or fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, AccountCapability, AccountState
from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import ConnectionPool
from creator.models import State
from creator.protocol import NotReady
from creator.services.generation import _classify_pending, poll_task, submit_task, uncertain_until, visit_redirect
from creator.services.outcomes import Accepted, Completed, Failed, Pending, Rejected, Requeued, Uncertain
from creator.services.running_task import RunningTask
from creator.services.sessions import AccountSession, SessionPool
from tests.factories import make_account, make_task, set_capability

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")


def _with_session(account: Account, act: Callable[[AccountSession], Awaitable[T]]) -> T:
    async def run() -> T:
        async with ConnectionPool() as pool:
            return await act(SessionPool(pool).of(account))

    return asyncio.run(run())


def _generation(account: Account, prompt: str, **columns: Any) -> RunningTask:
    task = make_task(prompt=prompt, state=State.SUBMITTING, account=account, submit_at=timezone.now(), **columns)
    return RunningTask.of(task)


def _submit(account: Account, prompt: str, **columns: Any) -> Accepted | Rejected | Failed | Requeued | Uncertain:
    generation = _generation(account, prompt, **columns)
    return _with_session(account, lambda session: submit_task(generation, session, lambda: True))


def _cooldown_seconds(account: Account) -> float:
    row = AccountCapability.objects.get(account=account, capability="image")
    return (row.cooldown_until - timezone.now()).total_seconds() if row.cooldown_until else 0.0


def test_an_accepted_submit_brings_the_id_and_the_page_to_visit(bing: SandboxServer) -> None:
    """The redirect's id is the request id; its page is visited once, which changes nothing."""
    account = make_account()
    accepted = _submit(account, "a cat")
    assert isinstance(accepted, Accepted)
    assert accepted.request_id.startswith("1-")
    generation = _generation(account, "a cat")
    assert _with_session(account, lambda session: visit_redirect(generation, session, accepted.location)) is None
    assert describe(bing.state)["result_pages"] == 1


@pytest.mark.parametrize(
    ("scenario", "code"),
    [("block", "blocked"), ("review", "under_review"), ("language", "unsupported_language"), ("home", "blocked")],
)
def test_a_prompt_that_bing_refuses_is_not_sent_again(bing: SandboxServer, scenario: str, code: str) -> None:
    """Other accounts are not tried, because the prompt is at fault; no account is marked."""
    account, other = make_account(), make_account()
    outcome = _submit(account, f"x sandbox:{scenario}")
    assert isinstance(outcome, Rejected)
    assert outcome.error.code == code
    for row in (account, other):
        row.refresh_from_db()
        assert row.state == AccountState.OK
        assert _cooldown_seconds(row) == 0


def test_another_account_is_tried_at_once(bing: SandboxServer) -> None:
    """With a second usable account the task is requeued without a delay; it counts as a try."""
    account = make_account()
    make_account()
    outcome = _submit(account, "x sandbox:busy")
    assert isinstance(outcome, Requeued)
    assert (outcome.delay_seconds, outcome.is_counted) == (0.0, True)


@pytest.mark.parametrize(("retries", "pause"), [(0, 2.0), (1, 5.0), (2, 15.0)])
def test_the_only_account_is_tried_again_after_a_pause(
    bing: SandboxServer, settings: Settings, retries: int, pause: float
) -> None:
    """2, 5 and 15 s plus up to 10 %; the account is in a cooldown for this capability meanwhile."""
    settings.SUBMIT_RETRY_SECONDS = (2.0, 5.0, 15.0)
    account = make_account()
    outcome = _submit(account, "x sandbox:busy", retry_count=retries)
    assert isinstance(outcome, Requeued)
    assert pause <= outcome.delay_seconds <= pause * 1.1
    assert pause - 2 < _cooldown_seconds(account) <= pause


def test_after_the_last_try_the_task_fails_with_the_cause(bing: SandboxServer) -> None:
    """After three retries the task fails as too_many_running, with a cooldown of 30 s."""
    account = make_account()
    outcome = _submit(account, "x sandbox:busy", retry_count=3)
    assert isinstance(outcome, Rejected)
    assert outcome.error.code == "too_many_running"
    assert 25 < _cooldown_seconds(account) <= 30


def test_bings_own_hint_is_waited_for_up_to_half_a_minute(bing: SandboxServer) -> None:
    """Retry-After: 7 is the pause; Retry-After: 60 fails the task at once and is the account's cooldown."""
    account = make_account()
    outcome = _submit(account, "x sandbox:http-429-retry-after")
    assert isinstance(outcome, Requeued)
    assert 7 <= outcome.delay_seconds <= 7.7
    account = make_account()
    AccountCapability.objects.exclude(account=account).update(limit=0)
    outcome = _submit(account, "y sandbox:http-429-retry-after-60")
    assert isinstance(outcome, Rejected)
    assert (outcome.error.code, outcome.error.retry_after) == ("throttled", 60)
    assert 55 < _cooldown_seconds(account) <= 60


def test_a_hint_of_centuries_is_a_day(bing: SandboxServer) -> None:
    """A 429 with a date in 9999 is a refusal, and the cooldown ends the next day."""
    account = make_account()
    outcome = _submit(account, "x sandbox:http-429-in-9999")
    assert isinstance(outcome, Rejected)
    assert (outcome.error.code, outcome.error.retry_after) == ("throttled", 86400)
    assert 86_300 < _cooldown_seconds(account) <= 86_400


def test_an_account_at_fault_hands_over_without_using_up_a_try(bing: SandboxServer) -> None:
    """The expired account is marked; ten of them would not use up the task's tries."""
    dead = make_account("expired-one")
    make_account()
    outcome = _submit(dead, "x", retry_count=3)
    assert isinstance(outcome, Requeued)
    assert (outcome.delay_seconds, outcome.is_counted, outcome.error.code) == (0.0, False, "cookie_expired")
    dead.refresh_from_db()
    assert dead.state == AccountState.EXPIRED


def test_a_start_page_that_cannot_be_read_is_no_obstacle(bing: SandboxServer) -> None:
    """The session id is optional: the submit is sent without it, and no account is marked."""
    httpx.post(f"{bing.url}/_sandbox/scenario", json={"scenario": "home-unknown"}).raise_for_status()
    account = make_account(state=AccountState.UNCHECKED)
    assert isinstance(_submit(account, "x"), Accepted)
    account.refresh_from_db()
    assert account.state == AccountState.UNCHECKED


def test_a_task_is_requeued_if_the_start_page_never_arrives(bing: SandboxServer, settings: Settings) -> None:
    """The POST was not sent."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 0.5
    httpx.post(f"{bing.url}/_sandbox/scenario", json={"scenario": "home-stall"}).raise_for_status()
    outcome = _submit(make_account(), "x")
    assert isinstance(outcome, Requeued)
    assert describe(bing.state)["submits"]["total"] == 0


def test_an_unreadable_answer_may_be_an_acceptance(bing: SandboxServer) -> None:
    """The task fails as a protocol error, and the slot stays taken."""
    outcome = _submit(make_account(), "x sandbox:drift")
    assert isinstance(outcome, Failed)
    assert (outcome.error.code, outcome.may_run) == ("upstream_protocol_error", True)


def test_nothing_is_sent_if_may_send_is_false(bing: SandboxServer) -> None:
    """The task goes back into the queue, unsent and uncounted."""
    account = make_account()
    generation = _generation(account, "x")
    outcome = _with_session(account, lambda session: submit_task(generation, session, lambda: False))
    assert isinstance(outcome, Requeued)
    assert not outcome.is_counted
    assert describe(bing.state)["submits"]["total"] == 0


def test_a_fast_lane_in_a_cooldown_is_skipped(bing: SandboxServer) -> None:
    """`auto` uses the standard lane at once while the account has no boosts."""
    account = make_account()
    set_capability(account, "image", fast_cooldown_until=timezone.now() + timedelta(minutes=5))
    generation = _generation(account, "x")
    outcome = _with_session(account, lambda session: submit_task(generation, session, lambda: True))
    assert isinstance(outcome, Accepted)
    assert generation.lane == "standard"
    assert describe(bing.state)["submits"]["total"] == 1


@pytest.mark.parametrize(("speed", "submits"), [("auto", 2), ("standard", 1), ("fast", 1)])
def test_an_empty_balance_is_a_fault_of_the_account(bing: SandboxServer, speed: str, submits: int) -> None:
    """Reported 2026-11-30 as a refused prompt: the task fails as no_boosts, and the fast lane gets a cooldown."""
    account = make_account()
    outcome = _submit(account, "x sandbox:no-coins-ever", speed=speed)
    assert isinstance(outcome, Rejected)
    assert outcome.error.code == "no_boosts"
    assert describe(bing.state)["submits"]["total"] == submits
    row = AccountCapability.objects.get(account=account, capability="image")
    assert row.fast_cooldown_until is not None
    assert row.cooldown_until is None


def test_an_empty_balance_hands_over_to_another_account(bing: SandboxServer) -> None:
    """That account may have boosts left, or accept the prompt."""
    account = make_account()
    make_account()
    assert isinstance(_submit(account, "x sandbox:no-coins-ever", speed="standard"), Requeued)


def test_speed_fast_fails_while_the_fast_lane_is_in_a_cooldown(bing: SandboxServer) -> None:
    """Nothing is sent; the error says when boosts are checked again."""
    account = make_account()
    set_capability(account, "image", fast_cooldown_until=timezone.now() + timedelta(minutes=5))
    outcome = _submit(account, "x", speed="fast")
    assert isinstance(outcome, Rejected)
    assert outcome.error.code == "no_boosts"
    assert 290 < (outcome.error.retry_after or 0) <= 300
    assert describe(bing.state)["submits"]["total"] == 0


def _accepted_generation(account: Account, prompt: str) -> RunningTask:
    accepted = _submit(account, prompt)
    assert isinstance(accepted, Accepted)
    return _generation(account, prompt, request_id=accepted.request_id, lane="fast")


def test_failed_polls_are_counted_and_a_good_one_resets_the_count(bing: SandboxServer) -> None:
    """Two failures make two longer pauses; the result that follows resets the count."""
    account = make_account()
    generation = _accepted_generation(account, "x sandbox:instant sandbox:poll-http-500=2")

    async def poll(session: AccountSession) -> list[object]:
        return [await poll_task(generation, session) for _ in range(3)]

    first, second, third = _with_session(account, poll)
    assert isinstance(first, Pending)
    assert isinstance(second, Pending)
    assert isinstance(third, Completed)
    assert generation.failure_count == 0


@pytest.mark.parametrize(
    ("scenario", "code", "polls"),
    [
        ("poll-http-500", "upstream_interrupted", 4),
        ("poll-cut", "upstream_interrupted", 4),
        ("error-message", "upstream_protocol_error", 3),
        ("poll-drift", "upstream_protocol_error", 3),
        ("poll-overload", "upstream_overloaded", 3),
        ("unsafe", "unsafe_output", 1),
        ("poll-block", "blocked", 1),
        ("session-lost-anonymous", "cookie_expired", 4),
    ],
)
def test_a_generation_fails_after_enough_failed_polls(
    bing: SandboxServer, settings: Settings, scenario: str, code: str, polls: int
) -> None:
    """The number depends on whether Bing answers at all; a refusal of the prompt is final at once."""
    settings.POLL_TRIES = 4
    account = make_account()
    generation = _accepted_generation(account, f"x sandbox:instant sandbox:{scenario}=99")
    if scenario == "session-lost-anonymous":
        httpx.post(f"{bing.url}/_sandbox/account", json={"account": account.name, "is_alive": False}).raise_for_status()

    async def poll(session: AccountSession) -> list[object]:
        return [await poll_task(generation, session) for _ in range(polls)]

    *before, last = _with_session(account, poll)
    assert all(isinstance(seen, Pending) for seen in before)
    assert isinstance(last, Failed)
    assert last.error.code == code


@pytest.mark.parametrize(("scenario", "kind"), [("video-a-unknown", "video"), ("images-unknown", "image")])
def test_the_same_unknown_content_three_times_fails_the_task(
    bing: SandboxServer, caplog: pytest.LogCaptureFixture, scenario: str, kind: str
) -> None:
    """It may be a result in a new form, so the task does not wait for the deadline; its outline is logged."""
    account = make_account()
    prompt = f"x sandbox:instant sandbox:{scenario}"
    accepted = _submit(account, prompt, kind=kind, speed="standard")
    assert isinstance(accepted, Accepted)
    generation = _generation(account, prompt, kind=kind, request_id=accepted.request_id, lane="standard")

    async def poll(session: AccountSession) -> list[object]:
        return [await poll_task(generation, session) for _ in range(3)]

    first, second, last = _with_session(account, poll)
    assert isinstance(first, Pending)
    assert "section.studio-card[data-state]" in first.failure
    assert isinstance(second, Pending)
    assert isinstance(last, Failed)
    assert (last.error.code, last.may_run) == ("upstream_protocol_error", True)
    assert "section.studio-card[data-state]" in last.error.detail
    assert "section.studio-card[data-state]" in caplog.text


def test_unknown_content_that_changes_is_pending() -> None:
    """A pending answer of a known form in between resets the count."""
    generation = _generation(make_account(), "x")
    contents = ["10 %", "20 %", "20 %", "", "20 %", "20 %"]
    assert all(isinstance(_classify_pending(NotReady(unknown=text), generation), Pending) for text in contents)
    assert isinstance(_classify_pending(NotReady(unknown="20 %"), generation), Failed)


def test_an_uncertain_task_waits_for_the_time_limit_and_ten_seconds(settings: Settings) -> None:
    """Counted from the submit, whose time is in the row and so survives restarts."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 30
    claim = _generation(make_account(), "x").claim
    assert uncertain_until(claim) - claim.submit_at == timedelta(seconds=40)

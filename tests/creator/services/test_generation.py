"""What an answer of Bing's means for one task: send again, where and when, or not; look again, or give up."""

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
from bingproject.sandbox.control import describe
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream import Door
from creator.models import State
from creator.protocol import Images
from creator.services.generation import (
    Generation,
    GivenUp,
    Later,
    Refused,
    Requeue,
    Taken,
    Uncertain,
    poll_task,
    submit_task,
    uncertain_until,
    visit_redirect,
)
from creator.services.sessions import AccountSession, SessionPool
from tests.factories import make_account, make_task, set_capability

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")


def _with_session(account: Account, act: Callable[[AccountSession], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Door() as door:
            return await act(SessionPool(door).of(account))

    return asyncio.run(run())


def _generation(account: Account, prompt: str, **columns: Any) -> Generation:
    task = make_task(prompt=prompt, state=State.SUBMITTING, account=account, submit_at=timezone.now(), **columns)
    return Generation.of(task)


def _submit(account: Account, prompt: str, **columns: Any) -> Taken | Refused | Requeue | Uncertain:
    generation = _generation(account, prompt, **columns)
    return _with_session(account, lambda session: submit_task(generation, session, lambda: True))


def _rest(account: Account) -> float:
    row = AccountCapability.objects.get(account=account, capability="image")
    return (row.cooldown_until - timezone.now()).total_seconds() if row.cooldown_until else 0.0


def test_an_accepted_submit_brings_the_id_and_the_page_to_visit(bing: SandboxServer) -> None:
    """The redirect's id is the request id; its address is visited once, which changes nothing."""
    account = make_account()
    taken = _submit(account, "a cat")
    assert isinstance(taken, Taken)
    assert taken.request_id.startswith("1-")
    assert _with_session(account, lambda session: visit_redirect(session, taken.location)) == Later()
    assert describe(bing.state)["result_pages"] == 1


@pytest.mark.parametrize(
    ("scenario", "code"),
    [("block", "blocked"), ("review", "under_review"), ("language", "unsupported_language"), ("home", "blocked")],
)
def test_a_prompt_that_bing_refuses_is_not_sent_again(bing: SandboxServer, scenario: str, code: str) -> None:
    """Whatever other accounts there are: the prompt is at fault, and no account is marked."""
    account, other = make_account(), make_account()
    outcome = _submit(account, f"x sandbox:{scenario}")
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.may_run) == (code, False)
    for row in (account, other):
        row.refresh_from_db()
        assert row.state == AccountState.OK
        assert _rest(row) == 0


def test_another_account_is_asked_at_once(bing: SandboxServer) -> None:
    """With a second usable account the task goes back without a pause; it counts as one of the tries."""
    account = make_account()
    make_account()
    outcome = _submit(account, "x sandbox:busy")
    assert isinstance(outcome, Requeue)
    assert (outcome.delay_seconds, outcome.is_counted) == (0.0, True)


@pytest.mark.parametrize(("retries", "pause"), [(0, 2.0), (1, 5.0), (2, 15.0)])
def test_the_only_account_is_asked_again_after_a_pause(
    bing: SandboxServer, settings: Settings, retries: int, pause: float
) -> None:
    """2, 5 and 15 s with up to 10 % more, during which the account rests for this capability."""
    settings.SUBMIT_RETRY_SECONDS = (2.0, 5.0, 15.0)
    account = make_account()
    outcome = _submit(account, "x sandbox:busy", retry_count=retries)
    assert isinstance(outcome, Requeue)
    assert pause <= outcome.delay_seconds <= pause * 1.1
    assert pause - 2 < _rest(account) <= pause


def test_after_the_last_try_the_task_fails_with_the_cause(bing: SandboxServer) -> None:
    """Three tries again were not taken: too_many_running, and the account rests for 30 s."""
    account = make_account()
    outcome = _submit(account, "x sandbox:busy", retry_count=3)
    assert isinstance(outcome, Refused)
    assert outcome.error.code == "too_many_running"
    assert 25 < _rest(account) <= 30


def test_bings_own_hint_is_waited_for_up_to_half_a_minute(bing: SandboxServer) -> None:
    """Retry-After: 7 is the pause; Retry-After: 60 fails the task at once and rests the account that long."""
    account = make_account()
    outcome = _submit(account, "x sandbox:http-429-retry-after")
    assert isinstance(outcome, Requeue)
    assert 7 <= outcome.delay_seconds <= 7.7
    account = make_account()
    AccountCapability.objects.exclude(account=account).update(limit=0)
    outcome = _submit(account, "y sandbox:http-429-retry-after-60")
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.error.retry_after) == ("throttled", 60)
    assert 55 < _rest(account) <= 60


def test_an_account_at_fault_hands_over_without_using_up_a_try(bing: SandboxServer) -> None:
    """The dead account is marked; ten of them would not exhaust the task's tries."""
    dead = make_account("expired-one")
    make_account()
    outcome = _submit(dead, "x", retry_count=3)
    assert isinstance(outcome, Requeue)
    assert (outcome.delay_seconds, outcome.is_counted, outcome.error.code) == (0.0, False, "cookie_expired")
    dead.refresh_from_db()
    assert dead.state == AccountState.EXPIRED


def test_a_start_page_that_cannot_be_read_is_no_obstacle(bing: SandboxServer) -> None:
    """The session id is optional: the submit goes out without it, and no account is marked."""
    httpx.post(f"{bing.url}/_sandbox/scenario", json={"scenario": "home-unknown"}).raise_for_status()
    account = make_account(state=AccountState.UNCHECKED)
    assert isinstance(_submit(account, "x"), Taken)
    account.refresh_from_db()
    assert account.state == AccountState.UNCHECKED


def test_a_start_page_that_never_comes_costs_nothing(bing: SandboxServer, settings: Settings) -> None:
    """The POST was not sent, so the task may go back into the queue."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 0.5
    httpx.post(f"{bing.url}/_sandbox/scenario", json={"scenario": "home-stall"}).raise_for_status()
    outcome = _submit(make_account(), "x")
    assert isinstance(outcome, Requeue)
    assert describe(bing.state)["submits"]["total"] == 0


def test_a_page_that_cannot_be_read_may_have_been_a_yes(bing: SandboxServer) -> None:
    """Drift: the task fails as a protocol error, and the slot stays taken."""
    outcome = _submit(make_account(), "x sandbox:drift")
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.may_run) == ("upstream_protocol_error", True)


def test_nothing_is_sent_without_leave(bing: SandboxServer) -> None:
    """The fence before the POST: the task goes back, unsent and uncounted."""
    account = make_account()
    generation = _generation(account, "x")
    outcome = _with_session(account, lambda session: submit_task(generation, session, lambda: False))
    assert isinstance(outcome, Requeue)
    assert not outcome.is_counted
    assert describe(bing.state)["submits"]["total"] == 0


def test_the_fast_lane_of_a_resting_account_is_not_asked(bing: SandboxServer) -> None:
    """`auto` goes straight to the standard lane while boosts are known to be gone."""
    account = make_account()
    set_capability(account, "image", fast_cooldown_until=timezone.now() + timedelta(minutes=5))
    generation = _generation(account, "x")
    outcome = _with_session(account, lambda session: submit_task(generation, session, lambda: True))
    assert isinstance(outcome, Taken)
    assert generation.lane == "standard"
    assert describe(bing.state)["submits"]["total"] == 1


def _taken_generation(account: Account, prompt: str) -> Generation:
    taken = _submit(account, prompt)
    assert isinstance(taken, Taken)
    return _generation(account, prompt, request_id=taken.request_id, lane="fast")


def test_looks_that_bring_nothing_are_counted_and_forgotten_by_a_good_one(bing: SandboxServer) -> None:
    """Two bad answers make two longer pauses; the picture that follows forgets them."""
    account = make_account()
    generation = _taken_generation(account, "x sandbox:instant sandbox:poll-http-500=2")

    async def look(session: AccountSession) -> list[object]:
        return [await poll_task(generation, session) for _ in range(3)]

    first, second, third = _with_session(account, look)
    assert isinstance(first, Later)
    assert isinstance(second, Later)
    assert isinstance(third, Images)
    assert generation.failure_count == 0


@pytest.mark.parametrize(
    ("scenario", "code", "looks"),
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
def test_a_generation_is_given_up_after_enough_looks(
    bing: SandboxServer, settings: Settings, scenario: str, code: str, looks: int
) -> None:
    """How many depends on whether Bing answered at all; a refusal of the prompt is final at once."""
    settings.POLL_TRIES = 4
    account = make_account()
    generation = _taken_generation(account, f"x sandbox:instant sandbox:{scenario}=99")
    if scenario == "session-lost-anonymous":
        httpx.post(f"{bing.url}/_sandbox/account", json={"account": account.name, "is_alive": False}).raise_for_status()

    async def look(session: AccountSession) -> list[object]:
        return [await poll_task(generation, session) for _ in range(looks)]

    *before, last = _with_session(account, look)
    assert all(isinstance(seen, Later) for seen in before)
    assert isinstance(last, GivenUp)
    assert last.error.code == code


def test_the_grace_of_an_unknown_outcome_is_the_time_limit_and_ten_seconds(settings: Settings) -> None:
    """Counted from the submit, which the row remembers over restarts."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 30
    claim = _generation(make_account(), "x").claim
    assert uncertain_until(claim) - claim.submit_at == timedelta(seconds=40)

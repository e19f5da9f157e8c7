"""What the accounts' states and the queue's limits do to a request, before Bing is asked for anything.

Source of the rows: docs/wire/image_creator.md, section 6, first rows; docs/contracts.md, "Errors".
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, AccountCapability, AccountState
from creator.models import State, Task
from tests.factories import make_account, make_task
from tests.journeys.engine import runner_at_work
from tests.journeys.refusals import COOKIE, GENERATIONS, IMAGE, UNTOUCHED, VIDEO, Route, Row, Scene, check_answer

PASTE = "The operator must paste a new one."
NOT_SET = Row("instant", "cookie_not_set", "Add an account in the admin, or start with BING_COOKIE_U.")
NO_ACCOUNT = Row("instant", "no_account", "The operator finds the reason in the admin under Accounts.")
CHALLENGED = Row("instant", "challenge_required", "sign in with it in a browser")
BLOCKED = Row("instant", "account_blocked", "look at it in a browser")
RESTING = Row("instant", "throttled", "Retry-After", retry_after=600)
EXPIRED = Row("instant", "cookie_expired", PASTE, submits=0, account="expired")
ROUTES = [IMAGE, VIDEO, GENERATIONS]


def _check_refused_at_once(scene: Scene, route: Route, row: Row) -> None:
    """The answer comes from what is known already: nothing is written, nothing is sent, no worker is needed."""
    count = Task.objects.count()
    _, answer = scene.ask(route, row.scenario)
    check_answer(route.answers[row.code], row, answer, scene.secrets)
    assert "taskId" not in answer.json()["error"]
    assert Task.objects.count() == count
    assert (scene.bing.state.counts.submits, scene.bing.state.counts.homes) == (0, 0)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_no_account_at_all(scene: Scene, route: Route) -> None:
    """401 that names the setting where the original has it; 503 on OpenAI's route, which blames nobody's key."""
    Account.objects.all().delete()
    _check_refused_at_once(scene, route, NOT_SET)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_no_account_that_may_work(scene: Scene, route: Route) -> None:
    """Switched off, without a cookie, or allowed nothing: 503 `no_account`."""
    Account.objects.update(is_enabled=False)
    _check_refused_at_once(scene, route, NO_ACCOUNT)
    Account.objects.update(is_enabled=True, encrypted_cookies="")
    _check_refused_at_once(scene, route, NO_ACCOUNT)
    make_account("carol")
    AccountCapability.objects.update(limit=0)
    _check_refused_at_once(scene, route, NO_ACCOUNT)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_only_accounts_that_need_the_operator(scene: Scene, route: Route) -> None:
    """Challenged or blocked: 503 that says what the operator has to do."""
    Account.objects.update(state=AccountState.BLOCKED)
    _check_refused_at_once(scene, route, BLOCKED)
    make_account("carol", state=AccountState.CHALLENGED)
    _check_refused_at_once(scene, route, CHALLENGED)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_every_account_rests_longer_than_the_caller_waits(scene: Scene, route: Route) -> None:
    """429 until the first is back; the state of the accounts stays."""
    make_account("carol")
    capabilities = AccountCapability.objects.filter(capability=route.kind)
    capabilities.update(cooldown_until=timezone.now() + timedelta(seconds=900))
    capabilities.filter(account=scene.account).update(cooldown_until=timezone.now() + timedelta(seconds=600))
    _check_refused_at_once(scene, route, RESTING)
    scene.check_account(replace(UNTOUCHED, cooldown_seconds=600), route.kind)


def test_a_rest_that_ends_soon_is_waited_out(scene: Scene) -> None:
    """The task waits in the queue and is made by the account that comes back."""
    AccountCapability.objects.update(cooldown_until=timezone.now() + timedelta(seconds=1))
    with runner_at_work():
        prompt, answer = scene.ask(IMAGE, "instant")
    assert answer.status_code == 200, answer.text
    task = Task.objects.get(prompt=prompt)
    assert task.submit_at is not None
    assert (task.submit_at - task.created_at).total_seconds() >= 0.5
    assert scene.submits(prompt) == [1]


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_an_expired_account_is_looked_at_again_and_stays_expired(scene: Scene, route: Route) -> None:
    """One look at the start page, no submit; the task fails with the cause, and ten seconds long nobody looks again."""
    scene.bing.state.set_alive(scene.bing.state.account(COOKIE), False)
    Account.objects.update(state=AccountState.EXPIRED, checked_at=timezone.now() - timedelta(minutes=1))
    with runner_at_work():
        for _ in range(2):
            prompt, answer = scene.ask(route, "instant")
            scene.check(route, EXPIRED, prompt, answer)
    assert scene.bing.state.counts.homes == 1
    scene.check_account(EXPIRED)


def test_an_expired_account_that_came_back_serves_the_request(scene: Scene) -> None:
    """The look at the start page finds it signed in again: the caller notices nothing."""
    Account.objects.update(state=AccountState.EXPIRED, checked_at=timezone.now() - timedelta(minutes=1))
    with runner_at_work():
        prompt, answer = scene.ask(IMAGE, "instant")
    assert answer.status_code == 200, answer.text
    assert scene.submits(prompt) == [1]
    scene.check_account(UNTOUCHED)


def test_a_task_that_waited_too_long_for_an_account(scene: Scene, settings: Settings) -> None:
    """Every slot taken until the queue's deadline: 504 `expired`, never sent."""
    settings.QUEUE_DEADLINE_SECONDS = 1
    _take_every_slot(scene)
    row = Row("instant", "expired", "Start a new one.", submits=0, state=State.EXPIRED)
    with runner_at_work():
        prompt, answer = scene.ask(IMAGE, "instant")
    scene.check(IMAGE, row, prompt, answer)
    scene.check_account(UNTOUCHED)


@pytest.mark.parametrize("route", [IMAGE, GENERATIONS], ids=str)
def test_a_task_that_somebody_cancels_while_its_caller_waits(scene: Scene, route: Route) -> None:
    """The waiting caller gets 409 `cancelled`; nothing was sent."""
    _take_every_slot(scene)
    row = Row("instant", "cancelled", "cancelled before it was done", submits=0, state=State.CANCELLED)
    with runner_at_work(), ThreadPoolExecutor(1) as pool:
        asking = pool.submit(scene.ask, route, "instant")
        queued = Task.objects.filter(state=State.QUEUED)
        scene.wait_until(queued.exists)
        assert scene.http.delete(f"/task/{queued.get().pk}").status_code == 200
        prompt, answer = asking.result()
    scene.check(route, row, prompt, answer)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_more_waiting_tasks_than_allowed(scene: Scene, settings: Settings, route: Route) -> None:
    """429 `rate_limit_exceeded`, our own limit, of one holder and of all; nothing is written."""
    row = Row("instant", "rate_limit_exceeded", "Try again when some have finished.")
    make_task(kind=route.kind)
    settings.MAX_QUEUED_PER_HOLDER = 1
    _check_refused_at_once(scene, route, row)
    settings.MAX_QUEUED_PER_HOLDER, settings.MAX_QUEUED = 100, 1
    _check_refused_at_once(scene, route, row)


def _take_every_slot(scene: Scene) -> None:
    """As if an earlier request, whose end nobody learnt, were still running at Bing."""
    AccountCapability.objects.filter(account=scene.account).update(limit=1)
    make_task(
        state=State.FAILED, error_code="submit_outcome_unknown", account=scene.account, prompt="earlier",
        slot_until=timezone.now() + timedelta(minutes=2),
    )  # fmt: skip

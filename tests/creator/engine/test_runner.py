"""The runner against a sandbox: what is sent, stored, handed over, and never sent again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, AccountCapability, AccountState
from bingproject.errors import NoAccountError
from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import ConnectionPool
from creator.engine.runner import RunnerSlice, run_slice
from creator.models import Runner as RunnerRow
from creator.models import State, Task
from creator.protocol import Images
from creator.services import cancel_task, claims
from creator.services.outcomes import Accepted, Completed, Rejected, TimedOut, Uncertain, Unresolved
from creator.services.running_task import Claim
from tests.creator.engine.running import all_finished, claim_one, is_polling, reload, run_until
from tests.factories import make_account, make_runner, make_task, make_undecryptable, set_capability

# Runners of other machines, by the form of their ids.
HERE, THERE = "here/boot/1/1/1/a", "there/boot/1/1/1/b"

pytestmark = pytest.mark.django_db(transaction=True)


def _submits(bing: SandboxServer) -> int:
    return int(describe(bing.state)["submits"]["total"])


def test_pictures_are_made_end_to_end(bing: SandboxServer) -> None:
    """A queued task completes with Bing's pictures in order, and the account is marked as working."""
    account = make_account()
    task = make_task(prompt="a red fox 🦊 שלום")
    assert run_until(all_finished) == "handed over"
    task = reload(task)
    assert task.state == State.COMPLETED
    assert [result.index for result in task.results.all()] == [0, 1, 2, 3]
    assert all(result.url.startswith(f"{bing.url}/th/id/") for result in task.results.all())
    seen = describe(bing.state)
    assert seen["submits"]["by_prompt"] == {"a red fox 🦊 שלום": 1}
    assert seen["violation_count"] == 0
    account.refresh_from_db()
    assert account.state == AccountState.OK
    assert AccountCapability.objects.get(account=account, capability="image").last_success_at is not None
    assert not RunnerRow.objects.exists()


@pytest.mark.parametrize("scenario", ["video-a-bare", "video-a-tag", "video-b-bare"])
def test_a_finished_video_without_pid_is_found(bing: SandboxServer, scenario: str) -> None:
    """Reported 2026-11-30: it was polled until the deadline; its URL leads to the file."""
    make_account()
    task = make_task(prompt=f"a wave sandbox:{scenario}", kind="video", speed="standard")
    run_until(all_finished)
    task = reload(task)
    assert task.state == State.COMPLETED, task.error_detail
    assert httpx.get(task.video_url).headers["content-type"] == "video/mp4"


@pytest.mark.parametrize("scenario", ["video-a", "video-b", "video-c"])
def test_all_three_forms_of_a_finished_video_are_read(bing: SandboxServer, scenario: str) -> None:
    """The video's URL is the same in each form."""
    make_account()
    task = make_task(prompt=f"a wave sandbox:{scenario}", kind="video", speed="standard")
    run_until(all_finished)
    task = reload(task)
    assert task.state == State.COMPLETED, task.error_detail
    assert task.video_url.startswith(f"{bing.url}/th/id/")
    assert task.video_url.endswith("?pid=videocreator")


def test_a_lane_without_boosts_is_followed_by_the_standard_lane_once(bing: SandboxServer) -> None:
    """`auto` sends again on the standard lane, and only the account's fast lane gets a cooldown."""
    account = make_account()
    task = make_task(prompt="x sandbox:no-coins")
    run_until(all_finished)
    assert reload(task).state == State.COMPLETED
    assert reload(task).lane == "standard"
    capability = AccountCapability.objects.get(account=account, capability="image")
    assert capability.cooldown_until is None
    assert capability.fast_cooldown_until is not None
    assert _submits(bing) == 2


def test_fast_without_boosts_fails_as_no_boosts(bing: SandboxServer) -> None:
    """A caller that wants only the fast lane gets no_boosts; nothing is sent on the other lane."""
    make_account()
    task = make_task(prompt="x sandbox:no-coins", speed="fast")
    run_until(all_finished)
    assert (reload(task).state, reload(task).error_code) == (State.FAILED, "no_boosts")
    assert _submits(bing) == 1


def test_an_expired_cookie_hands_the_task_to_another_account(bing: SandboxServer) -> None:
    """The expired account is marked, and the other one makes the picture."""
    dead, alive = make_account("expired-one"), make_account("two")
    set_capability(alive, "image", served_at=timezone.now())
    task = make_task()
    run_until(all_finished)
    dead.refresh_from_db()
    assert dead.state == AccountState.EXPIRED
    assert (reload(task).state, reload(task).account_id) == (State.COMPLETED, alive.pk)


def test_an_expired_account_that_came_back_is_used_again(bing: SandboxServer) -> None:
    """If no other account is usable, the runner checks the expired one again before it fails the task."""
    account = make_account()
    Account.objects.filter(pk=account.pk).update(
        state=AccountState.EXPIRED, checked_at=timezone.now() - timedelta(minutes=1)
    )
    task = make_task()
    run_until(all_finished)
    account.refresh_from_db()
    assert account.state == AccountState.OK
    assert reload(task).state == State.COMPLETED


def test_tasks_that_no_account_can_take_fail_with_the_cause(bing: SandboxServer) -> None:
    """An account that stays expired fails the task as cookie_expired, and nothing is submitted."""
    make_account("expired-one", state=AccountState.EXPIRED)
    task = make_task()
    run_until(all_finished)
    assert (reload(task).state, reload(task).error_code) == (State.FAILED, "cookie_expired")
    assert _submits(bing) == 0


def test_a_cookie_that_expires_while_bing_works_fails_the_task_after_some_polls(
    bing: SandboxServer, settings: Settings
) -> None:
    """The account is marked expired, the task has the cause, and its slot stays taken while Bing may continue."""
    settings.POLL_TRIES = 3
    account = make_account()
    task = make_task(prompt="x sandbox:expire-mid")
    run_until(all_finished)
    account.refresh_from_db()
    task = reload(task)
    assert account.state == AccountState.EXPIRED
    assert (task.state, task.error_code) == (State.FAILED, "cookie_expired")
    assert task.slot_until is not None


def test_a_burst_of_503_is_waited_out(bing: SandboxServer) -> None:
    """503 means that nothing was accepted: the task is sent again after a pause and makes its picture."""
    make_account()
    task = make_task(prompt="x sandbox:http-503=2")
    run_until(all_finished)
    task = reload(task)
    assert (task.state, task.retry_count, task.attempt_count) == (State.COMPLETED, 2, 3)


def test_a_server_error_is_not_sent_again(bing: SandboxServer) -> None:
    """500 promises nothing: the task fails at once, and the account's slot stays taken for a while."""
    make_account()
    task = make_task(prompt="x sandbox:http-500")
    run_until(all_finished)
    task = reload(task)
    assert (task.state, task.error_code, _submits(bing)) == (State.FAILED, "upstream_unreachable", 1)
    assert task.slot_until is not None


@pytest.mark.parametrize("scenario", ["stall-accepted", "cut-accepted", "stall", "cut"])
def test_engine_rule_06_only_a_definite_refusal_is_sent_again(
    bing: SandboxServer, settings: Settings, scenario: str
) -> None:
    """A request without an answer is uncertain and stays one request, whether or not Bing accepted it."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 1.0
    make_account()
    task = make_task(prompt=f"x sandbox:{scenario}")
    run_until(lambda: reload(task).state == State.UNCERTAIN)
    assert reload(task).state == State.UNCERTAIN
    Task.objects.filter(pk=task.pk).update(submit_at=timezone.now() - timedelta(minutes=2))
    run_until(all_finished)
    task = reload(task)
    assert (task.state, task.error_code) == (State.FAILED, "submit_outcome_unknown")
    assert _submits(bing) == 1


def test_engine_rule_06_a_refused_connection_is_sent_again(settings: Settings) -> None:
    """Nothing was sent, so the task is requeued as often as there are pauses."""
    settings.BING_URL = settings.BING_MEDIA_URL = "http://127.0.0.1:9"
    settings.SUBMIT_RETRY_SECONDS = (0.1, 0.1)
    make_account()
    task = make_task()
    run_until(all_finished)
    task = reload(task)
    assert (task.state, task.error_code, task.attempt_count) == (State.FAILED, "upstream_unreachable", 3)
    assert task.slot_until is None


def test_engine_rule_01_submitting_is_committed_before_the_post(bing: SandboxServer) -> None:
    """While Bing has not answered the POST, another connection already reads the row as submitting."""
    make_account()
    task = make_task(prompt="x sandbox:stall")
    seen: list[str] = []

    def watch() -> bool:
        if _submits(bing) and not seen:
            seen.append(reload(task).state)
        return bool(seen)

    run_until(watch)
    assert seen == [State.SUBMITTING]


def test_engine_rule_03_a_runner_that_lost_the_row_changes_nothing() -> None:
    """Every write of a runner is guarded: with another owner, or in another state, the row is unchanged."""
    make_account()
    make_task()
    make_runner(id=HERE)
    mine = claim_one(HERE)
    assert mine.submit_at is not None
    claim = Claim(mine.pk, "image", HERE, 1, mine.submit_at)
    Task.objects.filter(pk=mine.pk).update(runner=THERE, state=State.POLLING, request_id="1-x")
    now = timezone.now()
    before = Task.objects.filter(pk=mine.pk).values().get()
    outcomes = (
        Accepted("1-y", "", "fast"),
        Rejected(NoAccountError()),
        Completed(Images(("https://th.bing.com/th/id/a",), "")),
        TimedOut(),
        Unresolved(),
        Uncertain(NoAccountError()),
    )
    assert [outcome.apply(claim, now) for outcome in outcomes] == [None] * len(outcomes)
    assert Task.objects.filter(pk=mine.pk).values().get() == before


def test_engine_rule_04_an_id_that_comes_after_the_lease_was_lost_is_kept(bing: SandboxServer) -> None:
    """Another runner made the row uncertain; the late id returns it to polling, free to be adopted."""
    make_account()
    make_task()
    make_runner(id=HERE)
    mine = claim_one(HERE)
    assert mine.submit_at is not None
    RunnerRow.objects.all().delete()
    make_runner(id=THERE)
    (adopted,) = claims.adopt(THERE, 10)
    assert adopted.state == State.UNCERTAIN
    claim = Claim(mine.pk, "image", HERE, mine.attempt_count, mine.submit_at)
    Accepted("1-abc", "", "fast").apply(claim, timezone.now())
    late = reload(mine)
    assert (late.state, late.request_id, late.runner) == (State.POLLING, "1-abc", None)


def test_engine_rule_04_the_id_is_stored_before_anything_else_is_asked(
    bing: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id is in the row before the redirect is visited or a poll is made."""
    # Longer than a busy machine takes to notice the row and to stop the runner, which then makes its first poll.
    monkeypatch.setattr("creator.engine.poll_schedule._FIRST_POLL_SECONDS", 10)
    make_account()
    task = make_task(prompt="x sandbox:slow")
    run_until(is_polling(task))
    task = reload(task)
    assert task.request_id.startswith("1-")
    assert describe(bing.state)["polls"]["total"] == 0


def test_engine_rule_05_nothing_is_sent_when_the_lease_is_about_to_end(bing: SandboxServer, settings: Settings) -> None:
    """A runner whose lease ends within a second requeues its claim instead of sending it."""

    async def run() -> str:
        async with ConnectionPool() as pool:
            return await RunnerSlice(pool).run(0.5)

    make_account()
    task = make_task()
    settings.RUNNER_LEASE_SECONDS = 0.9
    asyncio.run(run())
    assert _submits(bing) == 0
    assert reload(task).state == State.QUEUED


def test_a_polled_task_is_cancelled_at_once_and_its_slot_stays_taken(bing: SandboxServer) -> None:
    """The runner releases it; Bing may continue, so the slot is not given to another task yet."""
    set_capability(make_account(), "image", limit=1)
    task = make_task(prompt="x sandbox:slow")
    run_until(is_polling(task))
    cancelled = cancel_task(str(task.pk), "open", timezone.now())
    assert cancelled.state == State.CANCELLED
    assert run_until(lambda: reload(task).runner is None) == "handed over"
    make_task(prompt="second")
    make_runner(id=THERE)
    assert claims.account_loads("image", timezone.now()).total() == 1
    assert claims.claim(THERE, ["image"], 16) == []


def test_a_cancelled_submit_ends_cancelled_when_the_answer_comes(bing: SandboxServer) -> None:
    """A request to cancel during the POST is carried out when Bing has answered; the slot stays taken."""
    httpx.post(f"{bing.url}/_sandbox/options", json={"submit_seconds": 0.8}).raise_for_status()
    make_account()
    task = make_task(prompt="x")

    def cancelled() -> bool:
        if reload(task).state == State.SUBMITTING:
            cancel_task(str(task.pk), "open", timezone.now())
        return reload(task).is_finished

    run_until(cancelled)
    task = reload(task)
    assert (task.state, task.cancel_requested) == (State.CANCELLED, True)
    assert task.request_id.startswith("1-")
    assert task.slot_until is not None


def test_a_stop_hands_over_and_the_next_runner_goes_on(bing: SandboxServer) -> None:
    """After a clean stop no task has a runner, nothing is sent twice, and the next runner finishes the work."""
    set_capability(make_account(), "image", limit=10)
    tasks = [make_task(prompt=f"number {n} sandbox:slow=2") for n in range(6)]
    run_until(lambda: Task.objects.filter(state=State.POLLING).count() == len(tasks))
    assert not RunnerRow.objects.exists()
    assert not Task.objects.exclude(runner=None).exists()
    run_until(all_finished)
    assert {reload(task).state for task in tasks} == {State.COMPLETED}
    assert _submits(bing) == len(tasks)


def test_a_machine_has_only_one_runner(bing: SandboxServer) -> None:
    """A second runner finds the machine's slot taken and ends at once."""
    assert claims.open_lease(claims.runner_identity())

    async def second() -> str:
        async with ConnectionPool() as pool:
            return await RunnerSlice(pool).run(5)

    assert asyncio.run(second()) == "no-slot"


def test_a_runner_that_lost_its_lease_stops(bing: SandboxServer) -> None:
    """If its row is gone, the runner ends without touching tasks that others may have adopted."""
    make_account()
    task = make_task(prompt="x sandbox:slow")

    def take_lease() -> bool:
        if reload(task).state == State.POLLING:
            RunnerRow.objects.all().delete()
        return False

    assert run_until(take_lease, limit_seconds=15) == "lease lost"
    assert reload(task).state == State.POLLING


def test_a_task_of_a_removed_account_fails_with_a_reason(bing: SandboxServer) -> None:
    """It is not polled any longer."""
    account = make_account()
    task = make_task(prompt="x sandbox:slow")
    run_until(is_polling(task))
    account.delete()
    run_until(all_finished)
    assert (reload(task).state, reload(task).error_code) == (State.FAILED, "no_account")


def test_a_slice_opens_and_closes_its_own_connections(bing: SandboxServer, settings: Settings) -> None:
    """`run_slice` returns at once if the machine's slot is taken, with every connection closed."""
    assert claims.open_lease(claims.runner_identity())
    assert asyncio.run(run_slice()) == "no-slot"


@pytest.mark.parametrize("column", ["encrypted_cookies", "encrypted_jar", "encrypted_proxy"])
def test_an_account_that_no_key_decrypts_affects_no_other(bing: SandboxServer, column: str) -> None:
    """Another account makes its picture, no task is uncertain, and the row says which credentials are needed."""
    lost, alive = make_account(), make_account()
    make_undecryptable(lost, column)
    set_capability(alive, "image", served_at=timezone.now())
    task = make_task()
    assert run_until(all_finished) == "handed over"
    assert (reload(task).state, reload(task).account_id) == (State.COMPLETED, alive.pk)
    lost.refresh_from_db()
    assert lost.state == AccountState.EXPIRED
    assert f"{'proxy' if 'proxy' in column else 'cookies'} cannot be decrypted" in lost.state_reason
    assert _submits(bing) == 1


def test_a_polled_task_of_an_account_that_no_key_decrypts_fails_after_some_polls(
    bing: SandboxServer, settings: Settings
) -> None:
    """Not at once, since the operator may fix the keys meanwhile; other tasks continue."""
    settings.POLL_TRIES, settings.POLL_BACKOFF_SECONDS = 2, 0.1
    lost = make_account()
    asked = make_task(prompt="x sandbox:slow")
    run_until(is_polling(asked))
    make_undecryptable(lost, "encrypted_cookies")
    set_capability(make_account(), "image", served_at=timezone.now())
    other = make_task()
    assert run_until(all_finished) == "handed over"
    assert (reload(asked).state, reload(asked).error_code) == (State.FAILED, "cookie_expired")
    assert reload(asked).slot_until is not None
    assert reload(other).state == State.COMPLETED

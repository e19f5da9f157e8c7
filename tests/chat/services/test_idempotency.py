"""Answers that are kept: produced once per key, to their end, whoever waits for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, cast

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from cryptography.fernet import Fernet
from django.db import OperationalError, connections
from django.utils import timezone
from pytest_django import Settings

from bingproject.errors import (
    AccountThrottledError,
    ConflictError,
    InternalError,
    InvalidRequestError,
    SubmitOutcomeUnknownError,
    UpstreamTimeoutError,
)
from bingproject.security.encryption import encrypt
from chat.models import IdempotentAnswer
from chat.services import idempotency
from chat.services.idempotency import CompletedAnswer, IdempotentRequest, answer_once

pytestmark = pytest.mark.django_db(transaction=True)

KEY = IdempotentRequest("open", "chat/completions", "key-1", '{"a": 1}')


class Work:
    """What a view does for an answer: counts how often it was done, ends when it may."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.begun = self.ended = 0
        self.may_end = asyncio.Event()
        self._failure = failure

    async def __call__(self) -> CompletedAnswer:
        """The answer, or the failure."""
        self.begun += 1
        await self.may_end.wait()
        await sync_to_async(IdempotentAnswer.objects.count)()  # a thread is needed up to the end
        self.ended += 1
        if self._failure is not None:
            raise self._failure
        return CompletedAnswer(200, {"number": self.begun, "text": "ä “quoted”"}, {"x-bing-ignored": "seed"})


def run(story: Callable[[], Awaitable[Any]]) -> Any:
    """The story in an event loop."""

    async def canonical() -> Any:
        return await asyncio.wait_for(story(), 20)

    return asyncio.run(canonical())


async def begun(work: Work) -> None:
    """Wait until it is being done."""
    for _ in range(1000):
        if work.begun:
            return
        await asyncio.sleep(0.01)
    pytest.fail("nobody began")


async def awaited() -> None:
    """Wait until somebody waits for its answer by the row."""
    for _ in range(1000):
        if await IdempotentAnswer.objects.filter(headers=idempotency.AWAITED).aexists():
            return
        await asyncio.sleep(0.01)
    pytest.fail("nobody waits")


def make_row(alive_seconds: float) -> IdempotentAnswer:
    """That of a turn that another process began a while ago, and says that it lives for so long."""
    now = timezone.now()
    return IdempotentAnswer.objects.create(
        caller_id=KEY.caller_id,
        route=KEY.route,
        key=KEY.key,
        body_hash=KEY.body_hash,
        alive_until=now + timedelta(seconds=alive_seconds),
        created_at=now - timedelta(seconds=40),
    )


def test_the_same_request_gets_the_same_answer() -> None:
    """Produced once, headers included; the repeat says that it is one. Encrypted in the table."""

    async def story() -> None:
        work = Work()
        work.may_end.set()
        first, second = await answer_once(KEY, work), await answer_once(KEY, work)
        assert (first.status, first.body, first.is_replayed) == (200, {"number": 1, "text": "ä “quoted”"}, False)
        assert (second.status, second.body, second.is_replayed) == (200, first.body, True)
        assert first.headers == second.headers == {"x-bing-ignored": "seed"}
        assert work.begun == 1

    run(story)
    assert "quoted" not in IdempotentAnswer.objects.get().encrypted_answer


def test_a_repeat_waits_for_the_answer_that_is_being_produced() -> None:
    """Three at once: one is asked, all are answered."""

    async def story() -> None:
        work = Work()
        asking = [asyncio.create_task(answer_once(KEY, work)) for _ in range(3)]
        await begun(work)
        work.may_end.set()
        answers = await asyncio.gather(*asking)
        assert [cast(dict[str, Any], answer.body)["number"] for answer in answers] == [1, 1, 1]
        assert sorted(answer.is_replayed for answer in answers) == [False, True, True]

    run(story)


def test_another_holder_route_or_key_is_another_request() -> None:
    """Each is answered for itself."""

    async def story() -> None:
        work = Work()
        work.may_end.set()
        for key in (
            KEY,
            IdempotentRequest("b", KEY.route, KEY.key, KEY.body),
            IdempotentRequest(KEY.caller_id, "chatgpt", KEY.key, KEY.body),
        ):
            assert not (await answer_once(key, work)).is_replayed
        assert work.begun == 3

    run(story)


def test_another_body_under_the_same_key_is_refused() -> None:
    """idempotency_mismatch, also while the first runs; nothing is produced."""

    async def story() -> None:
        work, other = Work(), Work()
        asking = asyncio.create_task(answer_once(KEY, work))
        await begun(work)
        with pytest.raises(InvalidRequestError) as refusal:
            await answer_once(IdempotentRequest(KEY.caller_id, KEY.route, KEY.key, '{"a": 2}'), other)
        assert (refusal.value.code, refusal.value.param) == ("idempotency_mismatch", "Idempotency-Key")
        work.may_end.set()
        await asking
        assert other.begun == 0

    run(story)


def test_what_was_begun_runs_to_its_end_though_the_caller_leaves() -> None:
    """Also when the request's own thread is gone; the repeat finds the answer."""

    async def story() -> None:
        work = Work()
        with ThreadPoolExecutor(1) as thread:
            async with ThreadSensitiveContext(executor=thread):
                asking = asyncio.create_task(answer_once(KEY, work))
                await begun(work)
                asking.cancel()
                await asyncio.wait({asking})
                assert asking.cancelled()
            thread.submit(connections.close_all).result()
        work.may_end.set()
        assert (await answer_once(KEY, work)).is_replayed
        assert (work.begun, work.ended) == (1, 1)

    run(story)


def test_a_caller_who_leaves_while_the_key_is_written_down_leaves_no_dead_key() -> None:
    """The turn is held all the same: whoever comes back gets its answer, and nobody is told that the server stopped."""

    async def story() -> None:
        work = Work()
        work.may_end.set()
        asking = asyncio.create_task(answer_once(KEY, work))
        await asyncio.sleep(0)  # by now a thread is at the row
        asking.cancel()
        await asyncio.wait({asking})
        assert asking.cancelled()
        assert (await answer_once(KEY, work)).is_replayed
        assert (work.begun, work.ended) == (1, 1)

    run(story)


def test_a_failure_is_not_kept() -> None:
    """Its caller gets it, whoever waits along gets the same with the time to come again, and the next one asks anew."""

    async def story() -> None:
        failing, good = Work(AccountThrottledError(retry_after=3600)), Work()
        asking = asyncio.create_task(answer_once(KEY, failing))
        await begun(failing)
        joining = asyncio.create_task(answer_once(KEY, good))
        await asyncio.sleep(0.05)
        failing.may_end.set()
        for caller in (asking, joining):
            with pytest.raises(AccountThrottledError) as failure:
                await caller
            assert failure.value.retry_after == 3600
        assert not await IdempotentAnswer.objects.aexists()
        good.may_end.set()
        assert not (await answer_once(KEY, good)).is_replayed

    run(story)


def test_what_another_process_produces_is_waited_for() -> None:
    """Its answer is handed out; where it ended without one, whoever waited is told to try again."""
    row = make_row(alive_seconds=30)

    async def story() -> None:
        work = Work()
        waiting = asyncio.create_task(answer_once(KEY, work))
        await asyncio.sleep(0.05)
        await IdempotentAnswer.objects.aupdate(status=200, encrypted_answer=encrypt('{"number": 7}'))
        answered = await waiting
        assert (answered.body, answered.is_replayed) == ({"number": 7}, True)
        await IdempotentAnswer.objects.aupdate(status=None)
        waiting = asyncio.create_task(answer_once(KEY, work))
        await asyncio.sleep(0.05)
        await row.adelete()
        with pytest.raises(UpstreamTimeoutError):
            await waiting
        assert work.begun == 0

    run(story)


def test_the_failure_of_another_process_is_told() -> None:
    """Whoever waits for it gets what its own caller got; who comes later asks anew."""

    async def story() -> None:
        failing, good = Work(AccountThrottledError("Slow down.", retry_after=3600, param="messages")), Work()
        asking = asyncio.create_task(answer_once(KEY, failing))
        await begun(failing)
        # As another process would wait for it: by the row alone.
        waiting = [asyncio.create_task(idempotency._wait(KEY)) for _ in range(2)]
        await awaited()
        failing.may_end.set()
        for caller in (asking, *waiting):
            with pytest.raises(AccountThrottledError, match=r"Slow down\.") as failure:
                await caller
            assert (failure.value.retry_after, failure.value.param) == (3600, "messages")
        good.may_end.set()
        assert not (await answer_once(KEY, good)).is_replayed
        assert good.begun == 1

    run(story)


def test_a_bug_of_another_process_is_told_as_one() -> None:
    """Without its text."""

    async def story() -> None:
        failing = Work(RuntimeError("a secret"))
        asking = asyncio.create_task(answer_once(KEY, failing))
        await begun(failing)
        waiting = asyncio.create_task(idempotency._wait(KEY))
        await awaited()
        failing.may_end.set()
        with pytest.raises(RuntimeError):
            await asking
        with pytest.raises(InternalError) as failure:
            await waiting
        assert "secret" not in failure.value.message

    run(story)


def test_an_answer_under_a_lost_seal_key_is_a_conflict(settings: Settings) -> None:
    """One clear error that says what to do, and nothing is asked again unasked."""

    async def story() -> None:
        work = Work()
        work.may_end.set()
        await answer_once(KEY, work)
        settings.SEAL_KEYS = [Fernet.generate_key().decode()]
        with pytest.raises(ConflictError, match="Use a new Idempotency-Key"):
            await answer_once(KEY, work)
        assert work.begun == 1

    run(story)


def test_a_request_whose_process_died_is_not_asked_again() -> None:
    """Nobody knows what became of it: submit_outcome_unknown, at once."""
    make_row(alive_seconds=-1)

    async def story() -> None:
        work = Work()
        with pytest.raises(SubmitOutcomeUnknownError):
            await answer_once(KEY, work)
        assert work.begun == 0

    run(story)


def test_who_produces_says_that_it_lives() -> None:
    """The row is renewed while the answer is being produced, however long that takes."""

    async def story() -> None:
        work = Work()
        asking = asyncio.create_task(answer_once(KEY, work, renew_seconds=0.02))
        await begun(work)
        first = (await IdempotentAnswer.objects.aget()).alive_until
        for _ in range(1000):
            if (await IdempotentAnswer.objects.aget()).alive_until > first:
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("it was not renewed")
        work.may_end.set()
        await asking

    run(story)


def test_after_a_day_a_key_is_free() -> None:
    """What was kept is forgotten; the next request with it is a new one."""

    async def story() -> None:
        work = Work()
        work.may_end.set()
        await answer_once(KEY, work)
        await IdempotentAnswer.objects.aupdate(created_at=timezone.now() - timedelta(hours=25))
        assert not (await answer_once(KEY, work)).is_replayed
        assert work.begun == 2

    run(story)


def test_bodies_are_told_apart_by_their_hash() -> None:
    """Never kept themselves."""
    assert len(KEY.body_hash) == 64
    assert KEY.body_hash != IdempotentRequest("open", KEY.route, KEY.key, json.dumps({"a": 2})).body_hash


def test_a_database_outage_does_not_replace_the_failure_of_the_turn(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: Any) -> None:
        raise OperationalError("the database is down")

    monkeypatch.setattr(idempotency, "_end_without_answer", fail)
    work = Work(AccountThrottledError("Slow down."))
    work.may_end.set()
    with pytest.raises(AccountThrottledError, match="Slow down"):
        run(lambda: answer_once(KEY, work))
    assert "a failure was not kept for its Idempotency-Key: OperationalError" in caplog.text

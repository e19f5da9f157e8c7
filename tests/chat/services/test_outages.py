"""A database that does not answer at the end of a turn: the caller has the answer all the same, and pays once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import OperationalError

from accounts.models import Lease
from bingproject.sandbox.server import SandboxServer
from chat.models import Conversation, IdempotentAnswer
from chat.services.idempotency import CompletedAnswer, IdempotentRequest, answer_once
from tests.chat.turns import answer_of, ask, said, seen
from tests.factories import make_account

pytestmark = pytest.mark.django_db(transaction=True)


def _fail(*_arguments: Any, **_options: Any) -> None:
    raise OperationalError("server closed the connection unexpectedly")


def test_an_answer_is_handed_out_though_its_turn_cannot_be_written(
    hub: SandboxServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Lease and claim end by themselves; the next message opens another conversation, with all that was said."""
    make_account()
    with monkeypatch.context() as patched:
        patched.setattr("chat.services.turn_store.end_turn", _fail)
        answer = answer_of(ask("first"))
    assert answer
    assert "an answered turn was not recorded" in caplog.text
    assert Lease.objects.count() == Conversation.objects.filter(claimed_until__isnull=False).count() == 1
    assert answer_of(ask("second", said(("first", answer))))
    assert seen(hub)["creates"] == 2


def test_an_answer_is_handed_out_though_it_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row says nothing of an answer: a repeat learns that nobody knows, and is not answered anew."""
    monkeypatch.setattr("chat.services.idempotency._keep", _fail)

    async def produce() -> CompletedAnswer:
        return CompletedAnswer(200, {"text": "made"})

    async def story() -> CompletedAnswer:
        return await answer_once(IdempotentRequest("open", "chat/completions", "key-1", "{}"), produce)

    assert asyncio.run(story()).body == {"text": "made"}
    assert IdempotentAnswer.objects.get().status is None


def test_a_failure_is_not_replaced_by_that_of_the_database(hub: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is told why there is no answer."""
    make_account()
    monkeypatch.setattr("chat.services.turn_store.end_turn", _fail)
    with pytest.raises(Exception, match=r"captcha|check|human") as caught:
        ask("hello sandbox:captcha")
    assert not isinstance(caught.value, OperationalError)

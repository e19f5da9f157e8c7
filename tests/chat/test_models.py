"""Conversations as rows: the claim that keeps two turns apart, and secrets encrypted."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from chat.models import CLAIM_MARGIN_SECONDS, Conversation, IdempotentAnswer, Origin, Turn, claim_end
from tests.chat.turns import make_conversation, make_turn

pytestmark = pytest.mark.django_db


def fresh(row: Conversation) -> Conversation:
    """As the database has it."""
    return Conversation.objects.get(pk=row.pk)


def test_a_claim_is_one_callers_until_it_is_released() -> None:
    """The second is told no; whose claim it is not cannot end it."""
    row, now = make_conversation(), timezone.now()
    assert row.take("one", now)
    assert not fresh(row).take("two", now)
    assert not row.release("two", last_error="x")
    assert fresh(row).claim == "one"
    assert row.release("one", turn_count=1, used_at=now)
    assert (fresh(row).claim, fresh(row).claimed_until, fresh(row).turn_count) == ("", None, 1)
    assert fresh(row).take("two", now)


def test_what_was_read_before_another_turn_cannot_be_claimed() -> None:
    """A turn that ended since has changed what the row says: it must be read again."""
    row, now = make_conversation(), timezone.now()
    read_before = fresh(row)
    assert row.take("one", now)
    assert row.release("one", used_at=now + timedelta(seconds=1), upstream_turn_count=1)
    assert not read_before.take("two", now)
    assert fresh(row).take("two", now)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's plan is fixed by the text; PostgreSQL counts rows")
def test_a_history_is_found_by_its_key() -> None:
    """Not by reading every chat of the holder, newest first."""
    with CaptureQueriesContext(connection) as asked:
        assert Conversation.objects.continuing("key", "user:anna", "balanced", timezone.now()) == []
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked[0]['sql']}")
        plan = " ".join(row[-1] for row in cursor.fetchall())
    assert "history_key=?" in plan


def test_the_claim_of_the_dead_ends_by_itself(settings: Settings) -> None:
    """Later than the longest turn can last; what its process writes after that comes too late."""
    settings.CHAT_TURN_SECONDS = 10.0
    row, now = make_conversation(), timezone.now()
    assert claim_end(now) == now + timedelta(seconds=10 + CLAIM_MARGIN_SECONDS)
    assert row.take("dead", now)
    assert row not in Conversation.objects.idle(now)
    late = claim_end(now) + timedelta(seconds=1)
    assert fresh(row) in Conversation.objects.idle(late)
    assert fresh(row).take("alive", late)
    assert not row.release("dead", last_error="x")
    assert fresh(row).claim == "alive"


@pytest.mark.django_db(transaction=True)
def test_of_many_that_claim_at_once_one_succeeds() -> None:
    """One conditional UPDATE decides, on every database."""
    row, now, start = make_conversation(), timezone.now(), threading.Barrier(12)

    def take(number: int) -> bool:
        start.wait(20)
        try:
            return fresh(row).take(str(number), now)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(take, range(12))) == 1


def test_secrets_are_encrypted() -> None:
    """Neither Bing's tokens nor the system prompt can be read in the table."""
    row = make_conversation(system="a secret system prompt", credentials={"token": "a-secret-token"})
    columns = Conversation.objects.filter(pk=row.pk).values_list().get()
    assert not any("secret" in str(column) for column in columns)
    assert (fresh(row).system, fresh(row).credentials) == ("a secret system prompt", {"token": "a-secret-token"})


def test_without_an_upstream_end_there_are_no_credentials() -> None:
    """Losing it takes the count of its turns along."""
    row = make_conversation(credentials={"token": "x"}, upstream_turn_count=7)
    row.set_credentials({}, None)
    assert (row.credentials, row.encrypted_credentials, row.opened_at, row.upstream_turn_count) == ({}, "", None, 0)


def test_names_in_lists() -> None:
    """What an operator or a log reads."""
    row = make_conversation(origin=Origin.TWO_CALL)
    assert str(make_turn(row, index=3)) == f"{row.pk} 3"
    assert str(IdempotentAnswer(route="chatgpt", key="abc")) == "chatgpt abc"


def test_turns_go_with_their_conversation_in_order() -> None:
    """By number, then as they came; deleted with it."""
    row = make_conversation()
    made = [make_turn(row, index=index) for index in (1, 0, 0)]
    assert [turn.pk for turn in row.turns.all()] == [made[1].pk, made[2].pk, made[0].pk]
    row.delete()
    assert not Turn.objects.exists()


def test_one_answer_for_a_key_of_a_holder_and_route() -> None:
    """Another holder or route may use the same key."""
    now = timezone.now()
    columns = {"key": "k", "body_hash": "", "alive_until": now, "created_at": now}
    for caller_id, route in (("a", "x"), ("a", "y"), ("b", "x")):
        IdempotentAnswer.objects.create(caller_id=caller_id, route=route, **columns)
    with pytest.raises(IntegrityError), transaction.atomic():
        IdempotentAnswer.objects.create(caller_id="a", route="x", **columns)


@pytest.mark.parametrize(("caller_id", "name"), [("user:anna", "anna"), ("open", "no key")])
def test_a_conversation_is_named_by_who_and_when(caller_id: str, name: str) -> None:
    """And by nothing that was said."""
    made = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
    assert str(Conversation(caller_id=caller_id, created_at=made)) == f"{name}, 2026-03-02 12:30"

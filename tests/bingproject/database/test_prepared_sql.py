"""Rows read and written by kept statements: the same values as Django's own ways give and store."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from bingproject.database.prepared_sql import columns_of, insert, load
from chat.models import Conversation, Origin, Turn, TurnState
from tests.chat.turns import make_conversation

pytestmark = pytest.mark.django_db

TEXT = f"SELECT {columns_of(Conversation, 'c')}, 7 FROM chat_conversation c WHERE c.caller_id = %s"


def test_a_row_is_read_as_django_reads_it() -> None:
    """Ids, times with their zone, numbers, nothing where nothing is; what else was selected comes beside it."""
    row = make_conversation(caller_id="user:anna", claimed_until=timezone.now())
    ((found, more),) = load(Conversation, TEXT, ["user:anna"])
    expected = Conversation.objects.get(pk=row.pk)
    names = [field.attname for field in Conversation._meta.concrete_fields]
    assert [getattr(found, name) for name in names] == [getattr(expected, name) for name in names]
    assert more == (7,)
    assert not found._state.adding


def test_no_row_is_none() -> None:
    """An empty list."""
    assert load(Conversation, TEXT, ["user:nobody"]) == []


def test_a_row_is_written_as_django_writes_it() -> None:
    """One whose key is made here, and one whose key the database makes, with JSON and empty places."""
    now = timezone.now()
    conversation = Conversation(
        caller_id="user:anna", origin=Origin.CREATED, model="creative", created_at=now, used_at=now
    )
    insert(conversation)
    turn = Turn(
        conversation=conversation,
        index=3,
        state=TurnState.LEFT,
        prompt="ä \u2028",
        sources=[{"title": "é", "url": "https://a.example"}],
        started_at=now - timedelta(seconds=1),
    )
    insert(turn)
    stored = Turn.objects.select_related("conversation").get()
    assert stored.conversation.created_at == now
    assert (stored.conversation.caller_id, stored.conversation.origin, stored.index) == ("user:anna", Origin.CREATED, 3)
    assert (stored.prompt, stored.sources, stored.suggestions) == (turn.prompt, turn.sources, [])
    assert (stored.started_at, stored.finished_at, stored.account) == (turn.started_at, None, None)
    assert not conversation._state.adding

"""What operators want to know of chats at a glance, from rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bingproject.database.statistics import Course
from chat.models import TurnState
from chat.services import statistics
from tests.chat.turns import make_conversation, make_turn
from tests.factories import make_account

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_turns_are_told_by_how_they_ended() -> None:
    """A caller who cut an answer has one, who left is nobody's failure; a turn that runs has not ended."""
    row = make_conversation()
    begin = NOW - timedelta(seconds=4)
    for state in (TurnState.FINISHED, TurnState.REFUSED, TurnState.FAILED, TurnState.LEFT, TurnState.CUT):
        make_turn(row, state=state, started_at=begin, finished_at=NOW)
    make_turn(row, state=TurnState.RUNNING, started_at=begin, finished_at=None)
    hour = statistics.read_turns(NOW).last_hour
    assert (hour.made, hour.refused, hour.failed) == (2, 1, 1)
    assert hour.p50 == pytest.approx(4, abs=0.01)


def test_without_turns_there_is_nothing_to_tell() -> None:
    """An empty course, no error."""
    assert statistics.read_turns(NOW) == Course()


def test_the_newest_failed_turns_come_first() -> None:
    """With account and conversation in one query."""
    row, account = make_conversation(), make_account("anna")
    old = make_turn(row, state=TurnState.FAILED, started_at=NOW - timedelta(hours=1))
    new = make_turn(row, state=TurnState.FAILED, started_at=NOW, account=account)
    make_turn(row)
    with CaptureQueriesContext(connection) as queries:
        found = [(turn, str(turn.account), turn.conversation_id) for turn in statistics.newest_failed_turns(5)]
    assert found == [(new, "anna", row.pk), (old, "None", row.pk)]
    assert len(queries) == 1


def test_who_chats_most_today() -> None:
    """Turns since midnight, UTC, by caller."""
    anna, bert = make_conversation(caller_id="user:anna"), make_conversation(caller_id="user:bert")
    for row in (anna, anna, bert):
        make_turn(row, started_at=NOW)
    make_turn(bert, started_at=NOW - timedelta(days=1))
    assert statistics.busiest_callers(NOW, 5) == [("user:anna", 2), ("user:bert", 1)]

"""The list's query: what it takes, and cursors that cannot be anything else."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from django.http import QueryDict

from bingproject.errors import InvalidRequestError
from creator.api.serializers.queries import TaskQuery, build_cursor, parse_cursor
from creator.models import FINISHED, OPEN, State, Task


def test_no_query_asks_for_the_newest_twenty() -> None:
    """All states, all kinds."""
    query = TaskQuery(QueryDict(""))
    assert (query.states, query.kind, query.before, query.limit) == ((), "", None, 20)


def test_each_status_stands_for_its_states() -> None:
    """Together they are all there are, and none stands for two."""
    states = [TaskQuery(QueryDict(f"status={name}")).states for name in ("processing", "completed", "failed")]
    assert states[0] == OPEN
    assert sorted(states[1] + states[2]) == sorted(FINISHED)
    assert states[1] == (State.COMPLETED,)


@pytest.mark.parametrize(
    ("text", "param", "message"),
    [
        ("status=", "status", "Invalid status: . Use processing or completed or failed."),
        ("status=queued", "status", "Invalid status: queued. Use processing or completed or failed."),
        ("kind=IMAGE", "kind", "Invalid kind: IMAGE. Use image or video."),
        ("limit=0", "limit", "Invalid limit: 0. Use 1 to 100."),
        ("limit=101", "limit", "Invalid limit: 101. Use 1 to 100."),
        ("limit=", "limit", "Invalid limit: . Use 1 to 100."),
        ("limit=1e1", "limit", "Invalid limit: 1e1. Use 1 to 100."),
        ("limit=%D9%A1", "limit", "Invalid limit: ١. Use 1 to 100."),  # noqa: RUF001 - a digit of another script
        ("limit=+5", "limit", "Invalid limit:  5. Use 1 to 100."),
        ("limit=5&limit=6", "limit", "limit occurs twice in the query."),
        ("cursor=", "cursor", "The cursor is not one of this list. Start without it."),
        ("cursor=abc", "cursor", "The cursor is not one of this list. Start without it."),
    ],
)
def test_bad_values_are_refused_by_name(text: str, param: str, message: str) -> None:
    """The message says what would be good."""
    with pytest.raises(InvalidRequestError) as caught:
        TaskQuery(QueryDict(text))
    assert (caught.value.param, caught.value.message) == (param, message)


def test_a_cursor_comes_back_as_it_was() -> None:
    """Time to the microsecond, and the id."""
    task = Task(created_at=datetime(2026, 11, 23, 6, 0, 0, 123457, tzinfo=UTC))
    assert parse_cursor(build_cursor(task)) == (task.created_at, task.pk)


def test_no_cursor_makes_another_fault_than_being_refused() -> None:
    """Cut anywhere, with any character in any place, it is good or it is refused."""
    whole = build_cursor(Task(pk=uuid.UUID(int=2**128 - 1), created_at=datetime(2026, 11, 23, tzinfo=UTC)))
    bad = [whole[:end] for end in range(len(whole))] + [whole + "A", f"{whole}\n", "é" * 32, "B" + whole[1:]]
    for text in bad:
        with pytest.raises(InvalidRequestError):
            parse_cursor(text)
    for place in range(2, 32):
        for character in "A_-z9":
            moment, _ = parse_cursor(whole[:place] + character + whole[place + 1 :])
            assert 1970 <= moment.year < 2113

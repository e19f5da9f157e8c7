"""Rows: the contract's words for states, and the guard of every runner's write."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from creator.models import AT_BING, FINISHED, OPEN, IdempotencyKey, Result, State, Task, transition
from tests.factories import make_account, make_runner, make_task


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.QUEUED, "processing"),
        (State.SUBMITTING, "processing"),
        (State.UNCERTAIN, "processing"),
        (State.POLLING, "processing"),
        (State.COMPLETED, "completed"),
        (State.FAILED, "failed"),
        (State.CANCELLED, "failed"),
        (State.EXPIRED, "failed"),
    ],
)
def test_eight_states_are_three_words_outside(state: State, status: str) -> None:
    """The contract knows processing, completed and failed."""
    task = Task(state=state)
    assert (task.status, task.is_finished) == (status, state in FINISHED)


def test_every_state_is_open_or_finished() -> None:
    """No state is forgotten by both lists, none is in both."""
    assert set(OPEN) | set(FINISHED) == set(State)
    assert not set(OPEN) & set(FINISHED)
    assert set(AT_BING) < set(OPEN)


@pytest.mark.django_db
def test_a_transition_needs_owner_and_state() -> None:
    """Either one wrong, and the row stays."""
    task = make_task(state=State.POLLING, runner="me")
    assert not transition(task.pk, "you", (State.POLLING,), {"prompt": "x"})
    assert not transition(task.pk, "me", (State.SUBMITTING,), {"prompt": "x"})
    assert transition(task.pk, "me", (State.POLLING,), {"prompt": "x"})
    assert Task.objects.get(pk=task.pk).prompt == "x"


@pytest.mark.django_db
def test_questions_about_many_tasks() -> None:
    """unfinished, due, loading and orphaned each find their own."""
    now = timezone.now()
    account = make_account()
    make_runner(id="alive")
    due = make_task()
    resting = make_task(next_at=now + timedelta(minutes=1))
    owned = make_task(state=State.POLLING, runner="alive", account=account)
    orphan = make_task(state=State.SUBMITTING, runner="dead", account=account)
    lingering = make_task(state=State.FAILED, slot_until=now + timedelta(minutes=1), account=account)
    make_task(state=State.COMPLETED, account=account)
    rows = Task.objects
    assert set(rows.unfinished()) == {due, resting, owned, orphan}
    assert set(rows.due(timezone.now())) == {due}
    assert set(rows.loading(now)) == {owned, orphan, lingering}
    assert set(rows.orphaned()) == {orphan}


@pytest.mark.django_db
def test_rows_say_what_they_are() -> None:
    """The admin shows a row by its text."""
    make_task(images=["https://th.bing.com/th/id/a"])
    assert str(Result.objects.get()) == "https://th.bing.com/th/id/a"
    assert str(IdempotencyKey(route="/create/image", key="k")) == "/create/image k"
    assert str(make_runner(id="me")) == "me"


def test_a_task_is_named_by_how_its_prompt_begins() -> None:
    """In one line, and not much of it; by its id where there is no prompt."""
    assert str(Task(prompt="a fox\nin  snow")) == "a fox in snow"
    assert str(Task(prompt="x" * 61)) == "x" * 60 + "…"
    task = Task(prompt="")
    assert str(task) == str(task.id)

"""Rows: the contract's words for states, and queries about many tasks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from creator.models import AT_BING, FINISHED, OPEN, IdempotencyKey, Result, State, Task, TaskEvent
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
def test_the_contract_has_three_words_for_eight_states(state: State, status: str) -> None:
    """They are processing, completed and failed."""
    task = Task(state=state)
    assert (task.status, task.is_finished) == (status, state in FINISHED)


def test_every_state_is_open_or_finished() -> None:
    """No state is missing in both lists, none is in both."""
    assert set(OPEN) | set(FINISHED) == set(State)
    assert not set(OPEN) & set(FINISHED)
    assert set(AT_BING) < set(OPEN)


@pytest.mark.django_db
def test_queries_about_many_tasks() -> None:
    """unfinished, due, loading and orphaned each find their own rows."""
    now = timezone.now()
    account = make_account()
    make_runner(id="alive")
    due = make_task()
    delayed = make_task(next_at=now + timedelta(minutes=1))
    owned = make_task(state=State.POLLING, runner="alive", account=account)
    orphan = make_task(state=State.SUBMITTING, runner="dead", account=account)
    lingering = make_task(state=State.FAILED, slot_until=now + timedelta(minutes=1), account=account)
    make_task(state=State.COMPLETED, account=account)
    rows = Task.objects
    assert set(rows.unfinished()) == {due, delayed, owned, orphan}
    assert set(rows.due(timezone.now())) == {due}
    assert set(rows.loading(now)) == {owned, orphan, lingering}
    assert set(rows.orphaned()) == {orphan}


@pytest.mark.django_db
def test_rows_have_a_text() -> None:
    """The admin shows a row by its text."""
    make_task(images=["https://th.bing.com/th/id/a"])
    assert str(Result.objects.get()) == "https://th.bing.com/th/id/a"
    assert str(IdempotencyKey(route="/create/image", key="k")) == "/create/image k"
    assert str(make_runner(id="me")) == "me"


def test_a_task_is_named_by_the_beginning_of_its_prompt() -> None:
    """On one line and shortened; by its id if the prompt is blank."""
    assert str(Task(prompt="a fox\nin  snow")) == "a fox in snow"
    assert str(Task(prompt="x" * 61)) == "x" * 60 + "…"
    task = Task(prompt="")
    assert str(task) == str(task.id)


@pytest.mark.django_db
def test_a_search_is_not_cut_to_the_column() -> None:
    """A long text finds no row that only begins like it."""
    make_task(request_id="x" * 200)
    assert Task.objects.filter(request_id="x" * 200).exists()
    assert not Task.objects.filter(request_id="x" * 201).exists()


@pytest.mark.django_db
def test_results_are_stored_whatever_texts_bing_sends() -> None:
    """Errors, steps and prompts of any length and with any characters do not prevent the write of their row."""
    odd = "a\x00b\ud800c\U0001f98a" + "x" * 5000
    clean = "ab\ufffdc\U0001f98a" + "x" * 5000
    task = make_task(prompt=odd, error_message=odd, error_detail=odd, revised_prompt=odd)
    event = TaskEvent.objects.create(
        task=task, at=timezone.now(), kind="failed", text=odd, account_name=odd, request_id=odd
    )
    Task.objects.filter(pk=task.pk).update(error_message=odd, error_detail=odd)
    TaskEvent.objects.bulk_create([TaskEvent(task=task, at=timezone.now(), kind="failed", text=odd)])
    task.refresh_from_db()
    event.refresh_from_db()
    assert task.prompt == task.error_detail == task.revised_prompt == clean
    assert task.error_message == clean[:500]
    assert (event.text, event.account_name, event.request_id) == (clean[:500], clean[:100], clean[:200])
    assert TaskEvent.objects.latest("id").text == clean[:500]

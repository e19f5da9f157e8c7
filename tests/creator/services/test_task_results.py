"""Results of a request's tasks: read in order, withdrawn while queued, turned back into errors."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from bingproject.errors import OWNER, InternalError, NotFoundError
from creator.models import FINISHED, OPEN, State
from creator.services import failure_of, read_tasks, withdraw_tasks
from tests.creator.engine.running import reload
from tests.factories import make_task

pytestmark = pytest.mark.django_db


def test_tasks_of_a_request_come_in_their_order_with_their_pictures() -> None:
    """Two queries, however many tasks."""
    batch = uuid.uuid4()
    tasks = [make_task(batch=batch, batch_index=index, state=State.COMPLETED, images=["u"]) for index in (2, 0, 1)]
    assert [task.batch_index for task in read_tasks(task.pk for task in tasks)] == [0, 1, 2]


def test_deleted_tasks_are_not_found() -> None:
    """An operator may delete a task that a caller waits for."""
    with pytest.raises(NotFoundError):
        read_tasks([uuid.uuid4()])


def test_only_queued_tasks_are_withdrawn() -> None:
    """Tasks at Bing continue, ended ones are unchanged."""
    tasks = {state: make_task(state=state) for state in (*OPEN, *FINISHED)}
    assert withdraw_tasks([task.pk for task in tasks.values()], timezone.now()) == 1
    for state, task in tasks.items():
        assert reload(task).state == (State.CANCELLED if state == State.QUEUED else state)
    withdrawn = reload(tasks[State.QUEUED])
    assert (withdrawn.error_code, withdrawn.finished_at is None) == ("cancelled", False)


@pytest.mark.parametrize("state", [*OPEN, State.COMPLETED])
def test_running_and_completed_tasks_are_no_failure(state: str) -> None:
    """Whatever error detail an earlier try has left."""
    assert failure_of(make_task(state=state, error_code="blocked", error_detail="a try")) is None


@pytest.mark.parametrize("code", sorted(OWNER))
def test_every_code_becomes_its_error_again(code: str) -> None:
    """With its class, message and Retry-After."""
    task = make_task(state=State.FAILED, error_code=code, error_message="What to do.", retry_after_seconds=7)
    task.error_detail = f"{code}: status 502, no page"
    error = failure_of(task)
    assert type(error) is OWNER[code]
    assert (error.code, error.message, error.retry_after) == (code, "What to do.", 7)
    assert error.detail == "status 502, no page"  # for the log


def test_a_row_without_a_known_code_is_an_internal_error() -> None:
    """It does not raise another error."""
    assert isinstance(failure_of(make_task(state=State.FAILED, error_code="gone")), InternalError)

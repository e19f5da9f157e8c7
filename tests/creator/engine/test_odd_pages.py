"""Pages that the database would refuse, while other tasks run: none of those is affected."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from creator.models import State, Task, TaskEvent
from tests.creator.engine.running import all_finished, refuse_updates, reload, run_until
from tests.factories import make_account, make_task, set_capability

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_page_with_a_nul_fails_only_its_own_task(bing: SandboxServer) -> None:
    """It fails with the page's error; five other tasks are made, each submitted once."""
    set_capability(make_account(), "image", limit=6)
    odd = make_task(prompt="x sandbox:poll-nul")
    others = [make_task(prompt=f"a fox {number}") for number in range(5)]
    assert run_until(all_finished) == "handed over"
    assert [reload(task).state for task in others] == [State.COMPLETED] * 5
    odd = reload(odd)
    assert (odd.state, odd.error_code) == (State.FAILED, "upstream_protocol_error")
    assert "Something else stands here" in odd.error_detail
    assert "\x00" not in odd.error_detail
    assert not any("\x00" in text for text in TaskEvent.objects.values_list("text", flat=True))
    assert describe(bing.state)["submits"]["total"] == Task.objects.count()


@pytest.fixture
def refused_expiry() -> Iterator[None]:
    """Let the database refuse to expire a task, by a trigger."""
    with refuse_updates("NEW.state = 'expired'"):
        yield


def test_a_sweep_that_the_database_refuses_stops_no_claim(bing: SandboxServer, refused_expiry: None) -> None:
    """Whatever the sweep runs into, queued tasks are still claimed and made."""
    make_account()
    now = timezone.now()
    make_task(deadline_at=now - timedelta(seconds=1), next_at=now + timedelta(seconds=50))
    task = make_task()
    run_until(lambda: reload(task).is_finished)
    assert reload(task).state == State.COMPLETED

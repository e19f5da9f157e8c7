"""Whether pictures can be made now, as the rows tell it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Account, AccountState
from creator.models import FINISHED, OPEN
from creator.services import Condition, read_condition
from tests.factories import make_account, make_runner, make_task, set_capability

pytestmark = pytest.mark.django_db


def condition() -> Condition:
    """As it is now."""
    return read_condition(timezone.now())


def test_an_empty_installation_is_not_ready() -> None:
    """No account, no worker, nothing to do."""
    assert condition() == Condition(False, False, False, 0)
    assert not condition().is_ready


def test_an_account_signed_in_and_a_worker_are_enough() -> None:
    """Ready; the open tasks are counted, the ended ones are not."""
    make_account()
    make_runner()
    for state in (*OPEN, *FINISHED):
        make_task(state=state)
    assert condition() == Condition(True, True, True, len(OPEN))
    assert condition().is_ready


@pytest.mark.parametrize("state", [state for state in AccountState.values if state != AccountState.OK])
def test_an_account_that_is_not_proved_signed_in_is_no_session(state: str) -> None:
    """It is set all the same."""
    make_account(state=state)
    assert (condition().has_account, condition().has_session) == (True, False)


def test_a_disabled_account_is_none() -> None:
    """An account without cookies neither."""
    make_account(is_enabled=False)
    Account.objects.create(name="empty")
    assert (condition().has_account, condition().has_session) == (False, False)


def test_an_account_that_rests_in_both_kinds_is_no_session() -> None:
    """One kind that works is a session."""
    account, until = make_account(), timezone.now() + timedelta(hours=1)
    set_capability(account, "image", cooldown_until=until)
    assert condition().has_session
    set_capability(account, "video", cooldown_until=until)
    assert not condition().has_session


def test_a_worker_whose_lease_has_ended_is_none() -> None:
    """Its row may outlive it."""
    make_runner(lease_until=timezone.now() - timedelta(seconds=1))
    assert not condition().has_worker

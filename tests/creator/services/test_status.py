"""Readiness of the creator, read from the database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Account, AccountState
from creator.models import FINISHED, OPEN
from creator.services import CreatorStatus, read_status
from tests.factories import make_account, make_runner, make_task, set_capability

pytestmark = pytest.mark.django_db


def status() -> CreatorStatus:
    """Read the present status."""
    return read_status(timezone.now())


def test_an_empty_installation_is_not_ready() -> None:
    """No account, no worker, no task."""
    assert status() == CreatorStatus(False, False, False, 0)
    assert not status().is_ready


def test_a_signed_in_account_and_a_worker_are_enough() -> None:
    """Open tasks are counted, ended ones are not."""
    make_account()
    make_runner()
    for state in (*OPEN, *FINISHED):
        make_task(state=state)
    assert status() == CreatorStatus(True, True, True, len(OPEN))
    assert status().is_ready


@pytest.mark.parametrize("state", [state for state in AccountState.values if state != AccountState.OK])
def test_an_unchecked_account_is_no_session(state: str) -> None:
    """But it is an account."""
    make_account(state=state)
    assert (status().has_account, status().has_session) == (True, False)


def test_a_disabled_account_does_not_count() -> None:
    """Nor does one without cookies."""
    make_account(is_enabled=False)
    Account.objects.create(name="empty")
    assert (status().has_account, status().has_session) == (False, False)


def test_an_account_in_a_cooldown_of_both_kinds_is_no_session() -> None:
    """One usable kind is a session."""
    account, until = make_account(), timezone.now() + timedelta(hours=1)
    set_capability(account, "image", cooldown_until=until)
    assert status().has_session
    set_capability(account, "video", cooldown_until=until)
    assert not status().has_session


def test_a_worker_with_a_lapsed_lease_does_not_count() -> None:
    """Its row may still exist."""
    make_runner(lease_until=timezone.now() - timedelta(seconds=1))
    assert not status().has_worker

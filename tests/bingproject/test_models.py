"""Rows of the cluster: periodic work is handed out once, machines and the installation read well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError

from bingproject.models import Installation, Machine, Periodic

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = {"a.job": 60.0, "b.job": 3600.0}


def test_periodic_is_due_at_once_and_then_after_its_time() -> None:
    """The first look hands everything out; the next one only what is due again."""
    Periodic.objects.plan(EVERY, NOW)
    assert sorted(Periodic.objects.claim_due(EVERY, NOW)) == ["a.job", "b.job"]
    assert Periodic.objects.claim_due(EVERY, NOW + timedelta(seconds=59)) == []
    assert Periodic.objects.claim_due(EVERY, NOW + timedelta(seconds=61)) == ["a.job"]


def test_planning_again_keeps_the_time() -> None:
    """A restart neither starts everything again nor forgets what is due."""
    Periodic.objects.plan(EVERY, NOW)
    Periodic.objects.claim_due(EVERY, NOW)
    Periodic.objects.plan(EVERY, NOW)
    assert Periodic.objects.claim_due(EVERY, NOW) == []


def test_periodic_work_that_settings_no_longer_name_stays_asleep() -> None:
    """A row of an older release starts nothing."""
    Periodic.objects.plan({"gone.job": 1.0}, NOW)
    assert Periodic.objects.claim_due(EVERY, NOW) == []
    assert str(Periodic.objects.get()) == "gone.job"


def test_installation_is_one_row() -> None:
    """A second row is refused by the database."""
    assert str(Installation.objects.create(is_sandbox=False)) == "real"
    with pytest.raises(IntegrityError):
        Installation.objects.create(id=2, is_sandbox=False)


def test_machine_names_itself() -> None:
    """An operator sees which machine, on which host, in which process."""
    machine = Machine(process="p", machine_id="m1", host="h1", pid=7, started_at=NOW, seen_at=NOW)
    assert str(machine) == "m1 (h1, process 7)"

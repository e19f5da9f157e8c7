"""The queue's front doors return one line that an operator can read."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from accounts import jobs, services
from accounts.models import AccountState
from bingproject.sandbox.server import SandboxServer
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def test_one_account(sandbox: SandboxServer) -> None:
    """Its state."""
    assert jobs.check_account(make_account("anna", state=AccountState.UNCHECKED).pk) == "ok"
    assert jobs.check_account(make_account("expired-anna").pk) == "expired"


def test_one_account_that_nothing_was_learnt_of(settings: Any) -> None:
    """What stood in the way."""
    settings.BING_URL = "http://127.0.0.1:9"
    assert jobs.check_account(make_account("anna").pk).startswith("Bing could not be reached.")


def test_all_accounts(sandbox: SandboxServer) -> None:
    """How many are in which state."""
    assert jobs.check_accounts() == "no account"
    for name in ("anna", "bert", "expired-cleo"):
        make_account(name)
    assert jobs.check_accounts() == "1 expired, 2 ok"


def test_wanted_checks(sandbox: SandboxServer) -> None:
    """Those that got lost with a queue."""
    assert jobs.check_wanted_accounts() == jobs.check_asked_accounts() == "no account"
    services.request_check(make_account("anna"), timezone.now() - timedelta(minutes=1))
    assert jobs.check_wanted_accounts() == "1 ok"


def test_what_settings_and_services_name_exists() -> None:
    """A dotted path is a contract: the queue finds its jobs by it."""
    named = {"accounts.jobs.check_account", *settings.CLUSTER_PERIODIC}
    named |= {path for pair in settings.CLUSTER_NUDGES for path in pair}
    for path in sorted(path for path in named if path.startswith("accounts.")):
        module, _, name = path.rpartition(".")
        assert callable(getattr(import_module(module), name))

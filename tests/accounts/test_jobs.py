"""Jobs return one line that an operator can read."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from accounts import jobs
from accounts.callers import limits
from accounts.microsoft import services
from accounts.models import AccountState
from accounts.uploads import keep_upload
from bingproject.sandbox.server import SandboxServer
from tests.factories import make_account, make_user

pytestmark = pytest.mark.django_db


def test_one_account(sandbox: SandboxServer) -> None:
    """The line is its state."""
    assert jobs.check_account(make_account("anna", state=AccountState.UNCHECKED).pk) == "ok"
    assert jobs.check_account(make_account("expired-anna").pk) == "expired"


def test_one_account_whose_check_failed(settings: Any) -> None:
    """The line is the error."""
    settings.BING_URL = "http://127.0.0.1:9"
    assert jobs.check_account(make_account("anna").pk).startswith("Bing could not be reached.")


def test_all_accounts(sandbox: SandboxServer) -> None:
    """The line counts accounts by state."""
    assert jobs.check_accounts() == "no account"
    for name in ("anna", "bert", "expired-cleo"):
        make_account(name)
    assert jobs.check_accounts() == "1 expired, 2 ok"


def test_wanted_checks(sandbox: SandboxServer) -> None:
    """Checks that were lost with a queue are done."""
    assert jobs.check_wanted_accounts() == jobs.check_asked_accounts() == "no account"
    services.request_check(make_account("anna"), timezone.now() - timedelta(minutes=1))
    assert jobs.check_wanted_accounts() == "1 ok"


def test_old_counters() -> None:
    """Counters of past minutes and days are deleted."""
    user = make_user("anna")
    limits.take_quota(user, "image", 1, timezone.now())
    limits.take_quota(user, "image", 1, timezone.now() - timedelta(days=10))
    assert jobs.prune_counters() == "1 counters pruned"


def test_old_uploads() -> None:
    """The line counts expired uploads."""
    keep_upload(User.objects.create_user("bert").pk, b"anna", timezone.now() - timedelta(days=1))
    assert [jobs.prune_uploads(), jobs.prune_uploads()] == ["1 uploads forgotten", "0 uploads forgotten"]


def test_what_settings_and_services_name_exists() -> None:
    """The queue finds its jobs by these dotted paths."""
    named = {"accounts.jobs.check_account", *settings.CLUSTER_PERIODIC}
    named |= {path for pair in settings.CLUSTER_NUDGES for path in pair}
    for path in sorted(path for path in named if path.startswith("accounts.")):
        module, _, name = path.rpartition(".")
        assert callable(getattr(import_module(module), name))

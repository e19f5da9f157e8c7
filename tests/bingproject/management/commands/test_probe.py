"""`manage.py probe` against the sandbox: each back end and each page once, and a transcript without secrets."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Account, AccountKind, AccountState, Lease
from accounts.services.credentials import keep_token
from accounts.tokens import read_token
from bingproject.sandbox.server import SandboxServer
from bingproject.sandbox.tokens import make_token
from tests.factories import make_account, seal_away

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def services(hub: SandboxServer, settings: Any, tmp_path: Path) -> SandboxServer:
    """The sandbox in place of all three services."""
    settings.DATA_DIR = tmp_path
    settings.COPILOT_URL = hub.url
    settings.M365_URL = hub.url.replace("http", "ws", 1) + "/m365Copilot/Chathub"
    return hub


def copilots(seconds: float = 3600) -> list[Account]:
    """An account of each of the two, whose tokens live so long."""
    made = []
    for kind in (AccountKind.COPILOT, AccountKind.M365):
        account = Account.objects.create(name=kind, kind=kind, tier="individual", user_agent="Mozilla/5.0")
        token = read_token(make_token(kind, kind, timezone.now().timestamp() + seconds))
        keep_token(account, token, timezone.now())
        made.append(account)
    return made


def probe(**options: Any) -> tuple[str, str]:
    """What it printed, and what the file holds."""
    printed = StringIO()
    call_command("probe", stdout=printed, **options)
    path = re.search(r"Saved without secrets: (\S+)\. Read", printed.getvalue())
    assert path is not None
    assert Path(path[1]).stat().st_mode & 0o777 == 0o600
    return printed.getvalue(), Path(path[1]).read_text()


def test_each_thing_that_each_account_can_do(services: SandboxServer) -> None:
    """One turn with each back end, pages for pictures and videos; records are in the file, secrets in neither."""
    bing = make_account("anna", cookies={"_U": "secret-cookie-of-anna", "other": "another-secret"})
    accounts = [bing, *copilots()]
    printed, saved = probe()
    assert printed.count("Works.") == 5
    for words in ("anna: Images", "anna: Videos", "anna: Chat", "copilot: Copilot chat", "m365: Microsoft 365 chat"):
        assert f"--- {words} ---" in printed
    assert '"event":"send"' in saved.replace(" ", "") and '"target":"Metrics"' in saved.replace(" ", "")
    assert "Answered: " in printed and '"event"' not in printed
    for account in accounts:
        for secret in filter(None, (account.token, account.object_id, *account.cookies.values())):
            assert secret not in saved + printed
    assert not Lease.objects.exists()


def test_one_account_and_one_capability(services: SandboxServer) -> None:
    """The others are left alone."""
    make_account("anna", cookie="secret-cookie-of-anna")
    copilots()
    printed, _ = probe(account="anna", capability="image")
    assert printed.count(" ---\n") == 1 and "anna: Images" in printed
    with pytest.raises(CommandError, match="No account can be probed so"):
        call_command("probe", account="nobody")


def test_a_failure_says_what_was_seen(services: SandboxServer, settings: Any) -> None:
    """The step, the code, and the account's state after it; the file is there all the same."""
    (copilot, _) = copilots(-5)
    printed = StringIO()
    with pytest.raises(CommandError, match="1 of 1 failed"):
        call_command("probe", account="copilot", stdout=printed)
    assert "Failed: cookie_expired." in printed.getvalue()
    copilot.refresh_from_db()
    assert copilot.state == AccountState.EXPIRED
    assert list(Path(settings.DATA_DIR).glob("probe-*.txt"))


def test_an_account_that_no_key_opens_stops_no_other(services: SandboxServer) -> None:
    """It failed, and says why; the next one is probed."""
    seal_away(make_account("anna"), "sealed_cookies")
    make_account("bert")
    printed = StringIO()
    with pytest.raises(CommandError, match="1 of 2 failed"):
        call_command("probe", capability="image", stdout=printed)
    assert "SEAL_KEYS" in printed.getvalue() and printed.getvalue().count("Works.") == 1

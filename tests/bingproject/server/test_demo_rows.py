"""The demo's accounts of the two Copilots."""

from __future__ import annotations

import select
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from django.utils import timezone

from accounts.callers.services import find_api_key
from accounts.models import Account, ApiKey
from bingproject.conf.ports import take_port
from bingproject.sandbox.app import create_app
from bingproject.sandbox.server import configure
from bingproject.server.demo_rows import ensure_demo_accounts, ensure_demo_key
from tests.rig.servers import wait_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def late_sandbox(settings: Any) -> Iterator[socket.socket]:
    """A port that `serve` has taken, and on which the sandbox answers only when the first caller waits for it."""
    listener = take_port("127.0.0.1", 0)
    port = listener.getsockname()[1]
    settings.SANDBOX_URL = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(configure(create_app(), "127.0.0.1", port))

    def start_late() -> None:
        waiting = listener.dup()
        waiting.settimeout(30)
        # Readable without accepting: somebody is connected and waits.
        wait_for(lambda: _has_caller(waiting), "the first caller")
        waiting.close()
        server.run([listener])

    thread = threading.Thread(target=start_late)
    thread.start()
    yield listener
    server.should_exit = True
    thread.join()
    listener.close()


def _has_caller(listener: socket.socket) -> bool:

    return bool(select.select([listener], [], [], 0)[0])


def test_the_accounts_wait_for_a_sandbox_that_starts_later(late_sandbox: socket.socket) -> None:
    """On a busy machine the sandbox may start after the greeting: each account gets its token all the same."""
    ensure_demo_accounts()
    names = {account.name for account in Account.objects.all() if account.encrypted_token}
    assert names == {"sandbox copilot", "sandbox m365"}


def test_an_account_with_a_token_is_left_alone(late_sandbox: socket.socket, settings: Any) -> None:
    """A later start makes nothing again; it does not even ask."""
    ensure_demo_accounts()
    before = list(Account.objects.order_by("pk").values_list("encrypted_token", flat=True))
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    ensure_demo_accounts()
    assert list(Account.objects.order_by("pk").values_list("encrypted_token", flat=True)) == before


def test_the_key_lasts_until_it_is_revoked(tmp_path: Path) -> None:
    """A phone that has the key keeps it over a restart; once an operator has revoked it, a start makes another."""
    first = ensure_demo_key(tmp_path)
    assert find_api_key(first).caller_id == "user:demo"
    assert ensure_demo_key(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["demo_key"]
    assert stat.S_IMODE((tmp_path / "demo_key").stat().st_mode) == 0o600
    ApiKey.objects.update(revoked_at=timezone.now())
    second = ensure_demo_key(tmp_path)
    assert second != first
    assert find_api_key(second).caller_id == "user:demo"

"""Tokens that are renewed within a turn: after a refusal, once for each account, and never when none was refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AccountState
from bingproject.errors import ServiceError
from bingproject.sandbox.providers import make_token
from bingproject.sandbox.server import SandboxServer
from tests.chat.turns import answer_of, ask
from tests.factories import make_token_account, set_capability

pytestmark = pytest.mark.django_db(transaction=True)


class Commands:
    """Token commands that print a token, or fail without one, and write down that they ran."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        settings.TOKEN_COMMANDS = {}

    def add(self, name: str, token: str = "") -> None:
        """One more, by its name."""
        ending = f"echo {token}" if token else "exit 1"
        program = self._folder / name
        program.write_text(f"#!/bin/sh\necho {name} >> {self._folder}/runs\n{ending}\n")
        program.chmod(0o700)
        self._settings.TOKEN_COMMANDS[name] = (str(program),)

    @property
    def runs(self) -> list[str]:
        """Which ran, in their order."""
        return (self._folder / "runs").read_text().split()


@pytest.fixture
def commands(settings: Settings, tmp_path: Path) -> Commands:
    """None at first."""
    return Commands(settings, tmp_path)


@pytest.mark.parametrize("kind", ["copilot", "m365"])
def test_a_token_command_that_fails_runs_once(hub: SandboxServer, commands: Commands, kind: str) -> None:
    """No service has refused a token that there was none of; the account is marked with what went wrong."""
    commands.add("mine")
    account = make_token_account(kind, encrypted_token="", token_command="mine")
    with pytest.raises(ServiceError) as failure:
        ask("hello", model=kind)
    assert failure.value.code == "cookie_expired"
    assert commands.runs == ["mine"]
    account.refresh_from_db()
    assert (account.state, account.state_reason) == (AccountState.EXPIRED, "The token command ended with status 1.")


@pytest.mark.parametrize("kind", ["copilot", "m365"])
def test_each_account_may_have_its_token_renewed(hub: SandboxServer, commands: Commands, kind: str) -> None:
    """The first one's new token is refused as the old one was; the second one's is taken."""
    now = timezone.now()

    def token(name: str, seconds: float, audience: str = "https://elsewhere.example") -> str:
        return make_token(kind, name, now.timestamp() + seconds, audience=audience)

    commands.add("one", token("first", 7200))
    commands.add("two", token("second", 7200, audience=""))
    first, second = (
        make_token_account(kind, name, token=token(name, 3600), token_command=command)
        for name, command in (("first", "one"), ("second", "two"))
    )
    set_capability(second, kind, served_at=now)
    assert "hello" in answer_of(ask("hello", model=kind))
    assert commands.runs == ["one", "two"]
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == (AccountState.EXPIRED, AccountState.OK)

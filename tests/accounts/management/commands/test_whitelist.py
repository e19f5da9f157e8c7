"""`manage.py whitelist add|remove|list`."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import WhitelistedUser

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("whitelist", *arguments, stdout=out)
    return out.getvalue()


def test_users_come_and_go() -> None:
    """Each word does what it says, one line for each user."""
    assert run("add", "bert", "anna").splitlines() == ["bert may use this server.", "anna may use this server."]
    assert run("list").splitlines() == ["anna\tactive", "bert\tactive"]
    assert "anna may not use this server" in run("remove", "anna")
    assert run("list").splitlines() == ["anna\tinactive", "bert\tactive"]
    assert WhitelistedUser.objects.count() == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add",), "at least one user"),
        (("remove",), "at least one user"),
        (("remove", "nobody"), "'nobody'"),
        (("add", " "), "printable"),
        (("invite", "anna"), "invite"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    """No stack, and nothing written."""
    with pytest.raises(CommandError, match=message):
        run(*arguments)
    assert not WhitelistedUser.objects.exists()

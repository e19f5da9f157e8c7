"""`manage.py issue_key USER`."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.callers.services import find_api_key
from accounts.models import ApiKey
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_only_the_key_goes_to_standard_output() -> None:
    """It can be piped; the explanation goes to standard error."""
    make_user("anna")
    out, error = StringIO(), StringIO()
    call_command("issue_key", "anna", stdout=out, stderr=error)
    text = out.getvalue().strip()
    assert find_api_key(text).caller_id == "user:anna"
    assert "anna" in error.getvalue() and text not in error.getvalue()


def test_an_unknown_user_gets_no_key() -> None:
    """The message says what to do first."""
    with pytest.raises(CommandError, match="whitelist add"):
        call_command("issue_key", "nobody")
    assert not ApiKey.objects.exists()


def test_a_key_has_the_given_scopes_and_limits() -> None:
    """The default is all scopes and no limit."""
    make_user("anna")
    arguments = ["anna", "--label", "phone", "--scopes", "images,chat", "--per-minute", "60", "--expires", "2099-01-31"]
    call_command("issue_key", *arguments, stdout=StringIO(), stderr=StringIO())
    key = ApiKey.objects.get()
    assert (key.label, key.scopes, key.per_minute) == ("phone", ("images", "chat"), 60)
    assert key.expires_at == datetime(2099, 1, 31, tzinfo=UTC)
    call_command("issue_key", "anna", "--scopes", "read", stdout=StringIO(), stderr=StringIO())
    call_command("issue_key", "anna", stdout=StringIO(), stderr=StringIO())
    scopes = {key.scopes for key in ApiKey.objects.filter(per_minute=None, expires_at=None)}
    assert scopes == {(), ("images", "videos", "chat")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scopes", "all"), "scopes: There is no scope 'all'"),
        (("--per-minute", "0"), "per_minute: Give a whole number from 1"),
        (("--per-minute", "x"), "--per-minute"),
        (("--expires", "2020-01-01"), "expires_at: This time has passed"),
        (("--expires", "soon"), "expires_at: Give a date"),
    ],
)
def test_invalid_options_are_one_line(arguments: tuple[str, ...], message: str) -> None:
    """No key is issued."""
    make_user("anna")
    with pytest.raises(CommandError, match=message):
        call_command("issue_key", "anna", *arguments, stdout=StringIO(), stderr=StringIO())
    assert not ApiKey.objects.exists()

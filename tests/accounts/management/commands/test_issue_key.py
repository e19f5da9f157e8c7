"""`manage.py issue_key USER`."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey
from accounts.services import find_api_key
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_the_key_alone_goes_to_standard_output() -> None:
    """It works, and can be piped; what explains it goes to standard error."""
    make_user("anna")
    out, error = StringIO(), StringIO()
    call_command("issue_key", "anna", stdout=out, stderr=error)
    text = out.getvalue().strip()
    assert find_api_key(text).holder == "user:anna"
    assert "anna" in error.getvalue() and text not in error.getvalue()


def test_nobody_unknown_gets_a_key() -> None:
    """The message says what to do first."""
    with pytest.raises(CommandError, match="whitelist add"):
        call_command("issue_key", "nobody")
    assert not ApiKey.objects.exists()

"""`manage.py remove_second_factor`: the way back in from a terminal."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from bingproject.models import Authenticator
from bingproject.security import second_factor
from tests.bingproject.security.authenticators import make_operator

pytestmark = pytest.mark.django_db


def test_it_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    """Once; the second time there is none; an unknown name is an error."""
    anna = make_operator()
    second_factor.begin(anna)
    Authenticator.objects.update(confirmed=True)
    call_command("remove_second_factor", "anna")
    call_command("remove_second_factor", "anna")
    assert capsys.readouterr().out.splitlines() == ["The second factor is removed.", "anna has no second factor."]
    assert not Authenticator.objects.exists()
    with pytest.raises(CommandError, match="no operator bert"):
        call_command("remove_second_factor", "bert")

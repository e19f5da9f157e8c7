"""Only callers pass, and keys only for their scopes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts.callers.permissions import HasScope, IsCaller
from accounts.callers.services import Caller
from accounts.callers.validation import check_scopes
from accounts.models import ApiKey


def asked_by(user: Any) -> Request:
    """Return an authenticated request."""
    request = Request(APIRequestFactory().get("/"))
    request.user = user
    return request


@pytest.mark.parametrize(
    ("user", "passes"), [(Caller(caller_id="open"), True), (None, False), (AnonymousUser(), False), ("open", False)]
)
def test_only_callers_pass(user: Any, passes: bool) -> None:
    """A `Caller` passes; an admin's user or anything else that resembles a user does not."""
    assert IsCaller().has_permission(asked_by(user), None) is passes


@pytest.mark.parametrize(
    ("scopes", "needed", "passes"),
    [
        (("images",), ("images",), True),
        (("videos",), ("images", "videos"), True),
        (("chat",), ("images", "videos"), False),
        ((), ("chat",), False),
        ((), (), True),
    ],
)
def test_a_key_needs_one_of_the_actions_scopes(scopes: tuple[str, ...], needed: tuple[str, ...], passes: bool) -> None:
    """An action without scopes is for all keys."""
    key = ApiKey(**check_scopes(scopes))
    request = asked_by(Caller(caller_id="user:anna", key=key))
    view = SimpleNamespace(action="create", needs={"create": needed})
    permission = HasScope()
    assert permission.has_permission(request, view) is passes
    if not passes:
        assert permission.message.endswith(f"this key lacks the scope {' or '.join(needed)}.")


def test_callers_without_a_key_have_all_scopes() -> None:
    """In open mode; views without `needs` have no scopes."""
    view = SimpleNamespace(action="create", needs={"create": ("chat",)})
    assert HasScope().has_permission(asked_by(Caller(caller_id="open")), view)
    assert HasScope().has_permission(asked_by(Caller(caller_id="user:anna", key=ApiKey(**check_scopes(())))), None)

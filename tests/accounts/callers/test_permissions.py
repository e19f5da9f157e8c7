"""Only callers pass, and keys only to what they were issued for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts.models import ApiKey
from accounts.permissions import HasScope, IsCaller
from accounts.services import Caller, check_scopes


def asked_by(user: Any) -> Request:
    """A request as authentication leaves it."""
    request = Request(APIRequestFactory().get("/"))
    request.user = user
    return request


@pytest.mark.parametrize(
    ("user", "passes"), [(Caller(holder="open"), True), (None, False), (AnonymousUser(), False), ("open", False)]
)
def test_only_callers_pass(user: Any, passes: bool) -> None:
    """What authentication made a caller; nothing that merely looks like a user, a log-in of the admin neither."""
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
def test_a_key_does_what_it_was_issued_for(scopes: tuple[str, ...], needed: tuple[str, ...], passes: bool) -> None:
    """One of the scopes that the action names is enough; an action that names none is for all."""
    key = ApiKey(**check_scopes(scopes))
    request = asked_by(Caller(holder="user:anna", key=key))
    view = SimpleNamespace(action="create", needs={"create": needed})
    permission = HasScope()
    assert permission.has_permission(request, view) is passes
    if not passes:
        assert permission.message.endswith(f"this key lacks the scope {' or '.join(needed)}.")


def test_callers_without_a_key_do_everything() -> None:
    """Where the server is open; views that know nothing of scopes are left alone too."""
    view = SimpleNamespace(action="create", needs={"create": ("chat",)})
    assert HasScope().has_permission(asked_by(Caller(holder="open")), view)
    assert HasScope().has_permission(asked_by(Caller(holder="user:anna", key=ApiKey(**check_scopes(())))), None)

"""Only callers pass."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts.permissions import IsCaller
from accounts.services import Caller


@pytest.mark.parametrize(
    ("user", "passes"), [(Caller(holder="open"), True), (None, False), (AnonymousUser(), False), ("open", False)]
)
def test_only_callers_pass(user: Any, passes: bool) -> None:
    """What authentication made a caller; nothing that merely looks like a user, a log-in of the admin neither."""
    request = Request(APIRequestFactory().get("/"))
    request.user = user
    assert IsCaller().has_permission(request, None) is passes

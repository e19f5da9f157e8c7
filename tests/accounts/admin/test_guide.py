"""The page "How to get a cookie"."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from accounts.models import AccountKind
from tests.operating import log_in_viewer, page

pytestmark = pytest.mark.django_db


def test_the_page_has_steps_for_each_kind(operator: Client) -> None:
    """Steps, the three kinds, and a link to the form."""
    text = page(operator, "accounts_account_how_to")
    assert "developer tools (F12)" in text and reverse("admin:accounts_account_add") in text
    assert all(str(kind.label) in text for kind in AccountKind)


def test_the_page_requires_the_view_permission(client: Client) -> None:
    """A viewer sees no button; others are refused."""
    address = reverse("admin:accounts_account_how_to")
    assert "Add an account" not in page(log_in_viewer(client, "accounts", "view_account"), "accounts_account_how_to")
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(address).status_code == 403

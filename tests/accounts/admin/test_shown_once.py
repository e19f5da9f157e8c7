"""Secrets that a page shows once: encrypted until then, for one operator and one page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import RequestFactory

from accounts.admin.shown_once import redirect_to_secret, take_secret
from accounts.models import PendingUpload

pytestmark = pytest.mark.django_db
KEY, KEYS = "admin:accounts_apikey_issued", "admin:accounts_whitelisteduser_issued_keys"
FACTS = {"text": "bp_shown-once", "count": 1}


def request_of(name: str) -> HttpRequest:
    """Return an operator's request."""
    request = RequestFactory().get("/")
    request.user, _ = User.objects.get_or_create(username=name)
    return request


def name_in(address: str) -> str:
    """Return the name of the facts from the redirect."""
    return address.rstrip("/").rpartition("/")[2]


def test_facts_are_taken_once() -> None:
    """By the operator who stored them; neither the address nor the database shows them."""
    answer = redirect_to_secret(request_of("anna"), KEY, FACTS)
    assert answer.status_code == 302 and "bp_" not in answer["Location"]
    assert "bp_" not in PendingUpload.objects.get().encrypted_content
    name = name_in(answer["Location"])
    assert take_secret(request_of("bert"), KEY, name) is None
    assert take_secret(request_of("anna"), KEY, name) == FACTS
    assert take_secret(request_of("anna"), KEY, name) is None


def test_facts_belong_to_one_page() -> None:
    """Another page does not show them."""
    name = name_in(redirect_to_secret(request_of("anna"), KEYS, FACTS)["Location"])
    assert take_secret(request_of("anna"), KEY, name) is None

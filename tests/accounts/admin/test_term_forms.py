"""Errors in the forms of users and keys: at their field, input stays, nothing changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey, WhitelistedUser
from tests.accounts.admin.operating import key_form, send, user_form
from tests.factories import make_user

pytestmark = pytest.mark.django_db
LIMITS = ("daily_images", "daily_videos", "daily_chats")
PAST = {"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}


def refused(operator: Client, name: str, fields: dict[str, Any], *arguments: Any) -> dict[str, list[str]]:
    """Return the errors of a form by field; check that it still has the input."""
    answer = operator.post(reverse(f"admin:accounts_{name}", args=arguments), fields)
    assert answer.status_code == 200
    for value in fields.values():
        assert str(value).strip() in answer.content.decode()
    return dict(answer.context["adminform"].form.errors)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        *(({name: number}, name) for name in LIMITS for number in ("-1", "1000001", "1.5", "many")),
        (PAST, "expires_at"),
        ({"expires_at_0": "soon", "expires_at_1": "00:00:00"}, "expires_at"),
        ({"user_id": "an na"}, "user_id"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": "x" * 101}, "user_id"),
        ({"user_id": "there"}, "user_id"),
    ],
)
def test_errors_in_a_users_form(operator: Client, changed: dict[str, str], field: str) -> None:
    """Including an id that exists."""
    make_user("there")
    assert list(refused(operator, "whitelisteduser_add", user_form("anna") | changed)) == [field]
    assert [user.user_id for user in WhitelistedUser.objects.all()] == ["there"]


def test_a_past_expiry_may_stay(operator: Client) -> None:
    """Changing an expired user's note needs no new expiry; a new expiry must be in the future."""
    ended = timezone.now().replace(microsecond=0) - timedelta(days=1)
    user = make_user("anna", expires_at=ended)
    as_it_is = {"expires_at_0": f"{ended:%Y-%m-%d}", "expires_at_1": f"{ended:%H:%M:%S}", "note": "left"}
    send(operator, "whitelisteduser_change", user.pk, **user_form("anna", **as_it_is))
    found = WhitelistedUser.objects.get()
    assert (found.note, found.expires_at) == ("left", ended)
    fields = user_form("anna", **PAST)
    assert list(refused(operator, "whitelisteduser_change", fields, user.pk)) == ["expires_at"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"per_minute": "0"}, "per_minute"),
        ({"per_minute": "-1"}, "per_minute"),
        (PAST, "expires_at"),
        ({"user": ""}, "user"),
    ],
)
def test_errors_in_a_keys_form(operator: Client, changed: dict[str, str], field: str) -> None:
    """No key is issued."""
    assert list(refused(operator, "apikey_add", key_form(make_user("anna")) | changed)) == [field]
    assert not ApiKey.objects.exists()


def test_an_id_exists_in_either_spelling(operator: Client) -> None:
    """The form stores ids composed, and finds an older decomposed one."""
    send(operator, "whitelisteduser_add", **user_form("Rene\u0301"))
    assert WhitelistedUser.objects.get().user_id == "Ren\u00e9"
    WhitelistedUser.objects.update(user_id="Rene\u0301")
    assert "already exists" in str(refused(operator, "whitelisteduser_add", user_form("Ren\u00e9")))

"""Who may call: the whitelist and API keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import services
from accounts.models import ApiKey, WhitelistedUser
from accounts.protocol import KEY_PREFIX
from bingproject.errors import InvalidApiKeyError, InvalidRequestError, NotFoundError, NotWhitelistedError
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_a_user_is_let_in_once() -> None:
    """Adding again changes nothing; blanks around the id do not make another user."""
    services.add_whitelisted_user(" anna ", name="Anna")
    services.add_whitelisted_user("anna", name="Other")
    assert list(WhitelistedUser.objects.values_list("user_id", "name", "is_active")) == [("anna", "Anna", True)]


@pytest.mark.parametrize("user_id", ["", "  ", "x" * 101, "a\nb", "a\x00b"])
def test_an_id_that_cannot_be_is_refused(user_id: str) -> None:
    """Nothing is written."""
    with pytest.raises(InvalidRequestError):
        services.add_whitelisted_user(user_id)
    assert not WhitelistedUser.objects.exists()


def test_a_removed_user_stays_out_with_all_keys() -> None:
    """Letting the user in again does not bring the old keys back."""
    services.add_whitelisted_user("anna")
    _, text = services.issue_api_key("anna")
    services.remove_whitelisted_user("anna", timezone.now())
    assert [user.is_active for user in services.list_whitelisted_users()] == [False]
    services.add_whitelisted_user("anna")
    assert [user.is_active for user in services.list_whitelisted_users()] == [True]
    with pytest.raises(InvalidApiKeyError):
        services.find_api_key(text)


def test_nobody_unknown_is_removed_or_given_a_key() -> None:
    """The message names the id, so that a typing error is seen."""
    for call in (
        lambda: services.remove_whitelisted_user("anna", timezone.now()),
        lambda: services.issue_api_key("anna"),
    ):
        with pytest.raises(NotFoundError, match="'anna'"):
            call()


def test_a_key_is_kept_as_a_hash_only() -> None:
    """The row holds nothing the key could be used or guessed by but its last four characters."""
    make_user("anna")
    key, text = services.issue_api_key("anna")
    assert text.startswith(KEY_PREFIX) and len(text) == len(KEY_PREFIX) + 43
    row = str(ApiKey.objects.values().get(pk=key.pk))
    assert text not in row and text[len(KEY_PREFIX) : -4] not in row
    assert key.key_tail == text[-4:]
    assert services.issue_api_key("anna")[1] != text


def test_an_inactive_user_gets_no_key() -> None:
    """Letting in comes first."""
    make_user("anna", is_active=False)
    with pytest.raises(NotWhitelistedError):
        services.issue_api_key("anna")


def test_a_key_says_who_calls() -> None:
    """The holder is its user's id; one query finds it and one, once a minute, notes the use."""
    user = make_user("anna")
    key, text = services.issue_api_key("anna")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        caller = services.find_api_key(text)
    assert (caller.holder, caller.user, caller.key) == ("user:anna", user, key)
    assert caller.is_authenticated
    assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        services.find_api_key(text)
    assert len(queries) == 1


def test_a_use_is_noted_once_a_minute() -> None:
    """A key in constant use costs one write a minute."""
    make_user("anna")
    key, text = services.issue_api_key("anna")
    for age, is_noted in ((None, True), (59, False), (61, True)):
        before = None if age is None else timezone.now() - timedelta(seconds=age)
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=before)
        services.find_api_key(text)
        key.refresh_from_db()
        assert (key.last_used_at != before) is is_noted


@pytest.mark.parametrize("text", ["", "bp_", "bp_" + "A" * 43, "sk-something", "bp_\x00", "bp_ä"])
def test_a_wrong_key_is_nobodys(text: str) -> None:
    """Whatever it looks like."""
    with pytest.raises(InvalidApiKeyError):
        services.find_api_key(text)


def test_a_text_that_is_not_ours_asks_no_database() -> None:
    """SDKs send keys of all kinds."""
    with CaptureQueriesContext(connection) as queries, pytest.raises(InvalidApiKeyError):
        services.find_api_key("sk-something")
    assert len(queries) == 0


def test_a_revoked_key_opens_nothing_at_once() -> None:
    """The very next call is refused; revoking again keeps the first time."""
    make_user("anna")
    key, text = services.issue_api_key("anna")
    services.find_api_key(text)
    first = timezone.now()
    services.revoke_api_key(key, first)
    services.revoke_api_key(ApiKey.objects.get(pk=key.pk), first + timedelta(hours=1))
    with pytest.raises(InvalidApiKeyError):
        services.find_api_key(text)
    key.refresh_from_db()
    assert key.revoked_at == first


def test_a_key_of_an_inactive_user_is_refused_as_such() -> None:
    """The key is right, its user may not use the server."""
    user = make_user("anna")
    _, text = services.issue_api_key("anna")
    WhitelistedUser.objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(NotWhitelistedError):
        services.find_api_key(text)

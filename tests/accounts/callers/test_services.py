"""Services for the whitelist and API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.callers import services as caller_services
from accounts.callers.key_format import KEY_PREFIX
from accounts.models import ApiKey, WhitelistedUser
from bingproject.errors import InvalidApiKeyError, InvalidRequestError, NotFoundError, NotWhitelistedError
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_a_user_is_added_once() -> None:
    """Adding again changes nothing; spaces around the id do not make another user."""
    caller_services.add_whitelisted_user(" anna ", name="Anna")
    caller_services.add_whitelisted_user("anna", name="Other")
    assert list(WhitelistedUser.objects.values_list("user_id", "name", "is_active")) == [("anna", "Anna", True)]


@pytest.mark.parametrize("user_id", ["", "  ", "x" * 101, "a b", "a\nb", "a\x00b"])
def test_an_invalid_id_is_refused(user_id: str) -> None:
    """Nothing is written."""
    with pytest.raises(InvalidRequestError):
        caller_services.add_whitelisted_user(user_id)
    assert not WhitelistedUser.objects.exists()


def test_a_removed_users_keys_stay_revoked() -> None:
    """Adding the user again does not restore them."""
    caller_services.add_whitelisted_user("anna")
    _, text = caller_services.issue_api_key("anna")
    caller_services.remove_whitelisted_user("anna", timezone.now())
    assert [user.is_active for user in caller_services.list_whitelisted_users()] == [False]
    caller_services.add_whitelisted_user("anna")
    assert [user.is_active for user in caller_services.list_whitelisted_users()] == [True]
    with pytest.raises(InvalidApiKeyError):
        caller_services.find_api_key(text)


def test_an_unknown_user_cannot_be_removed_or_given_a_key() -> None:
    """The message names the id, which shows a typing error."""
    for call in (
        lambda: caller_services.remove_whitelisted_user("anna", timezone.now()),
        lambda: caller_services.issue_api_key("anna"),
    ):
        with pytest.raises(NotFoundError, match="'anna'"):
            call()


def test_a_key_is_stored_as_a_hash_only() -> None:
    """The row contains nothing else of the key but its last four characters."""
    make_user("anna")
    key, text = caller_services.issue_api_key("anna")
    assert text.startswith(KEY_PREFIX) and len(text) == len(KEY_PREFIX) + 43
    row = str(ApiKey.objects.values().get(pk=key.pk))
    assert text not in row and text[len(KEY_PREFIX) : -4] not in row
    assert key.key_tail == text[-4:]
    assert caller_services.issue_api_key("anna")[1] != text


def test_an_inactive_user_gets_no_key() -> None:
    """The user must be active."""
    make_user("anna", is_active=False)
    with pytest.raises(NotWhitelistedError):
        caller_services.issue_api_key("anna")


def test_a_key_identifies_its_caller() -> None:
    """One query finds it, and one, once a minute, stores the use."""
    user = make_user("anna")
    key, text = caller_services.issue_api_key("anna")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        caller = caller_services.find_api_key(text)
    assert (caller.caller_id, caller.user, caller.key) == ("user:anna", user, key)
    assert caller.is_authenticated
    assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        caller_services.find_api_key(text)
    assert len(queries) == 1


def test_use_is_stored_once_a_minute() -> None:
    """A key in constant use costs one write per minute."""
    make_user("anna")
    key, text = caller_services.issue_api_key("anna")
    for age, is_noted in ((None, True), (59, False), (61, True)):
        before = None if age is None else timezone.now() - timedelta(seconds=age)
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=before)
        caller_services.find_api_key(text)
        key.refresh_from_db()
        assert (key.last_used_at != before) is is_noted


@pytest.mark.parametrize("text", ["", "bp_", "bp_" + "A" * 43, "sk-something", "bp_\x00", "bp_ä"])
def test_a_wrong_key_has_no_caller(text: str) -> None:
    """In whatever form."""
    with pytest.raises(InvalidApiKeyError):
        caller_services.find_api_key(text)


def test_a_key_without_the_prefix_needs_no_query() -> None:
    """SDKs send keys of all kinds."""
    with CaptureQueriesContext(connection) as queries, pytest.raises(InvalidApiKeyError):
        caller_services.find_api_key("sk-something")
    assert len(queries) == 0


def test_a_revoked_key_is_refused_at_once() -> None:
    """Revoking again keeps the first time."""
    make_user("anna")
    key, text = caller_services.issue_api_key("anna")
    caller_services.find_api_key(text)
    first = timezone.now()
    caller_services.revoke_api_key(key, first)
    caller_services.revoke_api_key(ApiKey.objects.get(pk=key.pk), first + timedelta(hours=1))
    with pytest.raises(InvalidApiKeyError):
        caller_services.find_api_key(text)
    key.refresh_from_db()
    assert key.revoked_at == first


def test_a_key_of_an_inactive_user_has_its_own_error() -> None:
    """The key is valid, but its user must not use the server."""
    user = make_user("anna")
    _, text = caller_services.issue_api_key("anna")
    WhitelistedUser.objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(NotWhitelistedError):
        caller_services.find_api_key(text)


@pytest.mark.parametrize("seconds", [-1, 1])
def test_an_expired_key_is_refused(seconds: int) -> None:
    """With the error of an unknown key."""
    make_user("anna")
    key, text = caller_services.issue_api_key("anna")
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + timedelta(seconds=seconds))
    if seconds > 0:
        assert caller_services.find_api_key(text).key == key
        return
    with pytest.raises(InvalidApiKeyError) as refusal:
        caller_services.find_api_key(text)
    with pytest.raises(InvalidApiKeyError) as other:
        caller_services.find_api_key(KEY_PREFIX + "A" * 43)
    assert (refusal.value.message, refusal.value.code) == (other.value.message, other.value.code)


@pytest.mark.parametrize("seconds", [-1, 60])
def test_a_key_of_an_expired_user_has_its_own_error(seconds: int) -> None:
    """From the expiry on; the user gets no new key either."""
    user = make_user("anna")
    _, text = caller_services.issue_api_key("anna")
    expires_at = timezone.now() + timedelta(seconds=seconds)
    WhitelistedUser.objects.filter(pk=user.pk).update(expires_at=expires_at)
    if seconds > 0:
        caller = caller_services.find_api_key(text)
        assert caller.user is not None and caller.user.expires_at == expires_at
        return
    with pytest.raises(NotWhitelistedError):
        caller_services.find_api_key(text)
    with pytest.raises(NotWhitelistedError, match="has expired"):
        caller_services.issue_api_key("anna")


def test_a_key_is_found_with_its_users_limits() -> None:
    """One query loads both."""
    make_user("anna", daily_images=1, daily_videos=2, daily_chats=3)
    _, text = caller_services.issue_api_key("anna", scopes=("chat",), per_minute=5)
    caller_services.find_api_key(text)
    with CaptureQueriesContext(connection) as queries:
        caller = caller_services.find_api_key(text)
        assert caller.user is not None and caller.key is not None
        assert (caller.user.daily_images, caller.user.daily_videos, caller.user.daily_chats) == (1, 2, 3)
        assert (caller.user.caller_id, caller.user.is_active, caller.user.expires_at) == ("user:anna", True, None)
        assert (caller.key.scopes, caller.key.per_minute) == (("chat",), 5)
    assert len(queries) == 1


def test_a_key_is_issued_with_its_terms() -> None:
    """All scopes and no limit unless said otherwise."""
    make_user("anna")
    plain, _ = caller_services.issue_api_key("anna")
    assert (plain.scopes, plain.per_minute, plain.expires_at, plain.label) == (
        ("images", "videos", "chat"), None, None, "",
    )  # fmt: skip
    end = timezone.now() + timedelta(days=1)
    key, _ = caller_services.issue_api_key("anna", label=" phone ", scopes=["read"], per_minute=60, expires_at=end)
    key.refresh_from_db()
    assert (key.scopes, key.per_minute, key.expires_at, key.label) == ((), 60, end, "phone")


@pytest.mark.parametrize(
    ("terms", "param"),
    [
        ({"scopes": ["all"]}, "scopes"),
        ({"per_minute": 0}, "per_minute"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expires_at"),
    ],
)
def test_invalid_limits_issue_nothing(terms: dict[str, Any], param: str) -> None:
    """The error names the field."""
    make_user("anna")
    with pytest.raises(InvalidRequestError) as refusal:
        caller_services.issue_api_key("anna", **terms)
    assert refusal.value.param == param
    assert not ApiKey.objects.exists()


def test_a_users_limits_change_one_by_one() -> None:
    """Fields that are not named stay; None removes a limit or an expiry."""
    user, now = make_user("anna", daily_videos=7), timezone.now()
    caller_services.limit_whitelisted_user("anna", {"daily_images": 10, "daily_chats": 0})
    caller_services.expire_whitelisted_user("anna", now + timedelta(days=1), now)
    found = WhitelistedUser.objects.get(pk=user.pk)
    assert (found.daily_images, found.daily_videos, found.daily_chats) == (10, 7, 0)
    assert found.expires_at == now + timedelta(days=1)
    caller_services.limit_whitelisted_user("anna", {"daily_images": None})
    caller_services.expire_whitelisted_user("anna", None, now)
    found = WhitelistedUser.objects.get(pk=user.pk)
    assert (found.daily_images, found.expires_at) == (None, None)
    with pytest.raises(InvalidRequestError):
        caller_services.limit_whitelisted_user("anna", {"daily_images": -1})
    with pytest.raises(InvalidRequestError):
        caller_services.expire_whitelisted_user("anna", now, now)
    with pytest.raises(NotFoundError):
        caller_services.limit_whitelisted_user("nobody", {})


COMPOSED, DECOMPOSED = "Ren\u00e9", "Rene\u0301"


def test_an_id_has_one_spelling() -> None:
    """Decomposed accents are stored composed; both spellings name the same user."""
    assert caller_services.add_whitelisted_user(DECOMPOSED).user_id == COMPOSED
    caller_services.add_whitelisted_user(COMPOSED)
    assert WhitelistedUser.objects.count() == 1
    assert {caller_services.find_whitelisted_user(text).user_id for text in (COMPOSED, DECOMPOSED)} == {COMPOSED}


def test_an_id_that_was_stored_decomposed_is_found() -> None:
    """By either spelling, without a second user; if both are stored, the composed one wins."""
    old = make_user(DECOMPOSED)
    for text in (COMPOSED, DECOMPOSED):
        assert caller_services.add_whitelisted_user(text) == caller_services.find_whitelisted_user(text) == old
    new = make_user(COMPOSED)
    assert {caller_services.find_whitelisted_user(text).pk for text in (COMPOSED, DECOMPOSED)} == {new.pk}


def test_many_keys_are_issued_together() -> None:
    """For active users, with the same limits; invalid limits issue none."""
    users = [make_user("anna"), make_user("bert", is_active=False), make_user("carl")]
    issued = caller_services.issue_api_keys(users, label=" x ", scopes=["chat"], per_minute=5)
    assert [key.user.user_id for key, _ in issued] == ["anna", "carl"]
    for key, text in issued:
        found = caller_services.find_api_key(text).key
        assert found is not None and (found.pk, found.label, found.scopes, found.per_minute) == (
            key.pk, "x", ("chat",), 5
        )  # fmt: skip
    with pytest.raises(InvalidRequestError):
        caller_services.issue_api_keys(users, per_minute=0)
    assert ApiKey.objects.count() == 2

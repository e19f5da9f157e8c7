"""Who may call: the whitelist and API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

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


@pytest.mark.parametrize("user_id", ["", "  ", "x" * 101, "a b", "a\nb", "a\x00b"])
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


@pytest.mark.parametrize("seconds", [-1, 1])
def test_an_expired_key_opens_nothing(seconds: int) -> None:
    """As one that never was: nothing says which part was wrong."""
    make_user("anna")
    key, text = services.issue_api_key("anna")
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + timedelta(seconds=seconds))
    if seconds > 0:
        assert services.find_api_key(text).key == key
        return
    with pytest.raises(InvalidApiKeyError) as refusal:
        services.find_api_key(text)
    with pytest.raises(InvalidApiKeyError) as other:
        services.find_api_key(KEY_PREFIX + "A" * 43)
    assert (refusal.value.message, refusal.value.code) == (other.value.message, other.value.code)


@pytest.mark.parametrize("seconds", [-1, 60])
def test_a_key_of_an_expired_user_is_refused_as_such(seconds: int) -> None:
    """From that moment on; they get no new key either."""
    user = make_user("anna")
    _, text = services.issue_api_key("anna")
    expires_at = timezone.now() + timedelta(seconds=seconds)
    WhitelistedUser.objects.filter(pk=user.pk).update(expires_at=expires_at)
    if seconds > 0:
        caller = services.find_api_key(text)
        assert caller.user is not None and caller.user.expires_at == expires_at
        return
    with pytest.raises(NotWhitelistedError):
        services.find_api_key(text)
    with pytest.raises(NotWhitelistedError, match="has expired"):
        services.issue_api_key("anna")


def test_a_key_brings_its_users_limits_along() -> None:
    """In the one query that finds it."""
    make_user("anna", daily_images=1, daily_videos=2, daily_chats=3)
    _, text = services.issue_api_key("anna", scopes=("chat",), per_minute=5)
    services.find_api_key(text)
    with CaptureQueriesContext(connection) as queries:
        caller = services.find_api_key(text)
        assert caller.user is not None and caller.key is not None
        assert (caller.user.daily_images, caller.user.daily_videos, caller.user.daily_chats) == (1, 2, 3)
        assert (caller.user.holder, caller.user.is_active, caller.user.expires_at) == ("user:anna", True, None)
        assert (caller.key.scopes, caller.key.per_minute) == (("chat",), 5)
    assert len(queries) == 1


def test_a_key_is_issued_with_its_terms() -> None:
    """All scopes and no limit unless said otherwise."""
    make_user("anna")
    plain, _ = services.issue_api_key("anna")
    assert (plain.scopes, plain.per_minute, plain.expires_at, plain.label) == (
        ("images", "videos", "chat"), None, None, "",
    )  # fmt: skip
    end = timezone.now() + timedelta(days=1)
    key, _ = services.issue_api_key("anna", label=" phone ", scopes=["read"], per_minute=60, expires_at=end)
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
def test_wrong_terms_issue_nothing(terms: dict[str, Any], param: str) -> None:
    """The field at fault is named."""
    make_user("anna")
    with pytest.raises(InvalidRequestError) as refusal:
        services.issue_api_key("anna", **terms)
    assert refusal.value.param == param
    assert not ApiKey.objects.exists()


def test_a_users_terms_are_changed_one_by_one() -> None:
    """What is not named stays; None takes a limit or an end away."""
    user, now = make_user("anna", daily_videos=7), timezone.now()
    services.limit_whitelisted_user("anna", {"daily_images": 10, "daily_chats": 0})
    services.expire_whitelisted_user("anna", now + timedelta(days=1), now)
    found = WhitelistedUser.objects.get(pk=user.pk)
    assert (found.daily_images, found.daily_videos, found.daily_chats) == (10, 7, 0)
    assert found.expires_at == now + timedelta(days=1)
    services.limit_whitelisted_user("anna", {"daily_images": None})
    services.expire_whitelisted_user("anna", None, now)
    found = WhitelistedUser.objects.get(pk=user.pk)
    assert (found.daily_images, found.expires_at) == (None, None)
    with pytest.raises(InvalidRequestError):
        services.limit_whitelisted_user("anna", {"daily_images": -1})
    with pytest.raises(InvalidRequestError):
        services.expire_whitelisted_user("anna", now, now)
    with pytest.raises(NotFoundError):
        services.limit_whitelisted_user("nobody", {})

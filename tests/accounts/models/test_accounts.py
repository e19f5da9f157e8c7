"""Models of accounts and the state changes of one row."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import (
    CAPABILITIES,
    DEFAULT_LIMITS,
    DEFAULT_PACES,
    Account,
    AccountCapability,
    AccountKind,
    AccountState,
    Capability,
)
from bingproject.errors import DecryptionError
from tests.factories import make_account, make_undecryptable, set_capability

pytestmark = pytest.mark.django_db


def usable_names(capability: str = Capability.IMAGE) -> list[str]:
    """Return the names of accounts that can get work, in the order of `usable`."""
    rows = AccountCapability.objects.usable(capability, timezone.now()).select_related("account")
    return [row.account.name for row in rows]


@pytest.mark.parametrize("kind", AccountKind.values)
def test_a_new_account_has_its_kinds_capabilities(kind: str) -> None:
    """Saving it again creates no second set."""
    account = Account.objects.create(name="anna", kind=kind)
    account.save()
    rows = {row.capability: (row.limit, row.per_minute) for row in account.capabilities.all()}
    expected = CAPABILITIES[AccountKind(kind)]
    assert rows == {name: (DEFAULT_LIMITS[name], DEFAULT_PACES.get(name, (None, 1))[0]) for name in expected}


def test_a_capability_exists_once_per_account() -> None:
    """The database itself refuses a second row."""
    account = make_account("anna")
    with pytest.raises(IntegrityError), transaction.atomic():
        AccountCapability.objects.create(account=account, capability=Capability.IMAGE)


def test_cookies_are_encrypted_at_rest() -> None:
    """The columns contain neither the operator's cookies nor Bing's."""
    account = make_account("anna", cookies={"_U": "the-secret-cookie-of-anna", "other": "x"})
    account.save_session("A" * 32, {"from_bing": "another-secret"}, timezone.now())
    row = Account.objects.values().get(pk=account.pk)
    assert "secret" not in str(row)
    found = Account.objects.get(pk=account.pk)
    assert found.cookies == {"_U": "the-secret-cookie-of-anna", "other": "x"}
    assert found.jar == {"from_bing": "another-secret"}
    assert found.cookies_tail == "anna"


def test_a_short_cookie_shows_no_tail() -> None:
    """Four characters would be too much of a short secret."""
    assert make_account("anna", cookie="short").cookies_tail == ""


def test_a_proxy_is_stored_encrypted() -> None:
    """Its password cannot be read in the table; no proxy needs no decryption."""
    account = make_account(proxy="http://anna:hunter2@proxy:1")
    found = Account.objects.get(pk=account.pk)
    assert found.proxy == "http://anna:hunter2@proxy:1"
    assert found.encrypted_proxy and "hunter2" not in found.encrypted_proxy
    found.proxy = ""
    assert found.encrypted_proxy == found.proxy == ""


def test_rotation_resets_what_was_known_about_the_old_cookies() -> None:
    """State, session, cooldowns and the last error; the operator's choices stay."""
    now = timezone.now()
    account = make_account("anna", proxy="http://proxy:1", state=AccountState.EXPIRED)
    account.save_session("A" * 32, {"from_bing": "1"}, now)
    account.note_failed_check("outage", now)
    rest = now + timedelta(hours=1)
    set_capability(account, Capability.IMAGE, cooldown_until=rest, fast_cooldown_until=rest, cooldown_reason="busy")
    account.rotate({"_U": "new-cookie"}, now)
    found = Account.objects.get(pk=account.pk)
    assert (found.state, found.state_reason, found.last_error) == (AccountState.UNCHECKED, "", "")
    assert (found.session_ig, found.session_at, found.jar, found.checked_at) == ("", None, {}, None)
    assert (found.cookies, found.proxy) == ({"_U": "new-cookie"}, "http://proxy:1")
    assert usable_names() == ["anna"]
    assert not found.capabilities.exclude(fast_cooldown_until=None, cooldown_reason="").exists()


def test_rotation_keeps_concurrent_changes() -> None:
    """A stale account in memory overwrites only the columns of a rotation."""
    held = make_account("anna")
    Account.objects.filter(pk=held.pk).update(is_enabled=False, notes="changed")
    held.rotate({"_U": "new-cookie"}, timezone.now())
    found = Account.objects.get(pk=held.pk)
    assert (found.is_enabled, found.notes) == (False, "changed")


def test_a_state_for_replaced_cookies_is_dropped() -> None:
    """An answer to the old cookies says nothing about the new ones."""
    held = make_account("anna")
    Account.objects.get(pk=held.pk).rotate({"_U": "new-cookie"}, timezone.now() + timedelta(seconds=1))
    assert not held.mark(AccountState.EXPIRED, "expired", timezone.now())
    held.save_session("A" * 32, {"old": "1"}, timezone.now())
    held.note_failed_check("outage", timezone.now())
    found = Account.objects.get(pk=held.pk)
    assert (found.state, found.session_ig, found.jar, found.last_error) == (AccountState.UNCHECKED, "", {}, "")
    assert held.state == AccountState.OK


def test_mark_replaces_only_the_given_states() -> None:
    """A page that opens does not end a challenge; by default any state is replaced."""
    account = make_account("anna", state=AccountState.CHALLENGED)
    assert not account.mark(AccountState.OK, "", timezone.now(), replacing=(AccountState.EXPIRED,))
    assert account.state == AccountState.CHALLENGED
    assert account.mark(AccountState.OK, "", timezone.now())
    assert Account.objects.get(pk=account.pk).state == account.state == AccountState.OK


def test_new_cookies_of_bing_are_added_to_the_jar() -> None:
    """A later session keeps earlier cookies that Bing has not set again."""
    account = make_account("anna")
    account.save_session("A" * 32, {"first": "1", "both": "1"}, timezone.now())
    account.save_session("B" * 32, {"second": "2", "both": "2"}, timezone.now())
    found = Account.objects.get(pk=account.pk)
    assert found.jar == {"first": "1", "both": "2", "second": "2"}
    assert found.session_ig == "B" * 32


def test_cookies_outside_a_session_do_not_change_the_session() -> None:
    """Neither a missing session nor one that another process has renewed in the meantime."""
    held = make_account("anna")
    held.add_to_jar({"chat": "1"})
    found = Account.objects.get(pk=held.pk)
    assert (found.session_at, found.session_ig, found.jar) == (None, "", {"chat": "1"})
    found.save_session("B" * 32, {"page": "2"}, timezone.now())
    held.add_to_jar({"chat": "3"})
    found = Account.objects.get(pk=held.pk)
    assert found.session_ig == "B" * 32 and found.session_at is not None
    assert found.jar == held.jar == {"chat": "3", "page": "2"}
    found.rotate({"_U": "new-cookie"}, timezone.now())
    held.add_to_jar({"chat": "4"})
    assert Account.objects.get(pk=held.pk).jar == {}


def test_usable_accounts_can_get_work() -> None:
    """Not those that are disabled, without cookies, signed out, challenged, blocked, switched off or cooling down."""
    now = timezone.now()
    for state in AccountState:
        make_account(state.value, state=state)
    make_account("disabled", is_enabled=False)
    Account.objects.create(name="no cookies")
    set_capability(make_account("off"), Capability.IMAGE, limit=0)
    set_capability(make_account("resting"), Capability.IMAGE, cooldown_until=now + timedelta(minutes=1))
    set_capability(make_account("rested"), Capability.IMAGE, cooldown_until=now - timedelta(seconds=1))
    set_capability(make_account("no boosts"), Capability.IMAGE, fast_cooldown_until=now + timedelta(minutes=1))
    assert sorted(usable_names()) == ["no boosts", "ok", "rested", "unchecked"]
    assert "resting" in usable_names(Capability.VIDEO)


def test_usable_starts_with_the_least_recently_served() -> None:
    """Accounts that were never served come first."""
    now = timezone.now()
    for name, served_at in (("new", now), ("old", now - timedelta(hours=1)), ("never", None)):
        set_capability(make_account(name), Capability.IMAGE, served_at=served_at)
    assert usable_names() == ["never", "old", "new"]


def test_a_longer_cooldown_is_not_shortened() -> None:
    """The later end wins, with its reason."""
    now = timezone.now()
    row = make_account("anna").capabilities.get(capability=Capability.IMAGE)
    row.cool_down(now + timedelta(hours=1), "long", now)
    row.cool_down(now + timedelta(minutes=1), "short", now)
    row.refresh_from_db()
    assert (row.cooldown_until, row.cooldown_reason, row.cooldown_count) == (now + timedelta(hours=1), "long", 1)
    row.cool_down(now + timedelta(hours=2), "longer", now)
    row.refresh_from_db()
    assert (row.cooldown_reason, row.cooldown_count) == ("longer", 2)


def test_names_of_rows() -> None:
    """A row's name in the admin contains no secret."""
    account = make_account("anna")
    row = account.capabilities.get(capability=Capability.CHAT)
    lease = account.leases.create(capability=Capability.CHAT, holder="user:bert", until=timezone.now())
    assert [str(row) for row in (account, row, lease)] == ["anna", f"{account.pk} chat", f"{account.pk} chat user:bert"]


def test_undecryptable_secrets_are_named() -> None:
    """Reading one raises DecryptionError; a token that a command renews is not listed."""
    account = make_account("anna", proxy="http://proxy:1")
    assert account.undecryptable == []
    make_undecryptable(account, "encrypted_jar", "encrypted_proxy", "encrypted_token")
    assert account.undecryptable == ["cookies", "proxy", "token"]
    account.token_command = "mine"
    assert account.undecryptable == ["cookies", "proxy"]
    with pytest.raises(DecryptionError, match="The account's proxy cannot be decrypted"):
        _ = account.proxy


@pytest.mark.parametrize("given", ["cookies", "token"])
def test_rotation_writes_only_the_given_credentials(given: str) -> None:
    """Credentials that another process has renewed or re-encrypted since the row was read stay."""
    now, others = timezone.now(), ("encrypted_token", "encrypted_cookies", "encrypted_jar")
    account = make_account("anna")
    Account.objects.filter(pk=account.pk).update(**{column: f"of another {column}" for column in others})
    account.rotate({"_U": "new"} if given == "cookies" else {}, now, token="new" if given == "token" else "")
    found = Account.objects.get(pk=account.pk)
    kept = {column for column in others if getattr(found, column) == f"of another {column}"}
    assert kept == ({"encrypted_token"} if given == "cookies" else {"encrypted_cookies", "encrypted_jar"})

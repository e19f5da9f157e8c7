"""The second factor: keys, codes, pauses after wrong ones, recovery."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from bingproject.models import Authenticator, RecoveryCode
from bingproject.security import second_factor
from tests.bingproject.security.authenticators import code_of, make_operator, wrong

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> User:
    """An operator."""
    return make_operator()


def asked_by(user: Any) -> HttpRequest:
    """A request of hers, in a session that has shown nothing yet."""
    request = RequestFactory().get("/admin/")
    request.session = SessionStore()
    user.otp_device = None
    request.user = user
    return request


def enrolled(user: User) -> tuple[str, list[str]]:
    """Her key and recovery codes, once the first code was given."""
    key, _ = second_factor.begin(user)
    codes = second_factor.confirm(asked_by(user), code_of(key))
    assert codes is not None
    Authenticator.objects.update(last_step=-1)  # as if it were half a minute ago
    return key, codes


def test_nobody_needs_one(anna: User) -> None:
    """Without a second factor none is due, nor while one is being set up."""
    assert not second_factor.is_due(asked_by(anna))
    second_factor.begin(anna)
    assert not second_factor.is_due(asked_by(anna))


def test_setting_up(anna: User) -> None:
    """The key is in the QR code's address and encrypted on the row; it is in force from its first code on."""
    key, address = second_factor.begin(anna)
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/bingproject:anna")
    assert parse_qs(parts.query) == {"secret": [key], "issuer": ["bingproject"]}
    row = Authenticator.objects.get()
    assert key not in row.encrypted_key and row.encrypted_key.startswith("gAAAA") and not row.confirmed
    request = asked_by(anna)
    codes = second_factor.confirm(request, code_of(key))
    assert codes is not None and len(set(codes)) == 10
    assert not second_factor.is_due(request)
    assert second_factor.is_due(asked_by(anna))


def test_beginning_again_forgets_the_last_key(anna: User) -> None:
    """Only the newest of the keys not confirmed counts."""
    old, _ = second_factor.begin(anna)
    second_factor.begin(anna)
    assert Authenticator.objects.count() == 1
    assert second_factor.confirm(asked_by(anna), code_of(old)) is None


def test_a_second_key_cannot_be_put_in_force(anna: User) -> None:
    """Who has a factor must take it away first, which asks for a code."""
    enrolled(anna)
    key, _ = second_factor.begin(anna)
    assert second_factor.confirm(asked_by(anna), code_of(key)) is None


def test_a_code_is_good_once(anna: User) -> None:
    """Now, a half minute early or late; never twice, nor an older one afterwards."""
    key, _ = enrolled(anna)
    assert second_factor.show(asked_by(anna), f" {code_of(key)[:3]} {code_of(key)[3:]} ")
    Authenticator.objects.update(throttling_failure_count=0)
    assert not second_factor.show(asked_by(anna), code_of(key))
    Authenticator.objects.update(throttling_failure_count=0)
    assert second_factor.show(asked_by(anna), code_of(key, steps=1))


@pytest.mark.parametrize("text", ["", "12345", "1234567", "abcdef", "¹²³⁴⁵⁶", "-1", "9" * 5000])
def test_nonsense_is_no_code(anna: User, text: str) -> None:
    """Too short, too long, no digits: refused, whatever it is."""
    enrolled(anna)
    request = asked_by(anna)
    assert not second_factor.show(request, text)
    assert second_factor.is_due(request)


def test_wrong_codes_make_the_next_one_wait(anna: User) -> None:
    """One second, then two, four, …: a million codes cannot be tried. The right one must wait too."""
    key, _ = enrolled(anna)
    for _ in range(5):
        assert not second_factor.show(asked_by(anna), wrong(code_of(key)))
        Authenticator.objects.update(throttling_failure_timestamp=timezone.now() - timedelta(hours=1))
    assert Authenticator.objects.get().throttling_failure_count == 5
    Authenticator.objects.update(throttling_failure_timestamp=timezone.now() - timedelta(seconds=14))
    assert not second_factor.show(asked_by(anna), code_of(key))
    assert Authenticator.objects.get().throttling_failure_count == 5  # what came too soon does not count
    Authenticator.objects.update(throttling_failure_timestamp=timezone.now() - timedelta(seconds=17))
    assert second_factor.show(asked_by(anna), code_of(key))
    assert Authenticator.objects.get().throttling_failure_count == 0


def test_recovery_codes(anna: User) -> None:
    """Each opens once, in any letter case, with or without dashes, whatever was tried before; hashes are kept."""
    key, codes = enrolled(anna)
    second_factor.show(asked_by(anna), wrong(code_of(key)))
    assert second_factor.show(asked_by(anna), codes[0])
    assert not second_factor.show(asked_by(anna), codes[0])
    assert second_factor.show(asked_by(anna), codes[1].replace("-", " ").upper())
    assert RecoveryCode.objects.count() == 8
    kept = " ".join(RecoveryCode.objects.values_list("code_hash", flat=True))
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)
    assert str(anna.pk) in str(RecoveryCode.objects.first())


def test_recovery_codes_are_their_owners(anna: User) -> None:
    """Somebody else's code opens nothing."""
    _, codes = enrolled(anna)
    bert = make_operator("bert")
    enrolled(bert)
    assert not second_factor.show(asked_by(bert), codes[0])
    assert second_factor.show(asked_by(anna), codes[0])


def test_new_recovery_codes(anna: User) -> None:
    """A code buys ten new ones, and the old ones are gone; a wrong code buys nothing."""
    key, codes = enrolled(anna)
    assert second_factor.renew_codes(asked_by(anna), wrong(code_of(key))) is None
    fresh = second_factor.renew_codes(asked_by(anna), codes[0])
    assert fresh is not None and not set(fresh) & set(codes)
    assert not second_factor.show(asked_by(anna), codes[1])


def test_removal(anna: User) -> None:
    """With a code, by its owner; without one, by whoever may. Nothing of it stays."""
    key, codes = enrolled(anna)
    assert not second_factor.remove(asked_by(anna), wrong(code_of(key)))
    assert second_factor.remove(asked_by(anna), codes[0])
    assert not second_factor.is_due(asked_by(anna))
    enrolled(anna)
    second_factor.begin(anna)
    assert second_factor.remove_of(anna) == 1 and second_factor.remove_of(anna) == 0
    assert not Authenticator.objects.exists() and not RecoveryCode.objects.exists()


def test_finding_an_operator(anna: User) -> None:
    """By name."""
    assert second_factor.find_operator("anna") == anna
    assert second_factor.find_operator("nobody") is None

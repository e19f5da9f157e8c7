"""Secrets at rest: encrypted under the newest key, opened by any known one."""

from __future__ import annotations

from typing import Any

import pytest

from bingproject.conf.environment import SettingError, new_seal_key
from bingproject.security.encryption import decrypt, decrypt_cached, digest, encrypt, fingerprint, is_digest


def test_round_trip(settings: Any) -> None:
    """What is encrypted comes back, does not show, and looks different each time."""
    settings.SEAL_KEYS = [new_seal_key()]
    text = "cookie ✓ of an account"
    token = encrypt(text)
    assert decrypt(token) == text
    assert "cookie" not in token
    assert encrypt(text) != token


def test_empty_stays_empty() -> None:
    """A row without a secret has no token."""
    assert decrypt("") == ""


def test_what_stays_open_belongs_to_its_keys(settings: Any) -> None:
    """The same text as the other way gives; other keys do not find it open."""
    settings.SEAL_KEYS = [new_seal_key()]
    token = encrypt("secret")
    assert [decrypt_cached(token), decrypt_cached(token), decrypt_cached("")] == ["secret", "secret", ""]
    settings.SEAL_KEYS = [new_seal_key()]
    with pytest.raises(SettingError):
        decrypt_cached(token)


def test_rotation(settings: Any) -> None:
    """With a new key in front, old tokens still open and new ones are encrypted by the new key alone."""
    old, new = new_seal_key(), new_seal_key()
    settings.SEAL_KEYS = [old]
    token = encrypt("secret")
    settings.SEAL_KEYS = [new, old]
    assert decrypt(token) == "secret"
    fresh = encrypt("secret")
    settings.SEAL_KEYS = [new]
    assert decrypt(fresh) == "secret"
    with pytest.raises(SettingError, match="SEAL_KEYS does not hold the key"):
        decrypt(token)


def test_a_token_that_was_changed_does_not_open(settings: Any) -> None:
    """One character off is refused, not decrypted into something else."""
    settings.SEAL_KEYS = [new_seal_key()]
    token = encrypt("secret")
    with pytest.raises(SettingError):
        decrypt(token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:])


def test_fingerprint_names_a_key_without_revealing_it() -> None:
    """Sixteen hex digits, the same for the same key."""
    key = new_seal_key()
    assert fingerprint(key) == fingerprint(key) != fingerprint(new_seal_key())
    assert len(bytes.fromhex(fingerprint(key))) == 8


def test_a_digest_knows_a_text_again_with_its_key_alone(settings: Any) -> None:
    """Under the newest key, also when that is no longer the newest; nothing under another one."""
    old, new = new_seal_key(), new_seal_key()
    settings.SEAL_KEYS = [old]
    mark = digest("secret")
    assert len(bytes.fromhex(mark)) == 32 and is_digest(mark, "secret") and not is_digest(mark, "other")
    settings.SEAL_KEYS = [new, old]
    assert is_digest(mark, "secret") and digest("secret") != mark
    settings.SEAL_KEYS = [new]
    assert not is_digest(mark, "secret") and not is_digest("", "secret")

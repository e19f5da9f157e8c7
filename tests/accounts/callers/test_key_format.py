"""The format of API keys."""

import string

from accounts.callers.key_format import KEY_PREFIX, build_api_key, hash_api_key, is_api_key


def test_api_keys_have_one_format() -> None:
    """A prefix, and 43 characters that need no escaping in URLs and headers."""
    key = build_api_key(bytes(range(224, 256)))
    assert key.startswith(KEY_PREFIX) and len(key) == len(KEY_PREFIX) + 43
    assert set(key) <= set(string.ascii_letters + string.digits + "-_")
    assert build_api_key(bytes(32)) != key


def test_api_keys_are_known_by_their_prefix() -> None:
    """Only credentials with the prefix are looked up."""
    assert is_api_key("bp_x") and not is_api_key("sk-x") and not is_api_key("")


def test_api_keys_are_stored_as_a_hash() -> None:
    """SHA-256 in hex, also of text that cannot be encoded as UTF-8."""
    assert hash_api_key("bp_x") == "57b3ceec83d18fa9f5958df8eb4b2ae878ecf531656143571f908104d4da1b1b"
    assert len(hash_api_key("\ud800")) == 64
    assert hash_api_key("bp_x") != hash_api_key("bp_y")

"""The format of this server's API keys, and their hash."""

from __future__ import annotations

import base64
import hashlib

KEY_PREFIX = "bp_"


def build_api_key(random_bytes: bytes) -> str:
    """Return `bp_` and 43 URL-safe characters for 32 random bytes."""
    return KEY_PREFIX + base64.urlsafe_b64encode(random_bytes).decode("ascii").rstrip("=")


def hash_api_key(key: str) -> str:
    """Return the hash to store. A key has 256 random bits, so it needs no salt or slow hash, and an index finds it."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def is_api_key(text: str) -> bool:
    """True if a credential has this server's prefix; others are ignored in open mode."""
    return text.startswith(KEY_PREFIX)

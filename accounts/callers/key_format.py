"""The form of our API keys, and what is stored of one."""

from __future__ import annotations

import base64
import hashlib

KEY_PREFIX = "bp_"


def build_api_key(random_bytes: bytes) -> str:
    """A new API key out of 32 random bytes: `bp_` and 43 URL-safe characters."""
    return KEY_PREFIX + base64.urlsafe_b64encode(random_bytes).decode("ascii").rstrip("=")


def hash_api_key(key: str) -> str:
    """What is stored of a key. It has 256 random bits, so a plain hash is enough and can be looked up."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def is_api_key(text: str) -> bool:
    """Whether a credential claims to be one of ours; others are ignored where no key is needed."""
    return text.startswith(KEY_PREFIX)

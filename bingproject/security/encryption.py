"""Encrypt secrets at rest: text to MultiFernet token and back, under the keys of `SEAL_KEYS`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from bingproject.conf.environment import SettingError
from bingproject.database.surrogates import repair_surrogates

# Enough for the credentials of about a thousand accounts.
CACHED_TEXTS = 1024


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]  # no parameter at run time
    """A column of tokens from `encrypt`, "" for none. `manage.py rotate_seals` finds the columns by this class."""

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Return a plain text field: the column is the same to the database."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.TextField", arguments, options


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    """Encrypt under the newest key; return URL-safe base64 text."""
    return _fernet(tuple(settings.SEAL_KEYS)).encrypt(repair_surrogates(text).encode()).decode("ascii")


def decrypt(token: str) -> str:
    """Decrypt a token from `encrypt` under any key of SEAL_KEYS; "" stays "".

    Raises:
        SettingError: No key in SEAL_KEYS decrypts it.
    """
    if not token:
        return ""
    try:
        return _fernet(tuple(settings.SEAL_KEYS)).decrypt(token.encode("ascii")).decode()
    except InvalidToken as error:
        raise SettingError("SEAL_KEYS does not hold the key this database was encrypted with.") from error


def decrypt_cached(token: str) -> str:
    """Decrypt as `decrypt` does, and cache the text, for credentials that every turn needs.

    The process has the keys in memory anyway, so the cache exposes nothing more.
    """
    return _decrypt_cached(tuple(settings.SEAL_KEYS), token) if token else ""


@lru_cache(maxsize=CACHED_TEXTS)
def _decrypt_cached(keys: tuple[str, ...], token: str) -> str:
    """Decrypt. The keys are part of the cache's key, so that a removed key decrypts nothing."""
    return decrypt(token)


def digest(text: str) -> str:
    """Return a keyed hash by which a secret is recognised again: 64 hex digits, under the newest key."""
    return _digest(settings.SEAL_KEYS[0], text)


def is_digest(mark: str, text: str) -> bool:
    """True if `mark` is the digest of this text under any key of SEAL_KEYS."""
    return any(hmac.compare_digest(mark, _digest(key, text)) for key in settings.SEAL_KEYS)


def _digest(key: str, text: str) -> str:
    return hmac.new(key.encode("ascii"), b"bingproject digest:" + text.encode(), hashlib.sha256).hexdigest()


def fingerprint(key: str) -> str:
    """Return a name for a key that does not reveal it: 16 hex digits."""
    return hashlib.sha256(b"bingproject seal key:" + key.encode("ascii")).hexdigest()[:16]

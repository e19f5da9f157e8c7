"""Sealing of secrets at rest: text ⇄ MultiFernet token under the keys of `SEAL_KEYS`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from bingproject.environment import SettingError

# Cookies of so many accounts; what is longer than they are is never among them.
KEPT_OPEN = 1024


class SealedTextField(models.TextField):  # type: ignore[type-arg]  # no parameter at run time
    """A column of texts that `seal` made, "" for none. `manage.py rotate_seals` finds the columns by this class."""

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Plain text to migrations: nothing of it is the database's business."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.TextField", arguments, options


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def seal(text: str) -> str:
    """Encrypt under the newest key. Shape: URL-safe base64 text, stored in a text column."""
    return _fernet(tuple(settings.SEAL_KEYS)).encrypt(text.encode()).decode("ascii")


def unseal(token: str) -> str:
    """Decrypt what `seal` made under any known key; empty stays empty.

    Raises: SettingError when no key in SEAL_KEYS opens it.
    """
    if not token:
        return ""
    try:
        return _fernet(tuple(settings.SEAL_KEYS)).decrypt(token.encode("ascii")).decode()
    except InvalidToken as error:
        raise SettingError("SEAL_KEYS does not hold the key this database was sealed with.") from error


def unseal_often(token: str) -> str:
    """As `unseal`, for what every turn needs again: the last ones stay open in this process, which holds the keys too.

    Raises: as `unseal`.
    """
    return _unseal_kept(tuple(settings.SEAL_KEYS), token) if token else ""


@lru_cache(maxsize=KEPT_OPEN)
def _unseal_kept(keys: tuple[str, ...], token: str) -> str:
    """By the keys as well, so that new keys open nothing old."""
    return unseal(token)


def digest(text: str) -> str:
    """A mark by which a secret is known again, and not without the newest key. Shape: 64 hex digits."""
    return _digest(settings.SEAL_KEYS[0], text)


def is_digest(mark: str, text: str) -> bool:
    """Whether `digest` made the mark of this text, under any known key."""
    return any(hmac.compare_digest(mark, _digest(key, text)) for key in settings.SEAL_KEYS)


def _digest(key: str, text: str) -> str:
    return hmac.new(key.encode("ascii"), b"bingproject digest:" + text.encode(), hashlib.sha256).hexdigest()


def fingerprint(key: str) -> str:
    """A name for a key that does not reveal it: 16 hex digits."""
    return hashlib.sha256(b"bingproject seal key:" + key.encode("ascii")).hexdigest()[:16]

"""Encrypt everything at rest again under the newest key while the server runs, and count what is left.

Columns are found by the class of their field, so those of later apps are included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import models, transaction

from bingproject.models import Installation
from bingproject.security.encryption import EncryptedTextField, fingerprint

ROWS_AT_ONCE = 500
UNDECRYPTABLE = ""  # instead of a fingerprint: no key in SEAL_KEYS decrypts it


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """One column of encrypted texts."""

    model: type[models.Model]
    name: str

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.name}"


class KeyRing:
    """The keys of SEAL_KEYS, newest first, which can be tried one by one."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.fingerprints = [fingerprint(key) for key in keys]
        self._alone = [Fernet(key) for key in keys]
        self._all = MultiFernet(self._alone)

    @property
    def newest(self) -> str:
        """The fingerprint of the key that encrypts."""
        return self.fingerprints[0]

    def opener(self, token: str) -> str:
        """The fingerprint of the key that opens a token; `UNOPENED` when none does."""
        for name, fernet in zip(self.fingerprints, self._alone, strict=True):
            try:
                fernet.decrypt(token.encode())
            except InvalidToken:
                continue
            return name
        return UNDECRYPTABLE

    def reencrypt(self, token: str) -> str:
        """Return the same text under the newest key."""
        return self._all.rotate(token.encode()).decode("ascii")


def encrypted_columns() -> list[EncryptedColumn]:
    """Return every encrypted column of every installed app."""
    return [
        EncryptedColumn(model, field.name)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedTextField)
    ]


def newer_key() -> str:
    """Return the fingerprint of a newer first key that another process has; "" if this process has the newest."""
    ours, in_use = fingerprint(settings.SEAL_KEYS[0]), Installation.objects.get(pk=Installation.ONLY_ID).seal_keys
    return str(in_use[0]) if ours in in_use and in_use[0] != ours else ""


def reencrypt_column(column: EncryptedColumn, *, rows_at_once: int = ROWS_AT_ONCE) -> int:
    """Encrypt every text of a column under the newest key; return how many were not. Others may write meanwhile."""
    ring = KeyRing(settings.SEAL_KEYS)
    return sum(_reencrypt(column, pk, token, ring) for pk, token in _tokens(column, rows_at_once))


def count_by_key(columns: Sequence[EncryptedColumn]) -> Counter[str]:
    """Count the encrypted texts by the fingerprint of their key; `UNDECRYPTABLE` counts those without one."""
    ring = KeyRing(settings.SEAL_KEYS)
    return Counter(ring.opener(token) for column in columns for _, token in _tokens(column))


def forget_old_keys() -> None:
    """Record that the older keys are not needed, so that a process may start without them."""
    with transaction.atomic():
        row = Installation.objects.select_for_update().get(pk=Installation.ONLY_ID)
        row.seal_keys = [fingerprint(settings.SEAL_KEYS[0])]
        row.save(update_fields=["seal_keys"])


def _reencrypt(column: EncryptedColumn, pk: Any, token: str, ring: KeyRing) -> bool:
    """Replace the text only if it is still the one that was read; if it was changed meanwhile, try the new one."""
    rows = column.model._base_manager.filter(pk=pk)
    while token and ring.opener(token) not in (ring.newest, UNDECRYPTABLE):
        if rows.filter(**{column.name: token}).update(**{column.name: ring.reencrypt(token)}):
            return True
        token = rows.values_list(column.name, flat=True).first() or ""
    return False


def _tokens(column: EncryptedColumn, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[tuple[Any, str]]:
    """Yield key and encrypted text of each row, in pages, so that no query is open while others write."""
    rows = column.model._base_manager.exclude(**{column.name: ""}).order_by("pk").values_list("pk", column.name)
    page = list(rows[:rows_at_once])
    while page:
        yield from page
        page = list(rows.filter(pk__gt=page[-1][0])[:rows_at_once])

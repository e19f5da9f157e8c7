"""Everything sealed at rest, sealed anew under the newest key while the server runs, and a count of what is left.

Sealed columns are found by their field's class, so one of a later app is covered without a word here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import models, transaction

from bingproject.liveness import live_processes
from bingproject.models import Installation, LiveProcess
from bingproject.seals import SealedTextField, fingerprint

ROWS_AT_ONCE = 500
UNOPENED = ""  # in place of a fingerprint: no key known here opens it


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column of sealed texts."""

    model: type[models.Model]
    name: str

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.name}"


class KeyRing:
    """The keys of SEAL_KEYS, newest first, each tried alone."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.fingerprints = [fingerprint(key) for key in keys]
        self._alone = [Fernet(key) for key in keys]
        self._all = MultiFernet(self._alone)

    @property
    def newest(self) -> str:
        """The fingerprint of the key that seals."""
        return self.fingerprints[0]

    def opener(self, token: str) -> str:
        """The fingerprint of the key that opens a token; `UNOPENED` when none does."""
        for name, fernet in zip(self.fingerprints, self._alone, strict=True):
            try:
                fernet.decrypt(token.encode())
            except InvalidToken:
                continue
            return name
        return UNOPENED

    def reseal(self, token: str) -> str:
        """The same text under the newest key."""
        return self._all.rotate(token.encode()).decode("ascii")


def sealed_columns() -> list[SealedColumn]:
    """Every sealed column of every installed app."""
    return [
        SealedColumn(model, field.name)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, SealedTextField)
    ]


def newer_key() -> str:
    """The fingerprint of a key that was put first after ours was, by whatever process; "" when ours is the newest."""
    ours, in_use = fingerprint(settings.SEAL_KEYS[0]), Installation.objects.get(pk=Installation.ONLY_ID).seal_keys
    return str(in_use[0]) if ours in in_use and in_use[0] != ours else ""


def ignorant_processes(now: datetime) -> list[LiveProcess]:
    """Live processes that could not open what the newest key seals."""
    newest = fingerprint(settings.SEAL_KEYS[0])
    return [row for row in live_processes(now) if newest not in row.seal_keys]


def backward_processes(now: datetime) -> list[LiveProcess]:
    """Live processes that still seal with another key than the newest."""
    newest = fingerprint(settings.SEAL_KEYS[0])
    return [row for row in live_processes(now) if row.seal_keys[:1] != [newest]]


def reseal_column(column: SealedColumn, *, rows_at_once: int = ROWS_AT_ONCE) -> int:
    """Seal every text of a column under the newest key; how many were not yet. Others may write meanwhile."""
    ring = KeyRing(settings.SEAL_KEYS)
    return sum(_reseal(column, pk, token, ring) for pk, token in _tokens(column, rows_at_once))


def count_by_key(columns: Sequence[SealedColumn]) -> Counter[str]:
    """How many sealed texts each key opens, by its fingerprint; `UNOPENED` counts those that none opens."""
    ring = KeyRing(settings.SEAL_KEYS)
    return Counter(ring.opener(token) for column in columns for _, token in _tokens(column))


def forget_old_keys() -> None:
    """Nothing needs the older keys: from now on a process may start without them."""
    with transaction.atomic():
        row = Installation.objects.select_for_update().get(pk=Installation.ONLY_ID)
        row.seal_keys = [fingerprint(settings.SEAL_KEYS[0])]
        row.save(update_fields=["seal_keys"])


def _reseal(column: SealedColumn, pk: Any, token: str, ring: KeyRing) -> bool:
    """Only in place of what was read: when somebody else wrote in between, theirs is looked at in its turn."""
    rows = column.model._base_manager.filter(pk=pk)
    while token and ring.opener(token) not in (ring.newest, UNOPENED):
        if rows.filter(**{column.name: token}).update(**{column.name: ring.reseal(token)}):
            return True
        token = rows.values_list(column.name, flat=True).first() or ""
    return False


def _tokens(column: SealedColumn, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[tuple[Any, str]]:
    """Key and sealed text of each row that has one, in pages: no query stays open while others write."""
    rows = column.model._base_manager.exclude(**{column.name: ""}).order_by("pk").values_list("pk", column.name)
    page = list(rows[:rows_at_once])
    while page:
        yield from page
        page = list(rows.filter(pk__gt=page[-1][0])[:rows_at_once])

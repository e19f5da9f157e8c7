"""`manage.py rotate_seals`: encrypt again what older keys encrypted; the last step of adding a key."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bingproject.cluster import process_registry
from bingproject.cluster.database_identity import verify_installation
from bingproject.models import LiveProcess
from bingproject.security import key_rotation
from bingproject.security.encryption import fingerprint


class Command(BaseCommand):
    """Encrypt all secrets with the first of SEAL_KEYS while the server runs; exit with 1 if some are left."""

    help = "Encrypt all stored secrets again with the first key of SEAL_KEYS; prints how many are left under each key."
    requires_system_checks = ["bingproject"]  # noqa: RUF012 - Django declares it as an instance attribute

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Refuse while a process could not decrypt the result; else encrypt, count, and say what to do next."""
        verify_installation(will_encrypt=False)
        _check_processes()
        verify_installation()
        # Again: a process that started in between may not have the newest key.
        _check_processes()
        columns = key_rotation.encrypted_columns()
        for column in columns:
            self.stdout.write(f"{column}: {key_rotation.reencrypt_column(column)} encrypted again")
        left = key_rotation.count_by_key(columns)
        self._report(left)
        backward = process_registry.backward_processes(timezone.now())
        if backward:
            self.stdout.write(
                f"Not done: {_named(backward)} still seals with an older key. "
                f"Put {_newest()} first in SEAL_KEYS there, restart it, and run this again."
            )
        if backward or left.total() > left[_newest()]:
            sys.exit(1)
        key_rotation.forget_old_keys()
        self.stdout.write("Done: the older keys may be taken out of SEAL_KEYS.")

    def _report(self, left: Counter[str]) -> None:
        for number, key in enumerate(map(fingerprint, settings.SEAL_KEYS)):
            self.stdout.write(f"Under key {key}{' (newest)' if number == 0 else ''}: {left[key]}")
        if left[key_rotation.UNDECRYPTABLE]:
            undecryptable = left[key_rotation.UNDECRYPTABLE]
            self.stdout.write(f"Under keys that are not in SEAL_KEYS: {undecryptable}, left as they are")


def _check_processes() -> None:
    """Refuse, with nothing changed, while a running process could not decrypt the result."""
    if newer := key_rotation.newer_key():
        raise CommandError(
            f"Nothing was changed: {_newest()}, first in SEAL_KEYS here, is an older key, since the server already "
            f"seals with {newer}. Run this with the SEAL_KEYS of the server."
        )
    if ignorant := process_registry.ignorant_processes(timezone.now()):
        raise CommandError(
            f"Nothing was changed: {_named(ignorant)} cannot open the newest key {_newest()}. "
            "Add it to SEAL_KEYS there (at the end), restart it, and try again."
        )


def _newest() -> str:
    return fingerprint(settings.SEAL_KEYS[0])


def _named(rows: list[LiveProcess]) -> str:
    return ", ".join(f"{row.role} process {row.process}" for row in rows)

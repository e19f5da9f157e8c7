"""Tie a database to its seal keys and to the sandbox or the real Bing; prune old rows of the project and the queue."""

from __future__ import annotations

from datetime import timedelta

from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import Error, connection, transaction
from django.utils import timezone
from django_q.models import Task as QueueRecord

from bingproject.conf.data_dir import explain_missing_tables, explain_no_answer
from bingproject.conf.environment import SettingError
from bingproject.models import Alert, Installation, Machine
from bingproject.security.encryption import fingerprint

QUEUE_RECORD_DAYS = 7
MACHINE_ROW_DAYS = 1
FAILED_LOG_IN_DAYS, LOG_IN_DAYS = 1, 90
ALERT_DAYS = 90


def verify_installation(*, will_encrypt: bool = True) -> None:
    """Verify that this process and the database belong together; the first call on a database ties them.

    Args:
        will_encrypt: True if this process may encrypt something, so that its newest key is needed from then on.

    Raises:
        SettingError: One line: SEAL_KEYS lacks a key, the database is the sandbox's and Bing's is wanted or the other
            way round, there are no tables, or the database does not answer.
    """
    try:
        if Installation._meta.db_table not in connection.introspection.table_names():
            raise SettingError(explain_missing_tables(settings.DATA_DIR, is_sqlite=settings.IS_SQLITE))
        _tie(will_encrypt=will_encrypt)
    except Error as error:
        line = explain_no_answer(error, settings.DATA_DIR, is_given=bool(settings.DATABASE_URL))
        raise SettingError(line) from error


def _tie(*, will_encrypt: bool) -> None:
    keys = [fingerprint(key) for key in settings.SEAL_KEYS]
    row, _ = Installation.objects.get_or_create(
        pk=Installation.ONLY_ID, defaults={"is_sandbox": settings.SANDBOX, "seal_keys": keys[:1]}
    )
    if row.is_sandbox and not settings.SANDBOX:
        raise SettingError("This database belongs to the sandbox: set SANDBOX=1, or another DATA_DIR or DATABASE_URL.")
    if settings.SANDBOX and not row.is_sandbox:
        raise SettingError(
            "This database belongs to the real Bing: unset SANDBOX, or set another DATA_DIR or DATABASE_URL."
        )
    if not set(row.seal_keys) <= set(keys):
        raise SettingError(
            "SEAL_KEYS lacks a key this database was encrypted with: put the old key back, after the new one, "
            "e.g. SEAL_KEYS=<new>,<old>, until manage.py rotate_seals says that it is done."
        )
    if will_encrypt and keys[0] not in row.seal_keys:
        _note_encryption_key(keys[0])


def _note_encryption_key(key: str) -> None:
    """Record that the key may be in use from now on, so that no process starts without it.

    Only the first key of SEAL_KEYS encrypts. A new key can therefore be added behind it, process by process, while
    others run.
    """
    with transaction.atomic():
        row = Installation.objects.select_for_update().get(pk=Installation.ONLY_ID)
        if key not in row.seal_keys:
            row.seal_keys = [key, *row.seal_keys]
            row.save(update_fields=["seal_keys"])


def prune_records() -> int:
    """Delete old rows of jobs, log-ins, machines and ended alerts; return how many."""
    now = timezone.now()
    old = (
        QueueRecord.objects.filter(stopped__lt=now - timedelta(days=QUEUE_RECORD_DAYS)),
        Session.objects.filter(expire_date__lt=now),
        Machine.objects.filter(seen_at__lt=now - timedelta(days=MACHINE_ROW_DAYS)),
        AccessAttempt.objects.filter(attempt_time__lt=now - timedelta(days=FAILED_LOG_IN_DAYS)),
        AccessLog.objects.filter(attempt_time__lt=now - timedelta(days=LOG_IN_DAYS)),
        Alert.objects.filter(ended_at__lt=now - timedelta(days=ALERT_DAYS)),
    )
    return sum(rows.delete()[0] for rows in old)

"""What this database belongs to (the row that ties it to its seal keys), and pruning of what the queue leaves."""

from __future__ import annotations

from datetime import timedelta

from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import Error, connection, transaction
from django.utils import timezone
from django_q.models import Task as QueueRecord

from bingproject.environment import SettingError
from bingproject.models import Alert, Installation, Machine
from bingproject.seals import fingerprint

QUEUE_RECORD_DAYS = 7
MACHINE_ROW_DAYS = 1
FAILED_LOG_IN_DAYS, LOG_IN_DAYS = 1, 90
ALERT_DAYS = 90


def verify_installation(*, will_seal: bool = True) -> None:
    """Make sure that this process and the database belong together; the first one to ask ties them.

    `will_seal`: this process may seal something from now on, so that its newest key will be needed.

    Raises: SettingError, one line, when the seal keys cannot open what is stored, when the sandbox's database is used
    for the real Bing or the other way round, or when there are no tables.
    """
    try:
        if Installation._meta.db_table not in connection.introspection.table_names():
            raise SettingError(
                "The database has no tables yet: run manage.py migrate (manage.py serve does it itself)."
            )
        _tie(will_seal=will_seal)
    except Error as error:
        raise SettingError(f"The database does not answer ({type(error).__name__}): see DATABASE_URL.") from error


def _tie(*, will_seal: bool) -> None:
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
            "SEAL_KEYS lacks a key this database was sealed with: put the old key back, after the new one, "
            "e.g. SEAL_KEYS=<new>,<old>, until manage.py rotate_seals says that it is done."
        )
    if will_seal and keys[0] not in row.seal_keys:
        _note_sealing_key(keys[0])


def _note_sealing_key(key: str) -> None:
    """From now on something may be sealed with it, so nobody may start without it.

    A key that only stands behind the first seals nothing: it can be added, process by process, while others run.
    """
    with transaction.atomic():
        row = Installation.objects.select_for_update().get(pk=Installation.ONLY_ID)
        if key not in row.seal_keys:
            row.seal_keys = [key, *row.seal_keys]
            row.save(update_fields=["seal_keys"])


def prune_records() -> int:
    """Delete what nobody needs any more of jobs, log-ins, machines and ended alerts; how many rows went."""
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

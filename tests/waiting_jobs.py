"""The jobs that wait for a worker, whether the database or Redis keeps them."""

from __future__ import annotations

from typing import Any

from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage

IS_IN_DATABASE = bool(Conf.ORM)


def waiting_jobs() -> list[dict[str, Any]]:
    """Oldest first. Shape: `{"func": "accounts.jobs.check_account", "args": (1,), "name": …}`."""
    if IS_IN_DATABASE:
        packages: list[Any] = list(OrmQ.objects.order_by("pk").values_list("payload", flat=True))
    else:
        broker = get_broker()
        packages = broker.connection.lrange(broker.list_key, 0, -1)
    return [SignedPackage.loads(package) for package in packages]


def forget_jobs() -> None:
    """Empty the queue. Rows in a test's database go by themselves."""
    if not IS_IN_DATABASE:
        get_broker().purge_queue()

"""django-q2's brokers, which here wait out an outage of the database or Redis.

django-q2's own pusher sleeps 10 s after one failed query and then dies, and its monitor dies of one failed
acknowledgement, after which the job runs again. Either would make a healthy cluster look hung.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, cast

import redis
from django.conf import settings
from django.db import Error, connections
from django_q.brokers import Broker
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.tasks import async_task
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bingproject.cluster.stop_flag import is_stopping
from bingproject.database.redis_cache import connection_options
from bingproject.models import Machine

OUTAGES = (Error, RedisError, OSError)
_PAUSE_SECONDS = 0.5
_REDIS_SECONDS = 5  # longer than the second for which a read of the queue blocks
_ACKNOWLEDGE_SECONDS = 60.0
# A machine that starts again within this time finds its queue, and empties it itself.
ABANDONED_SECONDS = 600.0
_log = logging.getLogger(__name__)


def reconnect() -> None:
    """Drop connections that an outage broke, so that the next query opens new ones."""
    for connection in connections.all(initialized_only=True):
        with suppress(Error):  # a connection that cannot be closed is abandoned all the same
            connection.close_if_unusable_or_obsolete()


class _PatienceMixin:
    """Wait out outages. A mixin before a broker class."""

    _is_out = False

    def dequeue(self) -> Any:
        """Return the next jobs, or None while the broker cannot be reached."""
        try:
            found = cast(Any, super()).dequeue()
        except OUTAGES as error:
            self._note_outage(error)
            time.sleep(_PAUSE_SECONDS)
            return None
        if self._is_out:
            self._is_out = False
            _log.warning("The job queue answers again.")
        return found

    def acknowledge(self, task_id: Any) -> Any:
        """Remove a finished job from the queue, waiting while the queue cannot be reached."""
        deadline = time.monotonic() + _ACKNOWLEDGE_SECONDS
        while True:
            try:
                return cast(Any, super()).acknowledge(task_id)
            except OUTAGES as error:
                self._note_outage(error)
                if is_stopping() or time.monotonic() > deadline:
                    _log.error("A finished job could not be removed from the queue; it may run once more.")
                    return None
                time.sleep(_PAUSE_SECONDS)

    def ping(self) -> bool:
        """Return True: an outage at the start is waited out like any other."""
        return True

    def _note_outage(self, error: BaseException) -> None:
        reconnect()
        if not self._is_out:
            self._is_out = True
            _log.error("The job queue cannot be reached (%s); waiting for it.", type(error).__name__)


class PatientOrm(_PatienceMixin, ORM):  # type: ignore[misc]  # django-q2 ships no types
    """The database as broker."""


class PatientRedis(_PatienceMixin, Redis):  # type: ignore[misc]  # django-q2 ships no types
    """Redis as broker, with time-outs: a Redis that hangs is an outage too."""

    @staticmethod
    def get_connection(list_key: str | None = None) -> redis.Redis:
        """Return a client that fails within seconds; `_PatienceMixin` does the waiting."""
        return redis.from_url(
            Conf.REDIS, socket_connect_timeout=2, socket_timeout=_REDIS_SECONDS, retry=Retry(NoBackoff(), 0)
        )


def own_broker() -> Broker:
    """Return the broker of this machine's queue, without the cache in which django-q2 keeps statistics."""
    broker = PatientOrm(Conf.CLUSTER_NAME) if Conf.ORM else PatientRedis(Conf.CLUSTER_NAME)
    broker.cache = None
    return broker


def send_job(job: str, *arguments: Any, name: str) -> None:
    """Put a job into this machine's queue, or log a warning if the queue cannot be reached.

    For jobs whose work is also in a row, which the watchdogs find.
    """
    broker = own_broker()
    if isinstance(broker, PatientRedis):
        # The shorter time-outs of the cache, since an operator waits for the page.
        broker.connection = redis.from_url(Conf.REDIS, **connection_options())
    try:
        async_task(job, *arguments, task_name=name, broker=broker)
    except OUTAGES as error:
        reconnect()
        _log.warning("The job queue cannot be reached (%s): %s waits for a watchdog.", type(error).__name__, job)


def drop_abandoned_queues(now: datetime) -> int:
    """Drop the jobs of machines without a cluster for ABANDONED_SECONDS; return how many.

    Only a machine's own cluster works its queue, and its next one empties it, so the jobs of a machine that never comes
    back would stay. Each job is a nudge, and is sent again for rows that need it.
    """
    since = now - timedelta(seconds=ABANDONED_SECONDS)
    machines = Machine.objects.filter(seen_at__gte=since).values_list("machine_id", flat=True)
    kept = {f"{settings.QUEUE_PREFIX}{machine_id}" for machine_id in machines}
    if not Conf.ORM:
        return _drop_lists(kept)
    jobs = OrmQ.objects.using(Conf.ORM).filter(key__startswith=settings.QUEUE_PREFIX, lock__lt=since)
    return int(jobs.exclude(key__in=kept).delete()[0])


def _drop_lists(kept: set[str]) -> int:
    """Drop the lists of other machines. Redis keeps no times of jobs, so a starting machine may lose some nudges."""
    kept_keys = {f"django_q:{name}:q".encode() for name in kept}
    count = 0
    with PatientRedis.get_connection() as client:
        for key in client.scan_iter(match=f"django_q:{settings.QUEUE_PREFIX}*:q"):
            if key not in kept_keys:
                count += int(client.llen(key))
                client.delete(key)
    return count

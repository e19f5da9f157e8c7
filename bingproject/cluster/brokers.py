"""django-q2's brokers made patient: an outage of database or Redis is waited out where it happens.

The stock pusher sleeps 10 s after one failed look and then dies; the stock monitor dies of one failed
acknowledgement and the job runs again. Both would take a healthy cluster for hung.
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
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bingproject.models import Machine
from bingproject.stopping import is_stopping

OUTAGES = (Error, RedisError, OSError)
_PAUSE_SECONDS = 0.5
_REDIS_SECONDS = 5  # longer than the second that a look at the queue blocks
_ACKNOWLEDGE_SECONDS = 60.0
# A machine that is started again within this time finds its queue, and empties it itself.
ABANDONED_SECONDS = 600.0
_log = logging.getLogger(__name__)


def reconnect() -> None:
    """Drop connections that an outage broke, so that the next query opens new ones."""
    for connection in connections.all(initialized_only=True):
        with suppress(Error):  # a connection that cannot even be closed is given up all the same
            connection.close_if_unusable_or_obsolete()


class _PatienceMixin:
    """Waits out outages; stands before a broker class."""

    _is_out = False

    def dequeue(self) -> Any:
        """The next jobs, or nothing while the broker cannot be reached."""
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
        """Strike a job that is done off the queue, however long the queue is out of reach."""
        deadline = time.monotonic() + _ACKNOWLEDGE_SECONDS
        while True:
            try:
                return cast(Any, super()).acknowledge(task_id)
            except OUTAGES as error:
                self._note_outage(error)
                if is_stopping() or time.monotonic() > deadline:
                    _log.error("A finished job could not be struck off the queue; it may run once more.")
                    return None
                time.sleep(_PAUSE_SECONDS)

    def ping(self) -> bool:
        """Always there: an outage at start is waited out like any other."""
        return True

    def _note_outage(self, error: BaseException) -> None:
        reconnect()
        if not self._is_out:
            self._is_out = True
            _log.error("The job queue cannot be reached (%s); waiting for it.", type(error).__name__)


class PatientOrm(_PatienceMixin, ORM):  # type: ignore[misc]  # django-q2 ships no types
    """The database as broker."""


class PatientRedis(_PatienceMixin, Redis):  # type: ignore[misc]  # django-q2 ships no types
    """Redis as broker, with time limits: a Redis that hangs is an outage, too."""

    @staticmethod
    def get_connection(list_key: str | None = None) -> redis.Redis:
        """A client that fails within seconds and leaves the waiting to us."""
        return redis.from_url(
            Conf.REDIS, socket_connect_timeout=2, socket_timeout=_REDIS_SECONDS, retry=Retry(NoBackoff(), 0)
        )


def own_broker() -> Broker:
    """The broker of this machine's own queue, without a cache to write statistics to twice a second."""
    broker = PatientOrm(Conf.CLUSTER_NAME) if Conf.ORM else PatientRedis(Conf.CLUSTER_NAME)
    broker.cache = None
    return broker


def drop_abandoned_queues(now: datetime) -> int:
    """Drop the jobs of machines that no cluster has been heard of for a while; how many.

    A machine's queue is worked by its own cluster alone and emptied by its next one: of a machine that never comes back
    the jobs would stay. Each is a nudge, made again from rows where they are needed.
    """
    since = now - timedelta(seconds=ABANDONED_SECONDS)
    machines = Machine.objects.filter(seen_at__gte=since).values_list("machine_id", flat=True)
    kept = {f"{settings.QUEUE_PREFIX}{machine_id}" for machine_id in machines}
    if not Conf.ORM:
        return _drop_lists(kept)
    jobs = OrmQ.objects.using(Conf.ORM).filter(key__startswith=settings.QUEUE_PREFIX, lock__lt=since)
    return int(jobs.exclude(key__in=kept).delete()[0])


def _drop_lists(kept: set[str]) -> int:
    """Redis has no times of jobs; a list of a machine that is just starting may go, and is filled again."""
    kept_keys = {f"django_q:{name}:q".encode() for name in kept}
    count = 0
    with PatientRedis.get_connection() as client:
        for key in client.scan_iter(match=f"django_q:{settings.QUEUE_PREFIX}*:q"):
            if key not in kept_keys:
                count += int(client.llen(key))
                client.delete(key)
    return count

"""Is the process alive, can it serve? `/healthz` and `/readyz`, for machines, without a key.

`/healthz` fails only where a restart would help, so an outage of the database leaves it as it is; `/readyz` fails then.
"""

from __future__ import annotations

import asyncio

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views import View
from msgspec import UNSET, UnsetType

from bingproject.api.contracts import BING_CREATE, ErrorBody
from bingproject.api.viewsets import json_response
from bingproject.edge._compat_django import mark_logged
from bingproject.edge.thread_pool import LANES
from bingproject.edge.thread_watch import STUCK_SECONDS, is_stuck
from bingproject.errors import InternalError, NoWorkerError, ServiceError, UnavailableError
from bingproject.models import Machine


class Unhealthy(ErrorBody, frozen=True):
    """An error in the API's form, with the checks that led to it."""

    status: str
    checks: dict[str, str] | UnsetType = UNSET


# For the whole check: shorter than the time-out of most probes, and than that of a database that does not answer.
READY_SECONDS = 3.0
FAILED = {"database": "failed", "migrations": "failed", "worker": "failed"}


def is_worker_live() -> bool:
    """True if a cluster was seen within MACHINE_FRESH_SECONDS.

    The lease of a runner is no proof: it exists only while there is work, and an idle cluster is ready as well.
    """
    return Machine.objects.live(timezone.now()).exists()


def has_pending_migrations() -> bool:
    """True if the database lacks a migration of this code."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def check_readiness() -> dict[str, str]:
    """Return "ok" or "failed" for `database`, `migrations` and `worker`; what comes after a failure is not checked."""
    checks = dict(FAILED)
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        checks["database"] = "ok"
        if has_pending_migrations():
            return checks
        checks["migrations"] = "ok"
        checks["worker"] = "ok" if is_worker_live() else "failed"
    except DatabaseError:
        connection.close()
    return checks


class AliveView(View):
    """Liveness: asks neither the database nor a thread."""

    async def get(self, request: HttpRequest) -> HttpResponse:
        """Answer 200, or 503 if every thread that serves requests has hung for `STUCK_SECONDS`."""
        lanes = getattr(request, "scope", {}).get(LANES)
        if lanes is None or not is_stuck(lanes):
            return json_response({"status": "ok"})
        message = f"No request has come to its end for {STUCK_SECONDS:g} s. Restart this process."
        return _failed(UnavailableError(message), {})


class ReadyView(View):
    """Readiness: the database answers and is migrated, and a worker lives."""

    async def get(self, request: HttpRequest) -> HttpResponse:
        """Answer 200, or 503 as an error with the checks."""
        checks = await check_in_time()
        if all(result == "ok" for result in checks.values()):
            return json_response({"status": "ok", "checks": checks})
        return _unready(checks)


async def check_in_time() -> dict[str, str]:
    """Run `check_readiness` in a thread; everything counts as failed if it takes longer than READY_SECONDS."""
    checking = asyncio.ensure_future(sync_to_async(check_readiness)())
    done, _ = await asyncio.wait({checking}, timeout=READY_SECONDS)
    return checking.result() if done else dict(FAILED)


def _unready(checks: dict[str, str]) -> HttpResponse:
    error: ServiceError = NoWorkerError()
    if checks["database"] != "ok":
        error = UnavailableError()
    elif checks["migrations"] != "ok":
        error = InternalError("The database is not migrated. The operator runs manage.py migrate.", retry_after=30)
    return _failed(error, checks)


def _failed(error: ServiceError, checks: dict[str, str]) -> HttpResponse:
    answer = BING_CREATE.error(error)
    body = Unhealthy(answer.body.error, "unavailable", checks or UNSET)
    return mark_logged(
        json_response(body, 503, answer.headers)
    )  # not logged: probes ask every few seconds and have the answer

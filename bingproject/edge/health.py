"""Is the process alive, can it serve? `/healthz` and `/readyz`, for machines, without a key."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views import View

from bingproject.api import json_response
from bingproject.contracts import BING_CREATE
from bingproject.errors import InternalError, NoWorkerError, ServiceError
from bingproject.models import Machine


def is_worker_live() -> bool:
    """Whether some machine's cluster was heard of just now.

    A runner's lease would not do: it exists only while there is work, an idle cluster is ready all the same.
    """
    return Machine.objects.live(timezone.now()).exists()


def has_pending_migrations() -> bool:
    """Whether the database is older than the code."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def check_readiness() -> dict[str, str]:
    """`database`, `migrations` and `worker`, each "ok" or "failed"; after a failure the later ones are not asked."""
    checks = {"database": "failed", "migrations": "failed", "worker": "failed"}
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
    """The process lives: nothing is asked."""

    async def get(self, request: HttpRequest) -> HttpResponse:
        """200 always."""
        return json_response({"status": "ok"})


class ReadyView(View):
    """The process can serve: the database answers and is up to date, and a worker lives."""

    async def get(self, request: HttpRequest) -> HttpResponse:
        """200, or 503 in the error shape with what was found."""
        checks = await sync_to_async(check_readiness)()
        if all(result == "ok" for result in checks.values()):
            return json_response({"status": "ok", "checks": checks})
        return _unready(checks)


def _unready(checks: dict[str, str]) -> HttpResponse:
    error: ServiceError = NoWorkerError()
    if checks["migrations"] != "ok":
        error = InternalError(
            "The database does not answer, or is not migrated. The operator runs manage.py migrate.", retry_after=30
        )
    answer = BING_CREATE.error(error)
    body: dict[str, Any] = {**answer.body, "status": "unavailable", "checks": checks}
    return json_response(body, 503, answer.headers)

"""`/healthz` and `/readyz` over a real port."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from bingproject.edge.health import check_readiness, is_worker_live
from tests.factories import make_machine


def test_is_alive_without_a_key(http: httpx.Client, settings: Any) -> None:
    """200 in every mode; nothing else is asked."""
    settings.ACCESS = "keys"
    assert http.get("/healthz").json() == {"status": "ok"}
    assert http.head("/healthz/").status_code == 200


def test_is_ready_with_a_live_worker(http: httpx.Client, settings: Any) -> None:
    """200 as soon as some machine was heard of."""
    settings.ACCESS = "keys"
    make_machine()
    answer = http.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"database": "ok", "migrations": "ok", "worker": "ok"},
    }


def test_is_not_ready_without_a_worker(http: httpx.Client) -> None:
    """503 in the error shape when no machine was heard of lately."""
    make_machine(seen_at=timezone.now() - timedelta(minutes=1))
    answer = http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "no_worker"
    assert answer.json()["checks"] == {"database": "ok", "migrations": "ok", "worker": "failed"}
    assert answer.headers["retry-after"] == "30"
    assert not is_worker_live()


def test_is_not_ready_before_migrations(http: httpx.Client) -> None:
    """503 while the database is older than the code."""
    make_machine()
    newest = MigrationRecorder.Migration.objects.filter(app="creator").latest("id")
    newest.delete()
    try:
        answer = http.get("/readyz")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "internal")
        assert answer.json()["checks"] == {"database": "ok", "migrations": "failed", "worker": "failed"}
        assert "migrate" in answer.json()["error"]["message"]
    finally:
        MigrationRecorder(connection).record_applied(newest.app, newest.name)


def test_is_not_ready_without_a_database(db: None) -> None:
    """A database that does not answer is a failed check, not an exception."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bingproject_liveprocess RENAME TO bingproject_liveprocess_away")
    assert check_readiness()["worker"] == "failed"

"""How the admin writes times."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils.formats import localize


def test_times_are_exact_and_name_their_zone() -> None:
    """Year first, seconds, UTC."""
    assert localize(datetime(2026, 3, 7, 15, 4, 5, tzinfo=UTC)) == "2026-03-07 15:04:05 UTC"

"""Moments as JSON has them."""

from __future__ import annotations

from datetime import datetime

from bingproject.conf.timestamps import iso


def test_is_utc_with_milliseconds() -> None:
    """Whatever zone a moment came in."""
    assert iso(datetime.fromisoformat("2026-11-23T07:00:00+01:00")) == "2026-11-23T06:00:00.000Z"

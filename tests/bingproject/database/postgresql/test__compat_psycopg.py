"""What our psycopg connection overrides, and whether it still may."""

from __future__ import annotations

import inspect

import psycopg

from bingproject.database.postgresql._compat_psycopg import LimitedConnection, LimitedDriver


def test_overrides_what_is_there() -> None:
    """`wait` takes what the base class's takes."""
    ours, theirs = (inspect.signature(cls.wait).parameters for cls in (LimitedConnection, psycopg.Connection))
    assert list(ours) == list(theirs)
    assert ours["interval"].default == theirs["interval"].default


def test_the_driver_is_psycopg() -> None:
    """Django finds every error and type where it looks for them."""
    driver = LimitedDriver()
    assert driver.OperationalError is psycopg.OperationalError
    assert driver.connect == LimitedConnection.connect

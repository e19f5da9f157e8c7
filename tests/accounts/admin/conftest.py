"""Fixtures: an empty queue."""

from __future__ import annotations

import pytest

from tests.waiting_jobs import forget_jobs


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    """Delete jobs of other tests."""
    forget_jobs()

"""Microsoft 365's tables."""

from __future__ import annotations

from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.m365 import scenarios as tables
from bingproject.sandbox.providers import CATALOGUE


def test_rows_of_its_own_are_there() -> None:
    """Row 27 is its own, row 26 comes by a shared name."""
    assert "27" in {CATALOGUE[name].row for name in tables.TURN}
    assert "bare-type3" in tables.SHARED_TURN


def test_shared_names_exist() -> None:
    """Each is in the catalogue at its stage."""
    assert {CATALOGUE[name].stage for name in tables.SHARED_TURN} == {Stage.TURN}
    assert {CATALOGUE[name].stage for name in tables.SHARED_ANSWER} == {Stage.ANSWER}

"""The consumer Copilot's tables."""

from __future__ import annotations

from bingproject.sandbox.copilot import scenarios as tables
from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.providers import CATALOGUE


def test_rows_of_its_own_are_there() -> None:
    """Rows 22 to 25 of the taxonomy, and those it shares by another shape."""
    rows = {CATALOGUE[name].row for name in (*tables.CLEARANCE, *tables.TURN)}
    assert {"5", "14", "17", "18", "22", "23", "24", "25"} <= rows


def test_shared_names_exist() -> None:
    """Each is in the catalogue at its stage."""
    assert {CATALOGUE[name].stage for name in tables.SHARED_TURN} == {Stage.TURN}
    assert {CATALOGUE[name].stage for name in tables.SHARED_ANSWER} == {Stage.ANSWER}

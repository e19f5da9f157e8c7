"""The image creator's tables of behaviours."""

from __future__ import annotations

from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.images.scenarios import ALIASES, SCENARIOS


def test_names_are_used_once() -> None:
    """Rows of tables and made ones keep out of each other's way; an alias is no name of a scenario."""
    names = [scenario.name for scenario in SCENARIOS]
    assert len(names) == len(set(names))
    assert not ALIASES.keys() & set(names)
    assert set(ALIASES.values()) <= set(names)


def test_each_stage_of_the_creator_has_scenarios() -> None:
    """And no stage of a chat has one here."""
    assert {scenario.stage for scenario in SCENARIOS} == {
        Stage.SUBMIT, Stage.GENERATION, Stage.POLL, Stage.HOME, Stage.MEDIA,
    }  # fmt: skip

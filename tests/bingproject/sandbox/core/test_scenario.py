"""Tables turned into scenarios."""

from __future__ import annotations

from bingproject.sandbox.core.scenario import Scenario, Stage, answer_scenarios, turn_scenarios


def test_a_line_of_a_table_becomes_a_scenario() -> None:
    """With row, effect and the number of a prompt that gives none."""
    assert turn_scenarios({"cut": ("17", "is cut")}) == [Scenario("cut", Stage.TURN, "17", "is cut")]
    assert answer_scenarios({"gap": ("speed", "N seconds", 0.5)}) == [
        Scenario("gap", Stage.ANSWER, "speed", "N seconds", number=0.5)
    ]

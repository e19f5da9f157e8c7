"""Choose the scenarios of one turn of a chat: by rules first, then by words of the message."""

from __future__ import annotations

from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.core.scenarios import Chosen, Scenarios, UnknownScenarioError

AT_TURN, AT_ANSWER = frozenset({Stage.TURN}), frozenset({Stage.ANSWER})
ANSWERED = "answered"
# The client has said that nobody reads on.
STOPPED = "stopped"
# The image creator's words that a chat takes for its own: `reject` is its `block`, `throttle` its `busy`.
SYNONYMS = {"block": "disengaged", "busy": "throttled", "slow": "delay", "cut": "cut-after", "stall": "silent"}


class MisplacedWordError(ValueError):
    """A word for a scenario that does not apply to a turn of this chat."""


def choose(scenarios: Scenarios, text: str, account: str, known: frozenset[str]) -> tuple[dict[str, float | None], str]:
    """Return how the answer is sent and how the turn ends.

    Raises:
        ValueError: A word names no scenario, or none of this chat.
    """
    try:
        words = [_translate(one, scenarios) for one in scenarios.find_words(text)]
    except UnknownScenarioError as error:
        raise ValueError(f"there is no scenario {error}") from None
    for one in words:
        if one.scenario.name not in known:
            raise MisplacedWordError(f"the scenario {one.scenario.name} cannot be asked for by this chat's words")
    knobs = {one.scenario.name: one.number for one in words if one.scenario.stage is Stage.ANSWER}
    ruled = scenarios.choose(AT_TURN, account, known=known)
    knob = scenarios.choose(AT_ANSWER, account, known=known)
    if knob is not None:
        knobs[knob.scenario.name] = knob.number
    if ruled is not None:
        return knobs, ruled.scenario.name
    for one in words:
        if one.scenario.stage is Stage.TURN and scenarios.still_refuses(text, one):
            return knobs, one.scenario.name
    return knobs, ANSWERED


def _translate(chosen: Chosen, scenarios: Scenarios) -> Chosen:
    name = SYNONYMS.get(chosen.scenario.name)
    if name is None:
        return chosen
    # A scenario's default number is meant for the image creator.
    return scenarios.find(name, None if chosen.number == chosen.scenario.number else chosen.number)

"""Facts of a turn: which events are kept, and the headers they become."""

from __future__ import annotations

from chat.api.turn_facts import TurnFacts
from chat.protocol.events import Finished, HistoryDropped, ServedBy, TextDelta


def test_no_fact_is_no_header() -> None:
    """The events of the answer itself leave nothing."""
    facts = TurnFacts()
    for event in (TextDelta("Hello"), Finished("Hello", "Hello", retire=False)):
        facts.add(event)
    assert facts == TurnFacts()
    assert facts.headers() == {}


def test_the_last_fact_of_a_kind_counts() -> None:
    """Another back end takes over, and more of the history does not fit there."""
    facts = TurnFacts()
    for event in (HistoryDropped(2), ServedBy("copilot"), HistoryDropped(4), ServedBy("m365", ("image",), "Copilot")):
        facts.add(event)
    assert facts.served_by == ServedBy("m365", ("image",), "Copilot")
    assert facts.headers() == {"x-bing-served-by": "m365", "x-bing-history-dropped": "4"}

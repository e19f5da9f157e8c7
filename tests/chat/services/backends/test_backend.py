"""What all back ends share: timers within an exchange's limit, and the manner in which a turn is asked."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from chat.protocol.catalogue import MODELS
from chat.protocol.events import Prompt
from chat.services.backends import BACK_ENDS, TurnAttempt
from chat.services.backends.backend import at_most, timers


def test_exchanges_keep_to_the_limit_of_all_of_them(settings: Settings) -> None:
    """Opening and greeting do; what a turn may be quiet for is a setting of its own."""
    settings.UPSTREAM_TIMEOUT_SECONDS, settings.CHAT_GAP_SECONDS = 3.0, 60.0
    assert at_most(15.0) == 3.0
    assert (timers(10).opening, timers(10).handshake, timers(10).answering) == (3.0, 3.0, 60.0)


@pytest.mark.parametrize(
    ("model", "is_thinking", "mode"),
    [("copilot", False, "chat"), ("copilot", True, "reasoning"), ("copilot-study", True, "study")],
)
def test_who_wants_more_thought_gets_the_manner_that_thinks(model: str, is_thinking: bool, mode: str) -> None:
    """Where there is one."""
    spec = MODELS[model]
    asked = TurnAttempt(spec, spec.routes[0], Prompt("", (), "x"), {}, 0, is_thinking=is_thinking)
    assert asked.mode == mode


@pytest.mark.parametrize("name", BACK_ENDS)
def test_each_back_end_is_known_by_its_name(name: str) -> None:
    """And has a way of its own to be refused."""
    back_end = BACK_ENDS[name]
    assert back_end.name == name
    assert back_end.refusal(429, {"retry-after": "7"}, "").retry_after == 7
    assert back_end.timers().opening > 0

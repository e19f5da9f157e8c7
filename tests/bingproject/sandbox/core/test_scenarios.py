"""Choosing behaviours by words and by rules."""

from __future__ import annotations

import pytest

from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.core.scenarios import Rule, Scenarios, UnknownScenarioError
from bingproject.sandbox.providers import CATALOGUE


def names(scenarios: Scenarios, prompt: str, account: str = "alice", door: str = "create") -> list[str]:
    """Name what holds for a submit."""
    return [chosen.scenario.name for chosen in scenarios.at_submit(prompt, account, door)]


def test_words_are_found_with_their_numbers() -> None:
    """Several may stand together; a number is kept, a missing one is the scenario's own."""
    found = Scenarios(CATALOGUE).find_words("a sandbox:slow cat, sandbox:busy=2 and sandbox:seconds=0.5!")
    assert [(one.scenario.name, one.number) for one in found] == [("slow", 60), ("busy", 2.0), ("seconds", 0.5)]
    assert Scenarios(CATALOGUE).find_words("a cat in a sandbox: it digs") == []


def test_an_unknown_word_is_told() -> None:
    """A misspelt name must not pass as an ordinary prompt."""
    with pytest.raises(UnknownScenarioError):
        Scenarios(CATALOGUE).find_words("sandbox:bussy")


def test_a_rule_is_used_up_and_goes_before_words() -> None:
    """A rule for two submits holds twice, whatever the prompt says, then the words hold."""
    scenarios = Scenarios(CATALOGUE)
    scenarios.add(Rule(scenarios.find("panda"), left=2))
    prompt = "sandbox:vague"
    assert [names(scenarios, prompt) for _ in range(3)] == [["panda"], ["panda"], ["vague"]]


def test_a_rule_for_an_account_or_a_door_leaves_others_alone() -> None:
    """Only what fits both is touched."""
    scenarios = Scenarios(CATALOGUE)
    scenarios.add(Rule(scenarios.find("panda"), account="bob", door="create"))
    assert names(scenarios, "a cat") == []
    assert names(scenarios, "a cat", "bob", "ai-video-generator") == []
    assert names(scenarios, "a cat", "bob") == ["panda"]
    scenarios.clear()
    assert names(scenarios, "a cat", "bob") == []


def test_a_rule_shows_only_at_its_stage() -> None:
    """A poll's fault does not touch submits."""
    scenarios = Scenarios(CATALOGUE)
    scenarios.add(Rule(scenarios.find("poll-http-500")))
    assert names(scenarios, "a cat") == []
    chosen = scenarios.choose(frozenset({Stage.POLL}), "alice")
    assert chosen is not None
    assert chosen.scenario.status == 500


def test_a_numbered_refusal_runs_out_for_its_prompt_only() -> None:
    """`busy=2` refuses two submits of that prompt, and starts anew for another."""
    scenarios = Scenarios(CATALOGUE)
    busy = scenarios.find("busy", 2)
    assert [scenarios.still_refuses("one", busy) for _ in range(3)] == [True, True, False]
    assert scenarios.still_refuses("two", busy)
    assert scenarios.still_refuses("one", scenarios.find("busy"))


def test_a_generations_words_are_sorted_by_where_they_show() -> None:
    """A poll fault shows for its number of polls; a rejection stands in place of the result."""
    scenarios = Scenarios(CATALOGUE)
    course: dict[str, float | None] = {"poll-http-500": 2, "unsafe": None}
    assert scenarios.at_poll(course, 2) is not None
    assert scenarios.at_poll(course, 3) is None
    rejection = scenarios.rejection(course)
    assert rejection is not None
    assert rejection.name == "unsafe"
    assert scenarios.rejection({"slow": 3}) is None

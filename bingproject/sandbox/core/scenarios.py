"""Choose the scenario that applies: by words of a prompt, and by rules of the control endpoint."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from bingproject.sandbox.core.scenario import Scenario, Stage

WORD = re.compile(r"sandbox:([a-z0-9]+(?:-[a-z0-9]+)*)(?:=([0-9]+(?:\.[0-9]+)?))?")
AT_SUBMIT = frozenset({Stage.SUBMIT, Stage.GENERATION})


@dataclass(frozen=True)
class Chosen:
    """A scenario with its number: how often it applies, or what its own text says."""

    scenario: Scenario
    number: float | None = None


@dataclass
class Rule:
    """A scenario set by the control endpoint. `left` counts down; None lasts until the reset."""

    chosen: Chosen
    left: int | None = None
    account: str | None = None
    door: str | None = None

    def fits(self, account: str, door: str) -> bool:
        """True if this rule applies to that account at that endpoint."""
        return self.left != 0 and self.account in (None, account) and self.door in (None, door)


class UnknownScenarioError(ValueError):
    """A name that the catalogue does not have."""


@dataclass
class Scenarios:
    """The catalogue, the rules, and how often each prompt's own words have been applied."""

    catalogue: Mapping[str, Scenario]
    rules: list[Rule] = field(default_factory=list)
    honoured: Counter[tuple[str, str]] = field(default_factory=Counter)

    def find(self, name: str, number: float | None = None) -> Chosen:
        """Return a scenario by its name.

        Raises: UnknownScenarioError.
        """
        scenario = self.catalogue.get(name)
        if scenario is None:
            raise UnknownScenarioError(name)
        return Chosen(scenario, scenario.number if number is None else number)

    def find_words(self, prompt: str) -> list[Chosen]:
        """Return the scenarios that a prompt names as `sandbox:name` or `sandbox:name=N`, in order.

        Raises: UnknownScenarioError.
        """
        return [self.find(name, float(number) if number else None) for name, number in WORD.findall(prompt)]

    def add(self, rule: Rule) -> None:
        """Add a rule. Of several that fit, the oldest applies."""
        self.rules.append(rule)

    def clear(self) -> None:
        """Forget all rules and all counts."""
        self.rules.clear()
        self.honoured.clear()

    def choose(
        self, stages: frozenset[Stage], account: str, door: str = "", known: frozenset[str] | None = None
    ) -> Chosen | None:
        """Return the scenario of the oldest fitting rule of these stages, and count the rule down.

        With `known`, rules for other names belong to other stand-ins and are skipped.
        """
        for rule in self.rules:
            if known is not None and rule.chosen.scenario.name not in known:
                continue
            if rule.chosen.scenario.stage in stages and rule.fits(account, door):
                if rule.left is not None:
                    rule.left -= 1
                return rule.chosen
        return None

    def at_submit(self, prompt: str, account: str, door: str) -> list[Chosen]:
        """Return the scenarios of one submit: those of a rule, or else of the prompt's own words.

        Raises: UnknownScenarioError.
        """
        ruled = self.choose(AT_SUBMIT, account, door)
        return [ruled] if ruled else self.find_words(prompt)

    def still_refuses(self, prompt: str, chosen: Chosen) -> bool:
        """True if a submit scenario of the prompt applies again (`busy=2`: to the first two submits)."""
        if chosen.number is None:
            return True
        key = (prompt, chosen.scenario.name)
        self.honoured[key] += 1
        return self.honoured[key] <= chosen.number

    def at_poll(self, course: dict[str, float | None], polls: int) -> Chosen | None:
        """Return the poll scenario that a generation's own words set for this poll."""
        for name, number in course.items():
            scenario = self.catalogue[name]
            if scenario.stage is Stage.POLL and (number is None or polls <= number):
                return Chosen(scenario, number)
        return None

    def rejection(self, course: dict[str, float | None]) -> Scenario | None:
        """Return the page that a generation's own words show instead of its result."""
        for name in course:
            scenario = self.catalogue[name]
            if scenario.stage is Stage.GENERATION and scenario.page:
                return scenario
        return None

"""A scenario: one named behaviour of a stand-in, and the stage at which it takes effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bingproject.sandbox.core.exchange import Fault, Header


class Stage(StrEnum):
    """Where a scenario takes effect: at a submit, during or at the end of a generation, or at one kind of GET; in a
    chat, when a conversation or socket is opened, at an upload, and during or at the end of a turn."""

    SUBMIT = "submit"
    GENERATION = "generation"
    POLL = "poll"
    HOME = "home"
    MEDIA = "media"
    CREATE = "create"
    SOCKET = "socket"
    UPLOAD = "upload"
    TURN = "turn"
    ANSWER = "answer"


@dataclass(frozen=True)
class Scenario:
    """One named behaviour.

    `row` is the dossier's (a letter: the table of refused submits; a word: another section); `page` a file under
    `pages/`; `accepts` says that a generation exists whatever the answer says; `number` is what stands for `=N`
    when the prompt gives none; `apostrophe` replaces the straight one of the page.
    """

    name: str
    stage: Stage
    row: str
    effect: str
    page: str = ""
    status: int = 200
    headers: tuple[Header, ...] = ()
    fault: Fault = Fault.NONE
    accepts: bool = False
    number: float | None = None
    apostrophe: str = "'"


def turn_scenarios(table: Mapping[str, tuple[str, str]]) -> list[Scenario]:
    """Return the scenarios of how a turn ends: name → (row, effect)."""
    return [Scenario(name, Stage.TURN, row, effect) for name, (row, effect) in table.items()]


def answer_scenarios(table: Mapping[str, tuple[str, str, float | None]]) -> list[Scenario]:
    """Return the scenarios of how an answer is sent: name → (row, effect, number)."""
    return [Scenario(name, Stage.ANSWER, row, effect, number=number) for name, (row, effect, number) in table.items()]

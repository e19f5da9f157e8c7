"""The chat's tables of behaviours."""

from __future__ import annotations

from bingproject.sandbox.chat.turn_words import ANSWERED, SYNONYMS
from bingproject.sandbox.chathub import scenarios as chathub_scenarios
from bingproject.sandbox.copilot import scenarios as copilot_scenarios
from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.m365 import scenarios as m365_scenarios
from bingproject.sandbox.providers import CATALOGUE

CHAT_STAGES = {Stage.CREATE, Stage.SOCKET, Stage.UPLOAD, Stage.TURN, Stage.ANSWER}


def test_every_row_of_the_taxonomy_that_a_server_can_show_is_there() -> None:
    """Rows 1 to 21 and 28; 29 and 30 are the gateway's own and the caller's."""
    rows = {one.row for one in CATALOGUE.values() if one.stage in CHAT_STAGES}
    assert {str(row) for row in range(1, 22)} | {"28"} <= rows


def test_no_name_is_used_twice() -> None:
    """The tables, the statuses and the image creator's names keep out of each other's way."""
    tables = ("CREATE", "SOCKET", "UPLOAD", "TURN", "ANSWER")
    named = [name for table in tables for name in getattr(chathub_scenarios, table)]
    named += [f"{word}-{status}" for word in ("create", "socket", "kblob") for status in chathub_scenarios.STATUSES]
    named += [*copilot_scenarios.CLEARANCE, *copilot_scenarios.TURN, *copilot_scenarios.ANSWER]
    named += [*m365_scenarios.TURN, *m365_scenarios.ANSWER]
    assert len(named) == len(set(named)) == sum(one.stage in CHAT_STAGES for one in CATALOGUE.values())


def test_synonyms_lead_somewhere() -> None:
    """Each is a name of the image creator's and stands for one of the chat's."""
    for word, name in SYNONYMS.items():
        assert CATALOGUE[word].stage not in CHAT_STAGES
        assert CATALOGUE[name].stage in (Stage.TURN, Stage.ANSWER)
    assert ANSWERED not in CATALOGUE

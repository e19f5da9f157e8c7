"""Chat's cards: how turns go, which failed with a link to the transcript, who chats most."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from chat.admin import cards
from chat.models import TurnState
from tests.chat.turns import make_conversation, make_turn
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def test_a_failed_turn_leads_to_its_transcript() -> None:
    """Code, detail and account; a turn without a code still has a link."""
    row = make_conversation()
    make_turn(row, state=TurnState.FAILED, error_code="", error_detail="d" * 99)
    make_turn(row, state=TurnState.FAILED, error_code="timeout", account=make_account("anna"))
    (card,) = cards.failure_cards(timezone.now())
    (code, _, _, account), (nameless, _, detail, nobody) = card.rows
    address = reverse("admin:chat_conversation_change", args=[row.pk])
    assert address in code and "timeout" in code and address in nameless and "failed" in nameless
    assert (account, nobody, detail) == ("anna", "none", "d" * 60)


def test_how_turns_go_and_who_has_most() -> None:
    """Success in the last hour; users with links to their conversations."""
    make_turn(make_conversation(caller_id="user:anna"))
    make_turn(make_conversation())
    now = timezone.now()
    assert cards.work_cards(now)[0].lines[0].value == "100%"
    lines = cards.caller_cards(now)[0].lines
    assert sorted((line.note, "?user=anna" in line.name, "no key" in line.name) for line in lines) == [
        ("1 turn", False, True),
        ("1 turn", True, False),
    ]

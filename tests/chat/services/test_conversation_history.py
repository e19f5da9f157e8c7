"""What the stored turns of a conversation say, and where the chat can only continue over what it has."""

from __future__ import annotations

import pytest
from django.utils import timezone

from bingproject.errors import ConflictError
from bingproject.sandbox.server import SandboxServer
from chat.models import TurnState
from chat.protocol.catalogue import find_model
from chat.protocol.events import Message, Prompt
from chat.services.conversation_history import can_be_replayed, is_bound, with_stored_history
from chat.services.turn_state import ActiveTurn, TurnRequest
from tests.chat.turns import answer_of, ask, make_conversation, make_turn
from tests.factories import make_account


@pytest.mark.django_db(transaction=True)
def test_a_named_conversation_is_rebuilt_from_its_turns(hub: SandboxServer) -> None:
    """What was said and answered is replayed; a turn that failed, or was left, was never answered."""
    make_account()
    row = make_conversation(system="Be kind.")
    make_turn(row, index=0, prompt="first", answer="one")
    make_turn(row, index=1, prompt="lost", answer="", state=TurnState.FAILED)
    make_turn(row, index=1, prompt="second", answer="", state=TurnState.REFUSED)
    make_turn(row, index=2, prompt="third", answer="three, but", state=TurnState.CUT)
    make_turn(row, index=3, prompt="fled", answer="", state=TurnState.LEFT)
    prompt = with_stored_history(row, Prompt("", (), "fourth"))
    assert (prompt.system, prompt.newest) == ("Be kind.", "fourth")
    canonical = [Message("user", "first"), Message("assistant", "one"), Message("user", "second")]
    assert prompt.history == (*canonical, Message("user", "third"), Message("assistant", "three, but"))
    assert "Be kind." in answer_of(ask("fourth sandbox:recall", conversation=row))


@pytest.mark.django_db
def test_without_texts_a_named_conversation_cannot_be_rebuilt() -> None:
    """conflict: there is nothing to replay."""
    row = make_conversation()
    make_turn(row, prompt="", answer="")
    with pytest.raises(ConflictError):
        with_stored_history(row, Prompt("", (), "again"))


@pytest.mark.django_db
def test_a_picture_without_words_is_a_turn_with_texts() -> None:
    """Only its answer can be told again; nobody is told that texts were not kept."""
    row = make_conversation()
    make_turn(row, prompt="", answer="A cat.")
    assert with_stored_history(row, Prompt("", (), "sure?")).history == (Message("assistant", "A cat."),)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("is_named", "text", "credentials", "is_replayable", "is_tied"),
    [
        (True, "", {"id": "1"}, False, True),
        (True, "", None, False, False),
        (True, "hello", {"id": "1"}, True, False),
        (False, "", {"id": "1"}, True, False),
    ],
)
def test_only_a_named_conversation_without_texts_is_bound_to_its_upstream_end(
    is_named: bool, text: str, credentials: dict[str, str] | None, is_replayable: bool, is_tied: bool
) -> None:
    """Callers who name none send the history themselves."""
    row = make_conversation(credentials=credentials)
    make_turn(row, prompt=text, answer="")
    request = TurnRequest(
        "open", find_model("balanced"), Prompt("", (), "again"), conversation=row if is_named else None
    )
    turn = ActiveTurn(request, row, "claim", timezone.now())
    assert (can_be_replayed(turn), is_bound(turn)) == (is_replayable, is_tied)

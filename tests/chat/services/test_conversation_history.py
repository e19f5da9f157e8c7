"""What a turn's row will say, how a turn ends, and what earlier rows say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from bingproject.errors import ConflictError, UpstreamTimeoutError
from bingproject.sandbox.server import SandboxServer
from chat.models import TurnState
from chat.protocol.catalogue import find_model
from chat.protocol.events import Finished, Prompt, Said, Searching, Source, Sources, Suggestions, TextDelta
from chat.services.records import Outcome, Record, TurnRequest, with_stored_history
from tests.chat.turns import answer_of, ask, make_conversation, make_turn
from tests.factories import make_account

END = Finished("as it stands", "as it came", retire=False)


def request(**fields: object) -> TurnRequest:
    """A turn of the open caller."""
    return TurnRequest("open", find_model("balanced"), Prompt("", (), "hello"), **fields)  # type: ignore[arg-type]


def test_a_record_keeps_what_the_row_will_say() -> None:
    """The first text's time, the last sources, the suggestions."""
    record, now = Record(), timezone.now()
    record.add(Sources("q", (Source("a", "https://a.example"),)), now)
    was_silent = record.first_text_at is None
    record.add(TextDelta("x"), now)
    record.add(TextDelta("y"), now + timedelta(seconds=1))
    record.add(Suggestions(("more",)), now)
    assert was_silent
    assert record.suggestions == ["more"]
    assert record.first_text_at == now
    assert record.sources == [{"title": "a", "url": "https://a.example"}]


def test_a_turn_that_came_to_its_end() -> None:
    """Its answer is kept as it stands, and told again the way its caller saw it."""
    record = Record()
    assert record.outcome(request(), END, is_refused=False) == Outcome(TurnState.FINISHED, END.text, END.text)
    streamed = record.outcome(request(is_streamed=True), END, is_refused=True)
    assert streamed == Outcome(TurnState.REFUSED, END.text, END.streamed)


@pytest.mark.parametrize("end", [None, END])
def test_a_turn_that_the_callers_limit_ended(end: Finished | None) -> None:
    """The answer is what was shown, also when Bing had ended too; nothing shown is an answer as well."""
    for shown in ("as it", ""):
        outcome = Record().outcome(request(cut_answer=lambda shown=shown: shown), end, is_refused=False)
        assert outcome == Outcome(TurnState.CUT, shown, shown)


def test_a_turn_without_an_answer() -> None:
    """Its caller left, or it failed."""
    record = Record()
    assert record.outcome(request(), None, is_refused=False) == Outcome(TurnState.LEFT)
    record.fail(UpstreamTimeoutError())
    assert record.outcome(request(), None, is_refused=False) == Outcome(TurnState.FAILED)


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
    told = [Said("user", "first"), Said("assistant", "one"), Said("user", "second")]
    assert prompt.history == (*told, Said("user", "third"), Said("assistant", "three, but"))
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
    assert with_stored_history(row, Prompt("", (), "sure?")).history == (Said("assistant", "A cat."),)


@pytest.mark.parametrize(
    ("is_asked", "is_answered", "has_failed", "is_counted"),
    [
        (False, False, False, False),
        (False, False, True, False),
        (True, False, True, False),
        (True, False, False, True),
        (True, True, True, True),
        (True, True, False, True),
    ],
)
def test_what_bing_took_up_counts(is_asked: bool, is_answered: bool, has_failed: bool, is_counted: bool) -> None:
    """Left after asking, or failed after a word of Bing's: counted. Never asked, or failed without a word: not."""
    record = Record()
    record.is_asked = is_asked
    if is_answered:
        record.add(Searching("tides"), timezone.now())
    if has_failed:
        record.fail(UpstreamTimeoutError())
    assert record.is_counted is is_counted

"""Operators' pages for conversations: each opens, finds, shows the transcript, acts; nothing is edited."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bingproject.conf.environment import new_seal_key
from chat.admin.pages import STATE_LABELS
from chat.models import Conversation, Origin, Turn, TurnState
from tests import operating
from tests.chat.turns import make_conversation, make_turn
from tests.factories import make_account
from tests.operating import act, log_in_viewer, page

pytestmark = pytest.mark.django_db
OPEN = {"token": "a-secret-token"}


def listed(operator: Client, **query: str) -> set[uuid.UUID]:
    """Which conversations the list shows for a query."""
    return operating.listed(operator, Conversation, **query)


# --- the list -------------------------------------------------------------------------------------------------------


def states_in(text: str) -> list[str]:
    """The labels of a list's first column."""
    return re.findall(r"whitespace-nowrap[^>]*>\s*(Answering|Open[^<]*?|Closed[^<]*?)\s*</span>", text)


@pytest.mark.parametrize("back_end", ["bing", "copilot", "m365"])
def test_a_state_names_no_service(operator: Client, back_end: str) -> None:
    """A conversation of another service is not open at Bing."""
    row = make_conversation(credentials=OPEN)
    Conversation.objects.update(back_end=back_end)
    text = page(operator, "chat_conversation_changelist")
    assert states_in(text) == ["Open"]
    assert not any("t Bing" in shown for shown in (text, page(operator, "chat_conversation_change", row.pk)))


def test_the_list_shows_what_matters(operator: Client) -> None:
    """State, caller, model, account, origin, error; no more queries for more conversations; every count has a limit."""
    account = make_account("anna")
    make_conversation(caller_id="user:bert", account=account, origin=Origin.TWO_CALL, last_error="throttled")
    with CaptureQueriesContext(connection) as first:
        text = page(operator, "chat_conversation_changelist")
    assert states_in(text) == ["Closed"]
    assert all(word in text for word in ("bert", "balanced", "anna", "Two calls", "throttled"))
    for _ in range(5):
        make_conversation(account=account)
    with CaptureQueriesContext(connection) as second:
        page(operator, "chat_conversation_changelist")
    assert len(second) == len(first)
    counts = [query["sql"] for query in second if "COUNT(" in query["sql"] and "chat_conversation" in query["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)


def test_filters(operator: Client) -> None:
    """By state, model, account, origin and time; a value that does not exist filters nothing."""
    account, now = make_account(), timezone.now()
    open_one = make_conversation(credentials=OPEN, account=account)
    closed = make_conversation(model="creative", used_at=now - timedelta(days=20))
    answering = make_conversation(credentials=OPEN, origin=Origin.CREATED)
    assert answering.take("somebody", now)
    everything = {open_one.pk, closed.pk, answering.pk}
    assert listed(operator) == everything
    assert listed(operator, state="open") == {open_one.pk}
    assert listed(operator, state="closed") == {closed.pk}
    assert listed(operator, state="answering") == {answering.pk}
    assert listed(operator, model="creative") == {closed.pk}
    assert listed(operator, account__id__exact=str(account.pk)) == {open_one.pk}
    assert listed(operator, origin__exact="created") == {answering.pk}
    assert listed(operator, used_at_from_0=f"{now - timedelta(days=7):%Y-%m-%d}") == everything - {closed.pk}
    wrong = make_conversation(last_error="throttled", caller_id="user:anna")
    assert listed(operator, failed="yes") == listed(operator, user="anna") == {wrong.pk}
    assert listed(operator, failed="no") == listed(operator, user="open") == everything
    everything |= {wrong.pk}
    assert listed(operator, failed="nonsense") == listed(operator, user=" ") == everything
    assert listed(operator, state="nonsense") == listed(operator, model="nonsense") == everything


def test_search(operator: Client) -> None:
    """By id, by holder, by user, by any word of a question."""
    one = make_conversation(caller_id="user:anna")
    two = make_conversation(caller_id="user:other", user_id="bert")
    make_turn(two, prompt="How old do foxes get?")
    assert listed(operator, q="foxes") == listed(operator, q="old fox") == {two.pk}
    assert (
        listed(operator, q=str(one.pk)) == listed(operator, q="anna") == listed(operator, q=" user:anna ") == {one.pk}
    )
    assert listed(operator, q="bert") == {two.pk}
    assert listed(operator, q=" ") == {one.pk, two.pk}
    assert listed(operator, q="nobody") == listed(operator, q=str(uuid.uuid4())) == set()


def test_the_list_shows_first_words(operator: Client) -> None:
    """So that chats can be told apart: shortened, escaped, one query for a page; nothing where texts are not kept."""
    for number in range(9):
        make_turn(make_conversation(), prompt=f"<b>{number}</b> " + "long " * 40)
    make_turn(make_conversation(), prompt="")
    with CaptureQueriesContext(connection) as asked:
        text = page(operator, "chat_conversation_changelist")
    assert sum("chat_turn" in query["sql"] for query in asked.captured_queries) == 1
    assert "&lt;b&gt;8&lt;/b&gt; long" in text and "…" in text and "<b>8</b>" not in text


# --- one conversation -----------------------------------------------------------------------------------------------


def test_the_transcript_is_read_as_a_chat(operator: Client) -> None:
    """Question, answer, sources, failures in order; escaped; nothing to type in, no secret of Bing's."""
    row = make_conversation(system="Be <kind>.", credentials=OPEN, account=make_account("anna"))
    sources = [
        {"title": "Tides", "url": "https://tides.example"},
        {"title": "Bad", "url": "javascript:alert(1)"},
        {"title": "", "url": "https://untitled.example"},
    ]
    make_turn(row, index=0, prompt="<script>one</script>", answer="first answer", sources=sources)
    make_turn(
        row, index=1, prompt="two", answer="", state=TurnState.FAILED, error_code="timeout", error_detail="silence"
    )
    text = page(operator, "chat_conversation_change", row.pk)
    words = ("Be &lt;kind&gt;.", "&lt;script&gt;one", "first answer", "two", "Failed", "timeout", "silence", "anna")
    assert all(word in text for word in words)
    assert text.index("first answer") < text.index("silence")
    assert 'href="https://tides.example"' in text
    assert ">https://untitled.example</a>" in text
    assert "javascript:alert" not in text
    assert "a-secret-token" not in text
    assert 'name="_save"' not in text


def test_a_cut_answer_is_shown_as_far_as_it_went(operator: Client) -> None:
    """With who cut it; an answer all the same, as every state has its colour."""
    assert STATE_LABELS[TurnState.CUT] == STATE_LABELS[TurnState.FINISHED]
    assert set(STATE_LABELS) == set(TurnState)
    row = make_conversation()
    make_turn(row, prompt="count to ten", answer="one, two", state=TurnState.CUT)
    text = page(operator, "chat_conversation_change", row.pk)
    assert text.index("Cut at the caller") < text.index("count to ten") < text.index("one, two")


def test_where_texts_are_not_kept_figures_stand(operator: Client) -> None:
    """How much was said, and that nothing of it is kept."""
    row = make_conversation()
    assert "Nothing has been said yet." in page(operator, "chat_conversation_change", row.pk)
    make_turn(row, prompt="", answer="", sent_characters=12, received_characters=345)
    text = page(operator, "chat_conversation_change", row.pk)
    assert "12 characters asked, 345 answered; texts are not kept." in text


def test_of_a_very_long_chat_the_newest_turns_are_shown(operator: Client) -> None:
    """And how many are not."""
    row, now = make_conversation(), timezone.now()
    Turn.objects.bulk_create(
        Turn(conversation=row, index=number, prompt=f"question {number}.", started_at=now) for number in range(103)
    )
    text = page(operator, "chat_conversation_change", row.pk)
    assert "3 earlier turns not shown." in text
    assert "question 2." not in text
    assert text.index("question 3.") < text.index("question 102.")


def test_nothing_is_added_or_edited(operator: Client) -> None:
    """Neither by a page nor by a form sent without one."""
    row = make_conversation()
    assert operator.get(reverse("admin:chat_conversation_add")).status_code == 403
    for way in ("change", "delete"):
        address = reverse(f"admin:chat_conversation_{way}", args=[row.pk])
        assert operator.post(address, {"caller_id": "user:other", "post": "yes"}).status_code == 403
    assert Conversation.objects.get().caller_id == "open"


# --- actions --------------------------------------------------------------------------------------------------------


def test_closing_bings_end(operator: Client) -> None:
    """Of those that have one and are not being answered."""
    account = make_account()
    rows = [make_conversation(credentials=OPEN, account=account, upstream_turn_count=3) for _ in range(2)]
    answering = make_conversation(credentials=OPEN, account=account)
    assert answering.take("somebody", timezone.now())
    assert "2 closed." in act(operator, "chat_conversation", "close_upstream", *rows, answering, make_conversation())
    for row in rows:
        row.refresh_from_db()
        assert (row.credentials, row.account, row.opened_at, row.upstream_turn_count) == ({}, None, None, 0)
    answering.refresh_from_db()
    assert answering.credentials == OPEN


def test_deleting_takes_the_texts_along(operator: Client) -> None:
    """Not those that are being answered, nor any that was not chosen."""
    gone, kept, answering = (make_conversation() for _ in range(3))
    for row in (gone, kept):
        make_turn(row)
    assert answering.take("somebody", timezone.now())
    assert "1 deleted." in act(operator, "chat_conversation", "delete_selected_conversations", gone, answering)
    assert set(Conversation.objects.all()) == {kept, answering}
    assert Turn.objects.get().conversation == kept


def test_an_operator_who_may_only_look_cannot_act(client: Client) -> None:
    """The actions need the permission to delete conversations."""
    viewer = log_in_viewer(client, "chat", "view_conversation")
    row = make_conversation(credentials=OPEN)
    assert states_in(page(viewer, "chat_conversation_changelist")) == ["Open"]
    for action in ("close_upstream", "delete_selected_conversations"):
        act(viewer, "chat_conversation", action, row)
    row.refresh_from_db()
    assert row.credentials == OPEN


def test_a_system_prompt_whose_seal_key_is_gone(operator: Client, settings: Any) -> None:
    """The page opens, shows the turns, and says why the prompt is not there."""
    row = make_conversation(credentials=OPEN, system="Answer in rhymes.")
    make_turn(row, prompt="How old do foxes get?")
    assert "Answer in rhymes." in page(operator, "chat_conversation_change", row.pk)
    settings.SEAL_KEYS = [new_seal_key()]
    text = page(operator, "chat_conversation_change", row.pk)
    assert "The system prompt cannot be decrypted with any key in SEAL_KEYS." in text
    assert "How old do foxes get?" in text

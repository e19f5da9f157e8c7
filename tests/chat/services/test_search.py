"""Finding conversations by what was said."""

from __future__ import annotations

import pytest
from django.utils import timezone

from chat.models import Conversation, Turn
from chat.services import delete_conversations, first_words, saying

pytestmark = pytest.mark.django_db


def make_conversation(*questions: str) -> Conversation:
    """A conversation with these questions."""
    now = timezone.now()
    row = Conversation.objects.create(caller_id="open", model="balanced", created_at=now, used_at=now)
    for index, question in enumerate(questions):
        Turn.objects.create(conversation=row, index=index, prompt=question, started_at=now)
    return row


def found(text: str) -> set[Conversation]:
    """What a text finds."""
    return set(Conversation.objects.filter(saying(text)))


def test_any_word_of_any_question_finds_the_conversation() -> None:
    """Once, however often it was said; all words in one question."""
    foxes = make_conversation("How old do foxes get?", "And wolves, compared with foxes?")
    make_conversation("What is a lighthouse?")
    assert found("foxes") == found("FOX") == found("wolves foxes") == {foxes}
    assert found("old wolves") == found("") == found("?!") == set()


def test_what_is_deleted_is_not_found() -> None:
    """With the conversation its questions leave the index."""
    row = make_conversation("How old do foxes get?")
    delete_conversations(Conversation.objects.all(), timezone.now())
    assert found("foxes") == set() and not Conversation.objects.filter(pk=row.pk).exists()


def test_first_words() -> None:
    """The first question whose text is kept; none where none is."""
    row, silent = make_conversation("", "What is a lighthouse?", "Why?"), make_conversation("")
    assert first_words([row.pk, silent.pk], 9) == {row.pk: "What is a"}
    assert first_words([], 9) == {}

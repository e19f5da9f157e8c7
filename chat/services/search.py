"""Find conversations by words of their questions, and show how each began, if texts are stored."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db.models import F, Min, Q
from django.db.models.functions import Left

from bingproject.database.word_search import WordIndex, read_terms
from chat.models import Turn

TURN_WORDS = WordIndex("chat_turn", "prompt", "bigint")


def saying(text: str) -> Q:
    """Return conversations with a question that has all of these words; none for a text without words."""
    terms = read_terms(text)
    if not terms:
        return Q(pk__in=())
    return Q(pk__in=Turn.objects.filter(TURN_WORDS.matching(terms)).order_by().values("conversation_id"))


def first_words(conversation_ids: Sequence[uuid.UUID], characters: int) -> dict[uuid.UUID, str]:
    """Return the beginning of the first stored question of each conversation, in one query."""
    first = Turn.objects.filter(conversation__in=conversation_ids).exclude(prompt="").order_by()
    numbers = first.values("conversation_id").annotate(first=Min("pk")).values("first")
    rows = Turn.objects.filter(pk__in=numbers).annotate(beginning=Left(F("prompt"), characters)).order_by()
    return dict(rows.values_list("conversation_id", "beginning"))

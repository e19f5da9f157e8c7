"""The queue's front doors of chat: each does its one thing and returns a line for the operators' pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import jobs
from chat.models import Conversation
from tests.chat.turns import make_conversation

pytestmark = pytest.mark.django_db


def test_pruning_says_how_many_have_gone() -> None:
    """Old conversations are deleted, the others stay."""
    make_conversation(used_at=timezone.now() - timedelta(days=400))
    kept = make_conversation()
    assert jobs.prune_conversations() == "1 conversations pruned"
    assert Conversation.objects.get() == kept

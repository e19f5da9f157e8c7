"""The creator's cards: what waits, what failed with a link to it, who asks most."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from creator.admin import cards
from creator.models import State
from tests.factories import make_account, make_runner, make_task

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_a_long_wait_is_red() -> None:
    """How many wait, how long the oldest has, what is at Bing, who carries it."""
    make_task(created_at=NOW - timedelta(minutes=10))
    make_task(kind="video", created_at=NOW)
    make_task(state=State.POLLING)
    make_runner(machine="vm-1", task_count=1)
    (card,) = cards.queue_cards(NOW)
    images, videos, runner = card.lines
    assert (images.value, images.colour, videos.colour) == ("1", "danger", "info")
    assert "10\xa0minutes" in images.note and "1 at Bing" in images.note
    assert (runner.name, runner.value) == ("Runner on vm-1", "1")


def test_an_empty_queue_is_green() -> None:
    """Nothing waits."""
    assert {line.colour for line in cards.queue_cards(NOW)[0].lines} == {"success"}


def test_each_kind_has_its_course() -> None:
    """Pictures and videos, with or without anything made."""
    make_task(state=State.COMPLETED, created_at=NOW - timedelta(seconds=5), finished_at=NOW)
    pictures, videos = cards.work_cards(timezone.now())
    assert (pictures.lines[0].value, videos.lines[0].note) == ("100%", "nothing ended")


def test_a_failure_leads_to_its_story() -> None:
    """Code, time, prompt and account; one click to the row."""
    task = make_task(state=State.FAILED, error_code="timeout", prompt="p" * 99, account=make_account("anna"))
    lost = make_task(state=State.EXPIRED, error_code="expired", created_at=NOW - timedelta(days=1))
    (card,) = cards.failure_cards(NOW)
    (code, _, prompt, account), (_, _, _, nobody) = card.rows
    assert reverse("admin:creator_task_change", args=[task.pk]) in code and "timeout" in code
    assert (prompt, account, nobody) == ("p" * 50, "anna", "none")
    assert lost.account is None


def test_the_busiest_lead_to_their_tasks() -> None:
    """A user's id is escaped for the address and the page."""
    make_task(holder="user:a&b<c")
    make_task(holder="open")
    lines = cards.holder_cards(timezone.now())[0].lines
    assert any("?user=a%26b%3Cc" in line.name and "a&amp;b&lt;c" in line.name for line in lines)
    assert any("?user=open" in line.name and "no key" in line.name for line in lines)
    assert [line.note for line in lines] == ["1 image", "1 image"]

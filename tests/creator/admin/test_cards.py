"""The creator's cards: queue, failures with links, busiest callers, latest pictures."""

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
    """The card has the number of waiting tasks, the age of the oldest, the tasks at Bing and the runners."""
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
    """No task waits."""
    assert {line.colour for line in cards.queue_cards(NOW)[0].lines} == {"success"}


def test_each_kind_has_its_course() -> None:
    """Pictures and videos, with or without any made."""
    make_task(state=State.COMPLETED, created_at=NOW - timedelta(seconds=5), finished_at=NOW)
    pictures, videos = cards.work_cards(timezone.now())
    assert (pictures.lines[0].value, videos.lines[0].note) == ("100%", "nothing ended")


def test_a_failure_leads_to_its_timeline() -> None:
    """Code, time, prompt and account, with a link to the task."""
    task = make_task(state=State.FAILED, error_code="timeout", prompt="p" * 99, account=make_account("anna"))
    lost = make_task(state=State.EXPIRED, error_code="expired", created_at=NOW - timedelta(days=1))
    (card,) = cards.failure_cards(NOW)
    (code, _, prompt, account), (_, _, _, nobody) = card.rows
    assert reverse("admin:creator_task_change", args=[task.pk]) in code and "timeout" in code
    assert (prompt, account, nobody) == ("p" * 50, "anna", "none")
    assert lost.account is None


def test_the_busiest_callers_lead_to_their_tasks() -> None:
    """A user's id is escaped in the link and on the page."""
    make_task(caller_id="user:a&b<c")
    make_task(caller_id="open")
    lines = cards.caller_cards(timezone.now())[0].lines
    assert any("?user=a%26b%3Cc" in line.name and "a&amp;b&lt;c" in line.name for line in lines)
    assert any("?user=open" in line.name and "no key" in line.name for line in lines)
    assert [line.note for line in lines] == ["1 image", "1 image"]


def test_the_latest_pictures_are_on_the_dashboard() -> None:
    """Newest first, a few of the last week, each a link to its task; a hint if there are none."""
    (card,) = cards.latest_cards(NOW)
    assert "None in the last 7 days" in card.empty and card.content == ""
    assert [(link.text, link.permission) for link in card.links] == [
        ("Make a picture", "creator.add_task"),
        ("All pictures", "creator.view_task"),
    ]
    url = "https://th.bing.com/th/id/OIG."
    old = NOW - timedelta(days=8)
    make_task(state=State.COMPLETED, images=[f"{url}old"], created_at=old)
    tasks = [make_task(state=State.COMPLETED, images=[f"{url}{n}-{k}" for k in range(4)]) for n in range(3)]
    (card,) = cards.latest_cards(timezone.now())
    assert card.content.count("<img") == cards.SHOWN_PICTURES and "old" not in card.content
    addresses = [reverse("admin:creator_task_change", args=[task.pk]) for task in tasks]
    assert addresses[0] not in card.content and card.content.index(addresses[2]) < card.content.index(addresses[1])

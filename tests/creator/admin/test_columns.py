"""The cells of the list of tasks."""

from __future__ import annotations

import pytest
from django.urls import reverse

from creator.admin import columns
from creator.models import State
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db


def test_the_caller_is_a_link_to_all_their_tasks() -> None:
    """A user, no key, an operator; below them the account."""
    address = reverse("admin:creator_task_changelist")
    text = columns.show_caller(make_task(caller_id="user:anna", account=make_account("first")))
    assert f'href="{address}?user=anna"' in text and ">anna</a>" in text and "by first" in text
    assert f'href="{address}?user=open"' in columns.caller_link("open") and ">no key<" in columns.caller_link("open")
    assert f'href="{address}?user=operator%3Abert"' in columns.caller_link("operator:bert")


def test_the_error_is_below_the_prompt() -> None:
    """Escaped; nothing for a task that has not failed."""
    failed = columns.show_prompt(make_task(prompt="<b>", state=State.FAILED, error_code="blocked"))
    assert "&lt;b&gt;" in failed and "blocked" in failed
    assert "text-red" not in columns.show_prompt(make_task())


def test_thumbnails_lead_to_their_task() -> None:
    """Each by its number; a video by an icon."""
    task = make_task(state=State.COMPLETED, images=["https://th.bing.com/th/id/A", "https://th.bing.com/th/id/B"])
    text = columns.show_pictures(task)
    assert text.count("h-16") == 2 and "picture 2" in text
    assert text.count(reverse("admin:creator_task_change", args=[task.pk])) == 2
    assert 'title="video"' in columns.show_pictures(make_task(kind="video", video_url="https://th.bing.com/v"))

"""Pages that update themselves: what their script is given, how often it asks, and when it stops."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin import site as admin_site
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bingproject.alerts import causes
from bingproject.alerts.causes import Cause
from creator.models import State, Task
from tests.factories import make_account, make_task
from tests.operating import log_in_viewer

pytestmark = pytest.mark.django_db
MOST_QUERIES = 15


def part_of(client: Client, name: str, *arguments: object) -> str:
    """What the script gets of a page."""
    answer = client.get(reverse(f"admin:{name}", args=arguments), headers={"X-Live": "1"})
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_script_gets_the_parts_alone(operator: Client) -> None:
    """Neither navigation nor filters; the same rows as a person sees."""
    make_task(prompt="a red fox")
    text = part_of(operator, "creator_task_changelist")
    assert "a red fox" in text and 'id="live-list"' in text and "1 task<" in text
    assert "<html" not in text and "nav-sidebar" not in text and "changelist-filter" not in text


def test_messages_wait_for_the_person(operator: Client) -> None:
    """What an action has to say is not spent on the script."""
    task = make_task(state=State.QUEUED)
    operator.post(
        reverse("admin:creator_task_changelist"), {"action": "cancel", "_selected_action": [task.pk]}, follow=False
    )
    part_of(operator, "creator_task_changelist")
    assert "1 cancelled" in operator.get(reverse("admin:creator_task_changelist")).content.decode()


def test_a_list_asks_often_while_something_runs(operator: Client) -> None:
    """Every two seconds; seldom when all has ended, since others may ask for something."""
    task = make_task(state=State.POLLING)
    assert 'data-live-seconds="2"' in part_of(operator, "creator_task_changelist")
    Task.objects.filter(pk=task.pk).update(state=State.COMPLETED, finished_at=timezone.now())
    text = part_of(operator, "creator_task_changelist")
    assert 'data-live-seconds="5"' in text and "Completed" in text


def test_a_tasks_page_stops_at_its_end(operator: Client) -> None:
    """The last answer says so; the page of an ended task never asks."""
    task = make_task(state=State.POLLING)
    assert 'data-live-seconds="2"' in part_of(operator, "creator_task_change", task.pk)
    Task.objects.filter(pk=task.pk).update(state=State.COMPLETED, finished_at=timezone.now())
    text = part_of(operator, "creator_task_change", task.pk)
    assert "data-live-done" in text and "Completed" in text
    whole = operator.get(reverse("admin:creator_task_change", args=[task.pk])).content.decode()
    assert "data-live=" not in whole and "data-live-note" not in whole and "data-live-done" not in whole


def test_without_script_a_line_says_reload(operator: Client) -> None:
    """The script puts its own words there."""
    make_task(state=State.POLLING)
    for name in ("creator_task_changelist", "accounts_account_changelist", "bingproject_alert_changelist", "index"):
        text = operator.get(reverse(f"admin:{name}")).content.decode()
        assert "Reload the page to see what has changed since." in text, name
        assert "bingproject/live.js" in text


def test_a_form_is_updated_beside_its_fields(operator: Client, client: Client) -> None:
    """An account's page: what is shown changes, what is typed does not; for a viewer nothing is typed."""
    account = make_account("anna")
    address = reverse("admin:accounts_account_change", args=[account.pk])
    assert 'id="live-fields" class="live-part" data-live="fields"' in operator.get(address).content.decode()
    text = part_of(operator, "accounts_account_change", account.pk)
    assert "live-fields" in text and "live-inlines" in text and "<html" not in text
    viewer = log_in_viewer(client, "accounts", "view_account")
    assert 'data-live="html"' in viewer.get(address).content.decode()
    assert "live-fields" in part_of(viewer, "accounts_account_change", account.pk)


def test_the_dashboard_gives_its_cards(operator: Client) -> None:
    """Each with a version, which changes with what it says and not otherwise."""
    cache.clear()
    text = part_of(operator, "index")
    assert 'id="live-cards"' in text and "data-version=" in text and "<html" not in text
    assert text == part_of(operator, "index")


def test_an_alert_appears_and_ends(operator: Client) -> None:
    """On the open list."""
    now = timezone.now()
    causes.note([Cause("one", "Something is the matter.", "Do something.")], now)
    assert "Something is the matter." in part_of(operator, "bingproject_alert_changelist")
    causes.note([], now + timedelta(seconds=30))
    assert "Ended" in part_of(operator, "bingproject_alert_changelist")


def test_each_question_is_cheap(operator: Client) -> None:
    """However many rows are on the page, the database is asked a few times."""
    account = make_account("anna")
    tasks = [make_task(state=State.POLLING, account=account) for _ in range(30)]
    pages: list[tuple[Any, ...]] = [
        ("creator_task_changelist",), ("creator_task_change", tasks[0].pk), ("accounts_account_changelist",),
        ("accounts_account_change", account.pk), ("bingproject_alert_changelist",), ("chat_conversation_changelist",),
    ]  # fmt: skip
    for page in pages:
        with CaptureQueriesContext(connection) as asked:
            part_of(operator, *page)
        assert len(asked) <= MOST_QUERIES, page


def test_every_live_list_has_the_line_for_those_without_scripts(operator: Client) -> None:
    """A page that asks must say so."""
    pages = [page for page in admin_site._registry.values() if getattr(page, "live_seconds", 0)]
    assert len(pages) >= 5
    for page in pages:
        name = f"{page.opts.app_label}_{page.opts.model_name}_changelist"
        assert "data-live-note" in operator.get(reverse(f"admin:{name}")).content.decode(), name

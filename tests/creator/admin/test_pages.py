"""Operators' pages for tasks and runners: each opens, finds, cancels; nothing is edited."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bingproject.pages import NewestPaginator
from creator.models import FINISHED, OPEN, State, Task
from tests.creator.engine import reload
from tests.factories import make_account, make_runner, make_task

pytestmark = pytest.mark.django_db
URL = "https://th.bing.com/th/id/OIG1.a?pid=ImgGn"


@pytest.fixture
def operator(client: Client) -> Client:
    """A browser with an operator logged in."""
    client.force_login(User.objects.create_superuser("admin", password="x"))
    return client


def page(operator: Client, name: str, *arguments: Any, **query: str) -> str:
    """The text of one page, which must open."""
    answer = operator.get(reverse(f"admin:creator_{name}", args=arguments), query)
    assert answer.status_code == 200
    return answer.content.decode()


def act(operator: Client, action: str, *tasks: Task) -> str:
    """Choose an action for some tasks, and follow to the page that comes of it."""
    fields = {"action": action, "_selected_action": [task.pk for task in tasks]}
    answer = operator.post(reverse("admin:creator_task_changelist"), fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def listed(operator: Client, **query: str) -> set[uuid.UUID]:
    """Which tasks the list shows for a query."""
    text = page(operator, "task_changelist", **query)
    return {task.pk for task in Task.objects.all() if reverse("admin:creator_task_change", args=[task.pk]) in text}


# --- the list -------------------------------------------------------------------------------------------------------


def test_the_list_shows_what_matters_with_the_prompt_shortened_and_escaped(operator: Client) -> None:
    """State, kind, prompt, account, holder, duration and error; no more queries for more tasks."""
    account = make_account("anna")
    make_task(prompt="<script>" + "x" * 200, account=account, state=State.FAILED, error_code="blocked")
    with CaptureQueriesContext(
        connection,
    ) as first:
        text = page(operator, "task_changelist")
    assert all(word in text for word in ("Failed", "&lt;script&gt;xxx", "x…", "anna", "open", "blocked"))
    assert "<script>xxx" not in text
    assert "x" * 71 not in text
    for _ in range(5):
        make_task(account=account)
    with CaptureQueriesContext(connection) as second:
        page(operator, "task_changelist")
    assert len(second) == len(first)


def test_the_list_never_counts_all_rows(operator: Client) -> None:
    """Every count in the list has a limit: a million rows are not read to say how many there are."""
    make_task()
    with CaptureQueriesContext(connection) as queries:
        page(operator, "task_changelist")
        page(operator, "task_changelist", state="queued", q="a red")
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "creator_task" in query["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)


def test_pages_end_at_the_newest_rows() -> None:
    """Older ones are found by filters and search."""
    for _ in range(5):
        make_task()
    pages = NewestPaginator(Task.objects.all(), 2)
    pages.listed_rows = 3
    assert (pages.count, pages.num_pages) == (3, 2)


def test_filters(operator: Client) -> None:
    """By state, kind, model, account and error; a value that does not exist filters nothing."""
    account = make_account()
    failed = make_task(state=State.FAILED, error_code="blocked", account=account)
    video = make_task(kind="video", model="DALLE")
    other = make_task(model="MAI1")
    everything = {failed.pk, video.pk, other.pk}
    assert listed(operator) == everything
    assert listed(operator, state__exact="failed") == {failed.pk}
    assert listed(operator, kind__exact="video") == {video.pk}
    assert listed(operator, model="MAI1") == {other.pk}
    assert listed(operator, model="DALLE") == {failed.pk}
    assert listed(operator, account__id__exact=str(account.pk)) == {failed.pk}
    assert listed(operator, error="blocked") == listed(operator, error="any") == {failed.pk}
    assert listed(operator, error="throttled") == set()
    assert listed(operator, error="nonsense") == listed(operator, model="nonsense") == everything


def test_search(operator: Client) -> None:
    """By id, by Bing's request id, by how the prompt begins; not by what it contains."""
    one, two = make_task(prompt="a red fox", request_id="1-abc"), make_task(prompt="the red fox")
    assert listed(operator, q=str(one.pk)) == listed(operator, q="1-abc") == listed(operator, q="a red") == {one.pk}
    assert listed(operator, q="  ") == {one.pk, two.pk}
    assert listed(operator, q=str(uuid.uuid4())) == listed(operator, q="red") == set()


# --- one task -------------------------------------------------------------------------------------------------------


def test_a_task_tells_its_story(operator: Client) -> None:
    """Times, attempts, error, detail, pictures as links; no field to type in."""
    account = make_account("anna")
    task = make_task(
        state=State.COMPLETED, account=account, images=[URL], attempt_count=2, error_detail="throttled: a try before",
        request_id="1-abc", revised_prompt="A fox, painted.", accepted_at=timezone.now(), submit_at=timezone.now(),
    )  # fmt: skip
    text = page(operator, "task_change", task.pk)
    words = (URL, "<img", "no-referrer", "1-abc", "throttled: a try before", "A fox, painted.", "anna")
    assert all(word in text for word in words)
    assert reverse("admin:accounts_account_change", args=[account.pk]) in text
    assert 'name="prompt"' not in text
    assert 'name="_save"' not in text


def test_a_video_is_a_link(operator: Client) -> None:
    """And a task without results or account says so."""
    video = make_task(kind="video", state=State.COMPLETED, video_url="https://th.bing.com/th/id/OVP.a?pid=videocreator")
    assert 'href="https://th.bing.com/th/id/OVP.a?pid=videocreator"' in page(operator, "task_change", video.pk)
    assert page(operator, "task_change", make_task().pk).count("none") >= 2


def test_a_tasks_page_leaves_out_what_says_nothing(operator: Client) -> None:
    """No error without a failure, no model for a video; who asked is named."""
    fine = page(operator, "task_change", make_task(state=State.COMPLETED, holder="user:anna").pk)
    assert "Error code" not in fine and "Request id" not in fine and "anna" in fine and "Aspect" in fine
    failed = page(operator, "task_change", make_task(kind="video", state=State.FAILED, error_code="blocked").pk)
    assert "Error code" in failed and "no key" in failed and "Aspect" not in failed


def test_nothing_is_added_or_edited(operator: Client) -> None:
    """Neither by a page nor by a form sent without one."""
    task = make_task()
    assert operator.get(reverse("admin:creator_task_add")).status_code == 403
    answer = operator.post(reverse("admin:creator_task_change", args=[task.pk]), {"prompt": "other"})
    assert answer.status_code == 403
    assert reload(task).prompt == task.prompt


def test_only_what_has_ended_is_deleted(operator: Client) -> None:
    """What runs, or still holds an account's slot, stays: its account would be given too much work."""
    until = timezone.now() + timedelta(minutes=1)
    held = make_task(state=State.CANCELLED, slot_until=until)
    running = [make_task(state=state) for state in OPEN]
    for task in (held, *running):
        assert operator.post(reverse("admin:creator_task_delete", args=[task.pk]), {"post": "yes"}).status_code == 403
    act(operator, "delete_selected", running[0])
    ended = [make_task(state=state, images=[URL]) for state in FINISHED]
    for task in ended:
        operator.post(reverse("admin:creator_task_delete", args=[task.pk]), {"post": "yes"})
    assert set(Task.objects.values_list("pk", flat=True)) == {task.pk for task in (held, *running)}


# --- cancelling -----------------------------------------------------------------------------------------------------


def test_the_action_cancels_and_says_what_came_of_it(operator: Client) -> None:
    """Each in its way: at once, noted, too late."""
    tasks = {state: make_task(state=state, submit_at=timezone.now()) for state in (*OPEN, *FINISHED)}
    text = act(operator, "cancel", *tasks.values())
    assert "2 cancelled; 2 will be once Bing has answered; 4 had ended before." in text
    for state in (State.QUEUED, State.POLLING):
        assert reload(tasks[state]).state == State.CANCELLED
    for state in (State.SUBMITTING, State.UNCERTAIN):
        assert (reload(tasks[state]).state, reload(tasks[state]).cancel_requested) == (state, True)
    assert reload(tasks[State.COMPLETED]).state == State.COMPLETED


def test_an_operator_who_may_only_look_cannot_cancel(client: Client) -> None:
    """The action needs the permission to change tasks."""
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(content_type__app_label="creator", codename="view_task"))
    client.force_login(user)
    task = make_task()
    assert "Queued" in page(client, "task_changelist")
    act(client, "cancel", task)
    assert reload(task).state == State.QUEUED


# --- runners --------------------------------------------------------------------------------------------------------


def test_runners_are_listed_and_left_alone(operator: Client) -> None:
    """Machine, lease and load; no adding, changing or deleting."""
    runner = make_runner(machine="machine-one", task_count=17)
    text = page(operator, "runner_changelist")
    assert all(word in text for word in ("machine-one", runner.pk, "17"))
    page(operator, "runner_change", runner.pk)
    assert operator.get(reverse("admin:creator_runner_add")).status_code == 403
    assert operator.post(reverse("admin:creator_runner_delete", args=[runner.pk]), {"post": "yes"}).status_code == 403
    assert operator.post(reverse("admin:creator_runner_change", args=[runner.pk]), {"machine": "x"}).status_code == 403

"""Admin pages of tasks and runners: view, search, cancel, retry; nothing is edited."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from pytest_django import Settings

from bingproject.operators.base_admin import NewestPaginator
from creator.models import FINISHED, OPEN, State, Task
from tests import operating
from tests.creator.engine.running import reload
from tests.factories import make_account, make_runner, make_task
from tests.operating import act, log_in_viewer, page

pytestmark = pytest.mark.django_db
URL = "https://th.bing.com/th/id/OIG1.a?pid=ImgGn"


def listed(operator: Client, **query: str) -> set[uuid.UUID]:
    """Return the tasks that the list shows for a query."""
    return operating.listed(operator, Task, **query)


# --- the list -------------------------------------------------------------------------------------------------------


def test_the_list_shows_each_task_with_its_prompt_shortened_and_escaped(operator: Client) -> None:
    """State, kind, prompt, account, caller, duration and error; more tasks need no more queries."""
    account = make_account("anna")
    make_task(prompt="<script>" + "x" * 200, account=account, state=State.FAILED, error_code="blocked")
    with CaptureQueriesContext(
        connection,
    ) as first:
        text = page(operator, "creator_task_changelist")
    assert all(word in text for word in ("Failed", "&lt;script&gt;xxx", "x…", "anna", "open", "blocked"))
    assert "<script>xxx" not in text
    assert "x" * 71 not in text
    for _ in range(5):
        make_task(account=account)
    with CaptureQueriesContext(connection) as second:
        page(operator, "creator_task_changelist")
    assert len(second) == len(first)


def test_the_list_never_counts_all_rows(operator: Client) -> None:
    """Every count in the list has a limit, so that millions of rows are not read for it."""
    make_task()
    with CaptureQueriesContext(connection) as queries:
        page(operator, "creator_task_changelist")
        page(operator, "creator_task_changelist", state="queued", q="a red")
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "creator_task" in query["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)


def test_pages_end_at_the_newest_rows() -> None:
    """Older rows are found by filters and search."""
    for _ in range(5):
        make_task()
    pages = NewestPaginator(Task.objects.all(), 2)
    pages.listed_rows = 3
    assert (pages.count, pages.num_pages) == (3, 2)


def test_filters(operator: Client) -> None:
    """By state, kind, model, account and error; an unknown value filters nothing."""
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
    anna = make_task(caller_id="user:anna", created_at=timezone.now() - timedelta(days=40))
    assert listed(operator, user="anna") == listed(operator, user=" user:anna ") == {anna.pk}
    assert listed(operator, user="open") == everything and listed(operator, user=" ") == {*everything, anna.pk}
    a_month_ago = f"{timezone.now() - timedelta(days=30):%Y-%m-%d}"
    assert listed(operator, created_at_to_0=a_month_ago) == {anna.pk}
    assert listed(operator, created_at_from_0=a_month_ago) == everything


def test_no_order_is_offered_that_would_sort_all_rows(operator: Client) -> None:
    """By time alone, in both directions: it has an index."""
    old, new = make_task(created_at=timezone.now() - timedelta(hours=1)), make_task()
    oldest_first = page(operator, "creator_task_changelist", o="5")
    assert oldest_first.index(str(old.pk)) < oldest_first.index(str(new.pk))
    assert set(re.findall(r"[?&;]o=-?(\d+)", page(operator, "creator_task_changelist"))) == {"5"}


def test_the_list_has_thumbnails(operator: Client) -> None:
    """Fetched when they come into view, without a referrer; a video has an icon."""
    make_task(state=State.COMPLETED, images=[URL])
    text = page(operator, "creator_task_changelist")
    assert f'src="{escape(URL)}&amp;w=270&amp;h=270' in text
    assert 'loading="lazy"' in text and 'referrerpolicy="no-referrer"' in text and 'title="video"' not in text
    make_task(kind="video", state=State.COMPLETED, video_url=URL)
    assert 'title="video"' in page(operator, "creator_task_changelist")


def test_search(operator: Client) -> None:
    """By id, by Bing's request id, by any word of the prompt."""
    one, two = make_task(prompt="a red fox", request_id="1-abc"), make_task(prompt="A lighthouse on a cliff")
    assert listed(operator, q=str(one.pk)) == listed(operator, q="1-abc") == listed(operator, q="fox") == {one.pk}
    assert listed(operator, q="lighthouse") == listed(operator, q="cliff light") == {two.pk}
    assert listed(operator, q="  ") == listed(operator, q="a") == {one.pk, two.pk}
    assert listed(operator, q=str(uuid.uuid4())) == listed(operator, q="fox cliff") == set()


# --- one task -------------------------------------------------------------------------------------------------------


def test_a_task_shows_its_timeline(operator: Client) -> None:
    """Times, attempts, error, detail, pictures as links; no form field."""
    account = make_account("anna")
    task = make_task(
        state=State.COMPLETED, account=account, images=[URL], attempt_count=2, error_detail="throttled: a try before",
        request_id="1-abc", revised_prompt="A fox, painted.", accepted_at=timezone.now(), submit_at=timezone.now(),
    )  # fmt: skip
    text = page(operator, "creator_task_change", task.pk)
    words = (URL, "<img", "no-referrer", "1-abc", "throttled: a try before", "A fox, painted.", "anna")
    assert all(word in text for word in words)
    assert reverse("admin:accounts_account_change", args=[account.pk]) in text
    assert 'name="prompt"' not in text
    assert 'name="_save"' not in text


def test_a_video_is_a_link(operator: Client) -> None:
    """A task without results or account says so."""
    video = make_task(kind="video", state=State.COMPLETED, video_url="https://th.bing.com/th/id/OVP.a?pid=videocreator")
    assert 'href="https://th.bing.com/th/id/OVP.a?pid=videocreator"' in page(operator, "creator_task_change", video.pk)
    assert page(operator, "creator_task_change", make_task().pk).count("none") >= 2


def test_a_tasks_page_omits_empty_fields(operator: Client) -> None:
    """No error without a failure, no model for a video; the caller is named."""
    fine = page(operator, "creator_task_change", make_task(state=State.COMPLETED, caller_id="user:anna").pk)
    assert "blocked" not in fine and "Request id" not in fine and "anna" in fine and "Aspect" in fine
    failed = page(operator, "creator_task_change", make_task(kind="video", state=State.FAILED, error_code="blocked").pk)
    assert "blocked" in failed and "no key" in failed and "Aspect" not in failed


def test_nothing_is_edited(operator: Client) -> None:
    """Neither by a page nor by a form sent without one."""
    task = make_task()
    answer = operator.post(reverse("admin:creator_task_change", args=[task.pk]), {"prompt": "other"})
    assert answer.status_code == 403
    assert reload(task).prompt == task.prompt


def test_only_ended_tasks_are_deleted(operator: Client) -> None:
    """Deleting one that still takes a slot would overload its account."""
    until = timezone.now() + timedelta(minutes=1)
    held = make_task(state=State.CANCELLED, slot_until=until)
    running = [make_task(state=state) for state in OPEN]
    for task in (held, *running):
        assert operator.post(reverse("admin:creator_task_delete", args=[task.pk]), {"post": "yes"}).status_code == 403
    act(operator, "creator_task", "delete_selected", running[0])
    ended = [make_task(state=state, images=[URL]) for state in FINISHED]
    for task in ended:
        operator.post(reverse("admin:creator_task_delete", args=[task.pk]), {"post": "yes"})
    assert set(Task.objects.values_list("pk", flat=True)) == {task.pk for task in (held, *running)}


# --- cancelling -----------------------------------------------------------------------------------------------------


def test_the_action_cancels_and_reports_the_result(operator: Client) -> None:
    """At once, noted, or too late."""
    tasks = {state: make_task(state=state, submit_at=timezone.now()) for state in (*OPEN, *FINISHED)}
    text = act(operator, "creator_task", "cancel", *tasks.values())
    assert "2 cancelled; 2 will be cancelled once Bing has answered; 4 had already ended." in text
    for state in (State.QUEUED, State.POLLING):
        assert reload(tasks[state]).state == State.CANCELLED
    for state in (State.SUBMITTING, State.UNCERTAIN):
        assert (reload(tasks[state]).state, reload(tasks[state]).cancel_requested) == (state, True)
    assert reload(tasks[State.COMPLETED]).state == State.COMPLETED


def test_a_viewer_cannot_cancel(client: Client) -> None:
    """The action needs the permission to change tasks."""
    log_in_viewer(client, "creator", "view_task")
    task = make_task()
    assert "Queued" in page(client, "creator_task_changelist")
    act(client, "creator_task", "cancel", task)
    assert reload(task).state == State.QUEUED


# --- retrying, copying ----------------------------------------------------------------------------------------------


def do(operator: Client, task: Task, name: str, **headers: str) -> Any:
    """Send the form of an action on a task's own page."""
    address = reverse(f"admin:creator_task_{name}", args=[task.pk])
    return operator.post(address, {"_form_submitted": "True"}, headers=headers)


def test_the_action_retries_ended_tasks(operator: Client) -> None:
    """As new tasks; running ones are skipped."""
    failed, running = make_task(state=State.FAILED, prompt="a fox"), make_task()
    assert "1 tried again. 1 skipped" in act(operator, "creator_task", "retry", failed, running)
    assert Task.objects.get(retry_of=failed.pk).prompt == "a fox"
    assert "0 tried again. 1 skipped" in act(operator, "creator_task", "retry", failed)


def test_a_task_is_retried_from_its_page(operator: Client) -> None:
    """After a dialog; then the new task's page is shown, and each leads to the other."""
    task = make_task(state=State.FAILED)
    assert "Try it again" in page(operator, "creator_task_retry_this", task.pk)
    assert Task.objects.count() == 1
    answer = do(operator, task, "retry_this")
    new = Task.objects.get(retry_of=task.pk)
    assert answer.headers["Location"] == reverse("admin:creator_task_change", args=[new.pk])
    assert str(task.pk) in page(operator, "creator_task_change", new.pk)
    assert reverse("admin:creator_task_change", args=[new.pk]) in page(operator, "creator_task_change", task.pk)
    again = do(operator, task, "retry_this", **{"HX-Request": "true"})
    assert again.headers["HX-Redirect"] == reverse("admin:creator_task_change", args=[task.pk])
    assert Task.objects.count() == 2


def test_a_task_is_cancelled_from_its_page(operator: Client) -> None:
    """At once, noted, or too late."""
    waiting, sending = make_task(), make_task(state=State.SUBMITTING, submit_at=timezone.now())
    for task in (waiting, sending, waiting):
        assert do(operator, task, "cancel_this").status_code == 302
    assert (reload(waiting).state, reload(sending).cancel_requested) == (State.CANCELLED, True)
    said = [str(message) for message in get_messages(operator.get(reverse("admin:index")).wsgi_request)]
    assert said == ["Cancelled.", "It will be cancelled once Bing has answered.", "It had already ended."]


def test_a_page_offers_the_actions_of_its_state(operator: Client) -> None:
    """Cancel while the task runs, retry once it has ended, copy in both cases."""
    running, ended = page(operator, "creator_task_change", make_task().pk), make_task(state=State.FAILED)
    assert "/cancel/" in running and "/retry/" not in running and "/curl/" in running
    text = page(operator, "creator_task_change", ended.pk)
    assert "/retry/" in text and "/cancel/" not in text


def test_requests_are_copied(operator: Client, settings: Settings) -> None:
    """From a page or for several; escaped, with a placeholder if a key is needed, and a way back."""
    one, two = make_task(prompt="a 'red' <fox>"), make_task(kind="video", prompt="two")
    text = page(operator, "creator_task_curl_this", one.pk)
    assert "http://testserver/create/image" in text and "&lt;fox&gt;" in text and "<fox>" not in text
    assert (
        "asks for no key" in text
        and "YOUR_API_KEY" not in text
        and reverse("admin:creator_task_change", args=[one.pk]) in text
    )
    settings.ACCESS = "keys"
    assert "YOUR_API_KEY" in page(operator, "creator_task_curl_this", one.pk)
    both = act(operator, "creator_task", "copy_as_curl", one, two)
    assert "/create/image" in both and "/create/video" in both


@pytest.mark.parametrize("name", ["curl_this", "cancel_this", "retry_this"])
def test_an_address_of_no_task_is_no_error(operator: Client, name: str) -> None:
    """Neither of a deleted task nor of a text that is no id."""
    for text in (str(uuid.uuid4()), "nonsense"):
        address = reverse(f"admin:creator_task_{name}", args=[text])
        assert operator.post(address, {"_form_submitted": "True"}).status_code in (200, 302)
    assert operator.get(reverse("admin:creator_task_change", args=["nonsense"])).status_code == 302


def test_a_viewer_can_only_copy(client: Client) -> None:
    """No action that creates or ends anything, by page or by URL."""
    log_in_viewer(client, "creator", "view_task")
    task = make_task(state=State.FAILED)
    text = page(client, "creator_task_change", task.pk)
    assert "/curl/" in text and "/retry/" not in text
    assert "create/image" in page(client, "creator_task_curl_this", task.pk)
    act(client, "creator_task", "retry", task)
    for name in ("retry_this", "cancel_this"):
        assert do(client, task, name).status_code == 403
    assert Task.objects.count() == 1


# --- runners --------------------------------------------------------------------------------------------------------


def test_runners_are_read_only(operator: Client) -> None:
    """Machine, lease and load; no adding, changing or deleting."""
    runner = make_runner(machine="machine-one", task_count=17)
    text = page(operator, "creator_runner_changelist")
    assert all(word in text for word in ("machine-one", runner.pk, "17"))
    page(operator, "creator_runner_change", runner.pk)
    assert operator.get(reverse("admin:creator_runner_add")).status_code == 403
    assert operator.post(reverse("admin:creator_runner_delete", args=[runner.pk]), {"post": "yes"}).status_code == 403
    assert operator.post(reverse("admin:creator_runner_change", args=[runner.pk]), {"machine": "x"}).status_code == 403

"""The gallery, and downloads of pictures."""

from __future__ import annotations

import io
import uuid
import zipfile
from datetime import timedelta

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bingproject.sandbox.server import SandboxServer
from creator.admin.pictures import TASKS_ON_A_PAGE
from creator.models import State, Task
from tests.creator.engine.running import all_finished, reload, run_until
from tests.factories import make_account, make_history, make_task
from tests.operating import log_in_viewer, page

URL = "https://th.bing.com/th/id/OIG.abc"


def made(prompt: str, minutes: int = 0) -> Task:
    """Make a picture that is some minutes old."""
    created = timezone.now() - timedelta(minutes=minutes)
    return make_task(prompt=prompt, state=State.COMPLETED, images=[URL, URL], created_at=created, caller_id="user:anna")


@pytest.mark.django_db
def test_the_newest_come_first_with_their_prompts(operator: Client) -> None:
    """Escaped, with the caller; neither videos nor failures."""
    made("an <old> fox", 9)
    made("a new fox")
    make_task(prompt="a failed fox", state=State.FAILED)
    make_task(prompt="a moving fox", kind="video", state=State.COMPLETED, video_url=URL)
    text = page(operator, "creator_task_gallery")
    assert text.index("a new fox") < text.index("an &lt;old&gt; fox") and text.count("<li class") >= 4
    assert "failed fox" not in text and "moving fox" not in text and "anna" in text and "Older pictures" not in text


@pytest.mark.django_db
def test_the_gallery_has_pages_and_a_search(operator: Client) -> None:
    """Any word of the prompt."""
    for number in range(TASKS_ON_A_PAGE + 2):
        made(f"fox number{number}", number)
    text = page(operator, "creator_task_gallery")
    assert "number23" in text and "number24" not in text
    before = text.partition("before=")[2].partition('"')[0]
    older = page(operator, "creator_task_gallery", before=before)
    assert "number24" in older and "number25" in older and "number23" not in older
    found = page(operator, "creator_task_gallery", q="number25")
    assert "number25" in found and "number24" not in found
    assert "No picture&#x27;s" not in found and "has these words" in page(operator, "creator_task_gallery", q="wolf")
    assert "number0" in page(operator, "creator_task_gallery", before="nonsense")


@pytest.mark.django_db
def test_the_gallery_needs_the_permission_to_view_tasks(client: Client) -> None:
    """Viewers have it."""
    assert log_in_viewer(client, "creator", "view_task").get(reverse("admin:creator_task_gallery")).status_code == 200
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(reverse("admin:creator_task_gallery")).status_code == 403


@pytest.fixture
def finished(bing: SandboxServer) -> Task:
    """Make a task whose four pictures the sandbox has."""
    make_account()
    make_history()
    task = make_task(prompt="A red fox!")
    run_until(all_finished)
    return reload(task)


@pytest.mark.django_db(transaction=True)
def test_one_picture_or_all_are_downloaded(operator: Client, finished: Task) -> None:
    """As files with names, never shown as a page; all in one ZIP file."""
    one = operator.get(reverse("admin:creator_task_picture", args=[finished.pk, 2]))
    assert one.headers["Content-Disposition"] == 'attachment; filename="a-red-fox-2.jpg"'
    assert one.headers["Content-Type"] == "application/octet-stream" and one.content.startswith(b"\xff\xd8")
    packed = operator.get(reverse("admin:creator_task_pictures", args=[finished.pk]))
    assert packed.headers["Content-Disposition"] == 'attachment; filename="a-red-fox.zip"'
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.namelist() == [f"a-red-fox-{number}.jpg" for number in (1, 2, 3, 4)]
        assert archive.read("a-red-fox-2.jpg") == one.content
    text = page(operator, "creator_task_change", finished.pk)
    assert reverse("admin:creator_task_picture", args=[finished.pk, 4]) in text and "Download all 4" in text


@pytest.mark.django_db(transaction=True)
def test_failed_downloads_have_an_answer(operator: Client, finished: Task, bing: SandboxServer) -> None:
    """A redirect to the task if Bing's copy is gone, 404 for a picture that never was, the log-in for a stranger."""
    rule = {"scenario": "media-http-404", "next": 100}
    httpx.post(f"{bing.url}/_sandbox/scenario", json=rule).raise_for_status()
    answer = operator.get(reverse("admin:creator_task_pictures", args=[finished.pk]), follow=True)
    assert answer.redirect_chain[0][0] == reverse("admin:creator_task_change", args=[finished.pk])
    assert "did not send it" in answer.content.decode()
    for task_id, number in ((finished.pk, 5), (uuid.uuid4(), 1)):
        assert operator.get(reverse("admin:creator_task_picture", args=[task_id, number])).status_code == 404
    operator.logout()
    refused = operator.get(reverse("admin:creator_task_pictures", args=[finished.pk]))
    assert refused.status_code == 302 and "/login/" in refused.headers["Location"]

"""Every way in which a generation that Bing took comes to nothing: one table, over real HTTP, a real runner.

Source of the rows: docs/wire/image_creator.md, sections 3, 4.2 and 6.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account
from creator.models import State, Task
from tests.journeys.engine import runner_at_work
from tests.journeys.refusals import GENERATIONS, IMAGE, UNTOUCHED, VIDEO, Row, Scene, check_fetched, check_task

TRIES = 3  # looks in a row that bring nothing, by the settings of these tests
CHANGE, LATER, AGAIN = "Change the prompt", "Try again later.", "Start a new task."
PASTE, TELL = "The operator must paste a new one.", "Tell the operator."

# What Bing says of the result.
RESULTS = [
    Row("unsafe", "unsafe_output", CHANGE),  # #girer and its picture
    Row("unsafe-text", "unsafe_output", CHANGE),
    Row("unsafe-picture", "unsafe_output", CHANGE),
    Row("come-back", "unsafe_output", CHANGE),
    Row("poll-block", "blocked", CHANGE),  # a
    Row("poll-block-icon", "blocked", CHANGE),  # b
    Row("poll-dq-err", "blocked", CHANGE),  # c
    Row("poll-overload", "upstream_overloaded", LATER),
    Row("overload-picture", "upstream_overloaded", LATER),
    Row("poll-outage", "upstream_overloaded", LATER),  # n
    Row("error-message", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("no-images", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("poll-drift", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("poll-unknown", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("poll-truncated", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("session-lost", "upstream_protocol_error", TELL, keeps_slot=True),  # signed in, the start page all the same
    Row("session-lost-anonymous", "upstream_protocol_error", TELL, keeps_slot=True),
]
# Bing, or the way to it, fails: as many looks as the settings allow, then the task fails and Bing may go on with it.
LINE = [
    *(
        Row(f"poll-http-{status}", "upstream_interrupted", AGAIN, keeps_slot=True)
        for status in (400, 401, 403, 404, 500, 502, 503, 504)
    ),
    Row("poll-cut", "upstream_interrupted", AGAIN, keeps_slot=True),
    Row("poll-cut-body", "upstream_interrupted", AGAIN, keeps_slot=True),
]
STALL = Row("poll-stall", "upstream_interrupted", AGAIN, keeps_slot=True)
THROTTLED = Row("poll-http-429", "upstream_interrupted", AGAIN, cooldown_seconds=30, keeps_slot=True)
# Never ready: given up at the deadline; Bing may still deliver, too late.
NEVER = [
    Row("never-ready", "timeout", AGAIN, keeps_slot=True, state=State.EXPIRED),
    Row("preview-only", "timeout", AGAIN, keeps_slot=True, state=State.EXPIRED),
    Row("never-ready sandbox:pending-empty", "timeout", AGAIN, keeps_slot=True, state=State.EXPIRED),
]
EXPIRED = [
    Row("expire-mid", "cookie_expired", PASTE, account="expired", keeps_slot=True),
    Row("poll-signin", "cookie_expired", PASTE, account="expired", keeps_slot=True),
]
# A video's words of failure; its POST was answered with the task's id.
VIDEOS = [
    Row("video-went-wrong", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("video-try-later", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("video-could-not", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("video-error", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("video-unable", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("video-a-flag", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("video-a-unknown", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("error-message", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("poll-block", "blocked", CHANGE),
    Row("poll-block-icon", "blocked", CHANGE),
    Row("poll-dq-err", "blocked", CHANGE),
    Row("poll-http-500", "upstream_interrupted", AGAIN, keeps_slot=True),
]
VIDEO_LIMITS = [
    Row("video-too-many", "throttled", "Retry-After", cooldown_seconds=30),
    Row("video-rate-limit", "throttled", "Retry-After", cooldown_seconds=30),
    Row("video-concurrent", "throttled", "Retry-After", cooldown_seconds=30),
]
FINISHED_VIDEOS = ["video-a", "video-a-html", "video-b", "video-c"]
# What passes again: seen fewer times than the settings allow, or no fault at all.
PASSING = [
    "poll-http-500=2", "poll-http-404=2", "poll-cut=2", "poll-cut-body=2", "session-lost=2", "poll-unknown=2",
    "poll-truncated=2", "pending-newline", "pending-json", "pending-still", "pending-status-page",
    "preview", "fewer-images", "duplicate-images", "no-nfy", "body-id",
]  # fmt: skip


@pytest.mark.parametrize("rows", [RESULTS, LINE], ids=["results", "line"])
def test_what_no_account_is_blamed_for(scene: Scene, rows: list[Row], subtests: pytest.Subtests) -> None:
    """Submitted once, looked at, failed as the table says; the account stays as usable as before."""
    scene.check_at_once(IMAGE, rows, subtests)


def test_a_line_that_stays_silent(scene: Scene, settings: Settings, subtests: pytest.Subtests) -> None:
    """A look that gets no answer counts like one that fails, after the time allowed for an exchange."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 0.5
    scene.check_at_once(IMAGE, [STALL], subtests)


def test_the_number_of_looks_is_the_settings(scene: Scene, settings: Settings) -> None:
    """A generation that fails is not looked at more often than allowed."""
    settings.POLL_TRIES, settings.POLL_PROTOCOL_TRIES = 4, 2
    found = scene.ask_all(IMAGE, [LINE[4], RESULTS[10], RESULTS[0]])
    looks = {generation.prompt: generation.polls for generation in scene.bing.state.generations.values()}
    assert [looks[prompt] for prompt, _ in found] == [4, 2, 1]


def test_a_429_on_a_look_rests_the_account(scene: Scene, subtests: pytest.Subtests) -> None:
    """The task fails like after any status; the account's pictures rest."""
    scene.check_in_turn(IMAGE, [THROTTLED], subtests)


def test_what_is_never_ready_is_given_up(scene: Scene, settings: Settings, subtests: pytest.Subtests) -> None:
    """At the deadline the waiting caller gets 504 and the task has expired."""
    settings.IMAGE_DEADLINE_SECONDS = 1
    scene.check_at_once(IMAGE, NEVER, subtests)


def test_a_caller_who_waited_long_enough_can_come_back(scene: Scene, settings: Settings) -> None:
    """504 `timeout` with the task's id; the task goes on and is fetched later."""
    settings.IMAGE_WAIT_SECONDS = 1
    with runner_at_work():
        prompt, answer = scene.ask(IMAGE, "after-polls=1")
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
        path = f"/task/{answer.json()['error']['taskId']}"
        assert path in answer.json()["error"]["message"]
        shown = scene.http.get(path, headers={"Prefer": "wait=20"}).json()["data"]
    assert (shown["status"], len(shown["images"])) == ("completed", 4)
    assert scene.submits(prompt) == [1]


@pytest.mark.slow
def test_a_cookie_that_dies_while_bing_works(scene: Scene, subtests: pytest.Subtests) -> None:
    """The account is expired and the caller told so; on OpenAI's route as 503."""
    scene.check_in_turn(IMAGE, EXPIRED, subtests)
    scene.check_in_turn(GENERATIONS, EXPIRED, subtests)


def test_openai_clients_get_their_own_words(scene: Scene, subtests: pytest.Subtests) -> None:
    """A withheld picture is 400 `content_policy_violation`; our word stands in `reason`."""
    scene.check_at_once(GENERATIONS, [RESULTS[0], RESULTS[4], LINE[4]], subtests)


def test_what_passes_again_is_waited_out(scene: Scene, subtests: pytest.Subtests) -> None:
    """Faults that end, previews and every form of "not yet": one submit, and a picture in the end."""
    rows = [Row(scenario, "", "") for scenario in PASSING]
    for row, (prompt, answer) in zip(rows, scene.ask_all(IMAGE, rows), strict=True):
        with subtests.test(row.scenario):
            assert answer.status_code == 200, answer.text
            assert 1 <= len(answer.json()["data"]["images"]) <= 4
            assert scene.submits(prompt) == [1]
    scene.check_account(UNTOUCHED)
    scene.check_bing_unharmed()


def test_a_cookie_that_comes_back_is_no_failure(scene: Scene) -> None:
    """Signed out at one look and in again at the next: the picture is made, and the next request finds out too."""
    with runner_at_work():
        prompt, answer = scene.ask(IMAGE, "expire-then-back")
        assert answer.status_code == 200, answer.text
        scene.check_account(replace(UNTOUCHED, account="expired"))
        Account.objects.update(checked_at=timezone.now() - timedelta(seconds=11))
        next_prompt, answer = scene.ask(IMAGE, "instant")
    assert answer.status_code == 200, answer.text
    assert scene.submits(prompt, next_prompt) == [1, 1]
    scene.check_account(UNTOUCHED)


def _videos(scene: Scene, rows: list[Row]) -> list[tuple[Row, httpx.Response]]:
    """Ask for videos, which Bing takes, and wait for their ends."""
    found = []
    with runner_at_work():
        for row in rows:
            _, answer = scene.ask(VIDEO, row.scenario)
            assert answer.status_code == 200, answer.text
            found.append((row, answer.json()["data"]["taskId"]))
        return [(row, scene.http.get(f"/task/{task}", headers={"Prefer": "wait=20"})) for row, task in found]


@pytest.mark.slow
def test_a_video_that_fails_later_fails_as_its_task(scene: Scene, subtests: pytest.Subtests) -> None:
    """`GET /task/:id` is HTTP 200 and says what became of it; no account is blamed."""
    for row, answer in _videos(scene, VIDEOS):
        with subtests.test(row.scenario):
            check_fetched(answer, row, scene.secrets)
            task = Task.objects.get(pk=answer.json()["data"]["id"])
            check_task(row, task)
            assert scene.submits(task.prompt) == [1]
    scene.check_account(UNTOUCHED)
    scene.check_bing_unharmed()


def test_a_limit_named_on_a_videos_page_rests_the_accounts_videos(scene: Scene, subtests: pytest.Subtests) -> None:
    """The task is `throttled`; pictures of the same account go on."""
    for row, answer in _videos(scene, VIDEO_LIMITS):
        with subtests.test(row.scenario):
            check_fetched(answer, row, scene.secrets)
            check_task(row, Task.objects.get(pk=answer.json()["data"]["id"]))
    scene.check_account(VIDEO_LIMITS[0], VIDEO.kind)
    scene.check_bing_unharmed()


def test_every_form_of_a_finished_video(scene: Scene, subtests: pytest.Subtests) -> None:
    """A task that names a video, whichever way Bing tells its address; the video opens."""
    for row, answer in _videos(scene, [Row(form, "", "") for form in FINISHED_VIDEOS]):
        with subtests.test(row.scenario):
            shown = answer.json()["data"]
            assert (shown["status"], shown["error"], shown["errorCode"]) == ("completed", None, None)
            video = httpx.get(shown["video"])
            assert (video.status_code, video.headers["content-type"]) == (200, "video/mp4")
    scene.check_account(UNTOUCHED)
    scene.check_bing_unharmed()

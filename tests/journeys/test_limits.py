"""Limits on the real server: a hundred callers at once, quotas over every route, and what is given back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.callers import limits
from accounts.models import AccountCapability, ApiKey, Capability, UsageCounter, WhitelistedUser
from chat.models import Conversation
from creator.models import State, Task
from tests.factories import make_key, make_user
from tests.journeys.chats import PATH, Chats, question, text_of
from tests.journeys.engine import runner_at_work
from tests.journeys.refusals import Scene

ASYNC = {"Prefer": "respond-async"}


def key_of(user: WhitelistedUser, **columns: Any) -> dict[str, str]:
    """What a caller sends as this user; `columns` change the key."""
    caller, text = make_key(user)
    assert caller.key is not None
    ApiKey.objects.filter(pk=caller.key.pk).update(**columns)
    return {"Authorization": f"Bearer {text}"}


def draw(scene: Scene, key: dict[str, str], path: str = "/create/image", **body: Any) -> httpx.Response:
    """Ask for pictures and do not wait for them."""
    return scene.http.post(path, json=body or {"query": "a fox"}, headers=key | ASYNC)


def counted(kind: str) -> int:
    """How much stands against anybody's day."""
    return sum(UsageCounter.objects.filter(kind=kind).values_list("count", flat=True))


def check_used_up(answer: httpx.Response, words: str) -> None:
    """429 until the next UTC day, said so that the caller understands."""
    assert answer.status_code == 429, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("rate_limit_error", "quota_exceeded", None)
    assert words in error["message"]
    tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert abs(int(answer.headers["retry-after"]) - (tomorrow - datetime.now(UTC)).total_seconds()) < 30
    assert (answer.headers.get("x-should-retry") == "false") == (int(answer.headers["retry-after"]) > 60)


def test_of_a_hundred_pictures_at_once_ten_are_taken(scene: Scene) -> None:
    """Over real connections; the others cost no row and nothing at Bing."""
    key = key_of(make_user("anna", daily_images=10))
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda n: draw(scene, key, query=f"a fox {n}"), range(100)))
    assert sorted(answer.status_code for answer in answers) == [202] * 10 + [429] * 90
    for answer in answers:
        if answer.status_code == 429:
            check_used_up(answer, "Your daily quota of 10 images is used up.")
    assert Task.objects.filter(caller_id="user:anna").count() == counted("image") == 10
    with runner_at_work():
        scene.wait_until(lambda: not Task.objects.unfinished().exists())
    assert scene.bing.state.counts.submits == 10


def test_of_a_hundred_turns_at_once_ten_are_asked(chats: Chats) -> None:
    """The others cost no conversation and nothing at Bing."""
    AccountCapability.objects.update(limit=100)
    key = key_of(make_user("anna", daily_chats=10))
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda n: chats.http.post(PATH, json=question(f"q {n}"), headers=key), range(100)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 90
    for answer in answers:
        if answer.status_code == 429:
            check_used_up(answer, "Your daily quota of 10 chat turns is used up.")
    chats.wait_for_rest()
    assert len(chats.turns()) == Conversation.objects.count() == counted("chat") == 10


def test_each_route_has_its_quota(scene: Scene) -> None:
    """Images for pictures whichever way they are asked for, videos for videos."""
    key = key_of(make_user("anna", daily_images=2, daily_videos=0))
    openai = "/v1/images/generations"
    check_used_up(draw(scene, key, "/create/video"), "daily quota of 0 videos")
    check_used_up(draw(scene, key, openai, prompt="a fox", model="gpt-image-1", n=3), "asks for 3 of")
    assert draw(scene, key, openai, prompt="a fox", model="dall-e-3", n=4).status_code == 202
    assert counted("image") == 1
    assert draw(scene, key).status_code == 202
    check_used_up(draw(scene, key), "daily quota of 2 images")
    assert draw(scene, key, query="").status_code == 400
    with runner_at_work():
        scene.wait_until(lambda: not Task.objects.unfinished().exists())


def test_what_bing_took_counts_and_what_it_refused_does_not(scene: Scene) -> None:
    """A refused prompt and an overload are given back; a picture, one withheld, and one nobody knows of are not."""
    key = key_of(make_user("anna", daily_images=10))
    expected = {"instant": 1, "block": 0, "overload": 0, "unsafe": 1, "http-500": 1}
    with runner_at_work():
        for scenario, cost in expected.items():
            before = counted("image")
            scene.http.post("/create/image", json={"query": f"a fox sandbox:{scenario}"}, headers=key)
            assert (scenario, counted("image") - before) == (scenario, cost)
    assert Task.objects.filter(caller_id="user:anna", counted_on=None).count() == 2


def test_a_cancelled_task_makes_room_for_another(scene: Scene) -> None:
    """At once, as long as it was not sent."""
    key = key_of(make_user("anna", daily_images=1))
    first = draw(scene, key)
    assert draw(scene, key).status_code == 429
    assert scene.http.delete(first.headers["location"], headers=key).status_code == 200
    assert draw(scene, key).status_code == 202
    Task.objects.update(state=State.CANCELLED)


def test_the_two_calls_count_against_the_user_they_name(chats: Chats) -> None:
    """In open mode too, without any key; opening needs a turn to spare, and takes none."""
    user = make_user("anna", daily_chats=2)
    conversation = chats.http.post("/create_conversation", json={"userId": "anna"}).json()
    assert counted("chat") == 0
    answers = [chats.http.post("/chatgpt", json={**conversation, "prompt": "hello"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    check_used_up(answers[2], "daily quota of 2 chat turns")
    check_used_up(chats.http.post("/create_conversation", json={"userId": "anna"}), "daily quota of 2 chat turns")
    check_used_up(chats.http.post("/create", headers=key_of(user)), "daily quota of 2 chat turns")
    assert (chats.counts()["creates"], len(chats.turns())) == (1, 2)
    make_user("bert")
    assert chats.http.post("/create_conversation", json={"userId": "bert"}).status_code == 200


def test_a_kept_answer_costs_one_turn(chats: Chats) -> None:
    """Also when the day is used up by then."""
    key = key_of(make_user("anna", daily_chats=1)) | {"Idempotency-Key": "k"}
    answers = [chats.http.post(PATH, json=question("hello"), headers=key) for _ in range(3)]
    assert len({text_of(answer) for answer in answers}) == 1
    assert (len(chats.turns()), counted("chat")) == (1, 1)


def test_several_choices_are_several_turns(chats: Chats) -> None:
    """All or none; those that a cut answer did not need are counted, since Bing gave it."""
    key = key_of(make_user("anna", daily_chats=4))
    first = chats.http.post(PATH, json=question("hello", n=3, stop=["wrote"]), headers=key)
    assert (first.status_code, counted("chat")) == (200, 3)
    second = chats.http.post(PATH, json=question("hello", n=2), headers=key)
    check_used_up(second, "asks for 2 of your daily quota of 4 chat turns")
    assert len(chats.turns()) == 3
    chats.wait_for_rest()


def test_of_several_choices_those_never_asked_are_given_back(chats: Chats) -> None:
    """When the first fails."""
    key = key_of(make_user("anna", daily_chats=4))
    answer = chats.http.post(PATH, json=question("hello sandbox:cut-after", n=3), headers=key)
    assert answer.status_code == 502
    chats.wait_for_rest()
    assert counted("chat") == 1


def test_a_stream_counts_and_says_where_its_key_stands(chats: Chats) -> None:
    """The headers come with its status; used up is a status, not a line."""
    key = key_of(make_user("anna", daily_chats=1), per_minute=5)
    first, second = (chats.http.post(PATH, json=question("hello", stream=True), headers=key) for _ in range(2))
    assert first.status_code == 200
    assert first.text.endswith("data: [DONE]\n\n")
    assert first.headers["x-ratelimit-limit-requests"] == second.headers["x-ratelimit-limit-requests"] == "5"
    check_used_up(second, "daily quota of 1 chat turns")
    chats.wait_for_rest()


# --- scopes, expiry ---

ROUTES: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "/create/image", {"query": "a fox"}, "images"),
    ("POST", "/v1/images/generations", {"prompt": "a fox"}, "images"),
    ("POST", "/create/video", {"query": "a fox"}, "videos"),
    ("DELETE", "/task/4f2c0000-0000-4000-8000-000000000000", {}, "images or videos"),
    ("POST", PATH, {"model": "balanced", "messages": [{"role": "user", "content": "hello"}]}, "chat"),
    ("POST", "/v1/create", {}, "chat"),
    ("POST", "/create_conversation", {"userId": "anna"}, "chat"),
    ("POST", "/chatgpt", {}, "chat"),
]


@pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES, ids=[route[1] for route in ROUTES])
def test_a_key_without_the_scope_is_refused(
    http: httpx.Client, method: str, path: str, body: dict[str, Any], scope: str
) -> None:
    """403 that names the scope, before the body is looked at; a key with all the others is refused as well."""
    user, columns = make_user("anna"), ("can_make_images", "can_make_videos", "can_chat")
    lacking = {"images": columns[:1], "videos": columns[1:2], "images or videos": columns[:2], "chat": columns[2:]}
    for missing in (columns, lacking[scope]):
        answer = http.request(method, path, json=body, headers=key_of(user, **dict.fromkeys(missing, False)))
        assert answer.status_code == 403, answer.text
        error = answer.json()["error"]
        assert (error["type"], error["code"]) == ("auth_error", "not_whitelisted")
        assert error["message"] == f"You are not allowed to use this feature: this key lacks the scope {scope}."
        assert answer.headers["x-should-retry"] == "false"
    assert not Task.objects.exists() and not Conversation.objects.exists()


def test_a_key_without_scopes_reads(scene: Scene) -> None:
    """Its user's tasks, and what models there are."""
    user = make_user("anna")
    task = draw(scene, key_of(user)).headers["location"]
    key = key_of(user, can_make_images=False, can_make_videos=False, can_chat=False)
    for path in (task, "/tasks", "/v1/models", "/v1/models/balanced"):
        assert scene.http.get(path, headers=key).status_code == 200
    assert scene.http.delete(task, headers=key).status_code == 403
    assert scene.http.delete(task, headers=key_of(user, can_make_images=False)).status_code == 200


@pytest.mark.parametrize("access", ["open", "keys"])
@pytest.mark.parametrize(
    ("user", "key", "status", "code"),
    [
        ({"expires_at": timezone.now()}, {}, 403, "not_whitelisted"),
        ({"is_active": False}, {}, 403, "not_whitelisted"),
        ({}, {"expires_at": timezone.now()}, 401, "invalid_api_key"),
        ({}, {"revoked_at": timezone.now()}, 401, "invalid_api_key"),
    ],
    ids=["user expired", "user inactive", "key expired", "key revoked"],
)
def test_who_is_out_is_out_everywhere(
    http: httpx.Client,
    settings: Settings,
    access: str,
    user: dict[str, Any],
    key: dict[str, Any],
    status: int,
    code: str,
) -> None:
    """Every route that asks who it is, from that moment on, without a word on which part was wrong."""
    settings.ACCESS = access
    anna = make_user("anna")
    headers = key_of(anna, **key)
    WhitelistedUser.objects.update(**user)
    reads: list[tuple[str, str, dict[str, Any], str]] = [
        ("GET", path, {}, "") for path in ("/tasks", "/v1/models", ROUTES[3][1])
    ]
    for method, path, body, _scope in [*ROUTES, *reads]:
        answer = http.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), path


def test_the_two_calls_know_who_is_out(chats: Chats) -> None:
    """Without a key: an expired user opens nothing, and asks nothing in what they had."""
    make_user("anna", daily_chats=5)
    conversation = chats.http.post("/create_conversation", json={"userId": "anna"}).json()
    WhitelistedUser.objects.update(expires_at=timezone.now())
    for path, body in (("/create_conversation", {"userId": "anna"}), ("/chatgpt", {**conversation, "prompt": "hello"})):
        answer = chats.http.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_whitelisted")
    assert chats.turns() == []


def test_a_revoked_key_is_refused_at_once(http: httpx.Client) -> None:
    """Its very next request."""
    caller, text = make_key()
    headers = {"X-API-Key": text}
    assert http.get("/tasks", headers=headers).status_code == 200
    assert caller.key is not None
    ApiKey.objects.filter(pk=caller.key.pk).update(revoked_at=timezone.now())
    assert http.get("/tasks", headers=headers).status_code == 401


def test_yesterdays_use_is_forgotten(scene: Scene) -> None:
    """With the first minute of the UTC day."""
    user = make_user("anna", daily_images=1)
    limits.take_quota(user, Capability.IMAGE, 1, timezone.now() - timedelta(days=1))
    assert draw(scene, key_of(user)).status_code == 202

"""`images/generations` as OpenAI's own SDK uses it: pictures, formats, typed errors, retries that cost nothing."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import httpx
import openai
import pytest
from PIL import Image
from pytest_django import Settings

from accounts.models import Account
from creator.models import State, Task
from tests.factories import make_history, make_key
from tests.journeys.engine import runner_at_work
from tests.journeys.refusals import Scene

PREFIXES = ("", "/v1", "/api", "/api/v1")
REFUSED: tuple[tuple[str, Any, str], ...] = (
    ("n", 5, "invalid_value"),
    ("prompt", " ", "invalid_value"),
    ("size", "big", "invalid_value"),
    ("response_format", "gif", "invalid_value"),
    ("model", "dall-e-9", "invalid_value"),
    ("stream", True, "unsupported_parameter"),
    ("partial_images", 2, "unsupported_parameter"),
)


@pytest.fixture
def sdk(scene: Scene) -> Iterator[openai.OpenAI]:
    """The official client, knowing nothing of us but the address."""
    make_history(model="GPT4O", seconds=0)
    with openai.OpenAI(base_url=f"{scene.http.base_url}/v1".replace("//v1", "/v1"), api_key="sk-any") as client:
        yield client


def size_of(encoded: str | None) -> tuple[int, int]:
    """The size of a picture in base64, which must open."""
    with Image.open(BytesIO(base64.b64decode(encoded or "", validate=True))) as picture:
        picture.load()
        return picture.size


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_dalle_by_address(sdk: openai.OpenAI, scene: Scene) -> None:
    """One generation serves all of `n`; what is made beyond it is left out."""
    with runner_at_work():
        found = sdk.images.generate(prompt="a red fox", model="dall-e-3", n=3, size="1792x1024", quality="hd", user="u")
    pictures = found.data or []
    assert len({picture.url for picture in pictures}) == 3
    assert all(picture.b64_json is None and picture.revised_prompt for picture in pictures)
    assert [Image.open(BytesIO(httpx.get(picture.url or "").content)).size for picture in pictures] == [
        (1792, 1024)
    ] * 3
    assert abs(found.created - Task.objects.get(prompt="a red fox").created_at.timestamp()) < 1
    assert scene.submits("a red fox") == [1]
    scene.check_bing_unharmed()


def test_gpt_image_by_content(sdk: openai.OpenAI, scene: Scene) -> None:
    """`n` generations side by side, the pictures fetched without a cookie and handed over."""
    with runner_at_work():
        found = sdk.images.generate(
            prompt="a red fox", model="gpt-image-1", n=2, size="1024x1536", output_format="jpeg"
        )
    pictures = found.data or []
    assert [size_of(picture.b64_json) for picture in pictures] == [(1024, 1536)] * 2
    assert [picture.url for picture in pictures] == [None, None]
    assert scene.submits("a red fox") == [2]
    assert len(set(Task.objects.filter(prompt="a red fox").values_list("batch", flat=True))) == 1
    assert scene.bing.state.counts.media["pictures"] == 2
    scene.check_bing_unharmed()


def test_the_asynchronous_client(sdk: openai.OpenAI) -> None:
    """The same from an event loop."""

    async def generate() -> openai.types.ImagesResponse:
        async with openai.AsyncOpenAI(base_url=str(sdk.base_url), api_key="sk-any") as client:
            return await client.images.generate(prompt="a red fox", response_format="b64_json")

    with runner_at_work():
        found = asyncio.run(generate())
    assert [size_of(picture.b64_json) for picture in found.data or []] == [(1024, 1024)]


def test_fewer_pictures_than_asked_for_are_given_as_they_are(sdk: openai.OpenAI) -> None:
    """Bing sometimes withholds some."""
    with runner_at_work():
        found = sdk.images.generate(prompt="a fox sandbox:fewer-images=2", n=4)
    assert len(found.data or []) == 2


def test_all_prefixes_are_one_route(scene: Scene) -> None:
    """With and without a slash at the end."""
    with runner_at_work(), ThreadPoolExecutor(4) as pool:
        paths = [f"{prefix}/images/generations{end}" for prefix in PREFIXES for end in ("", "/")]
        answers = list(pool.map(lambda path: scene.http.post(path, json={"prompt": "a fox"}), paths))
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"created", "data"}
        assert set(answer.json()["data"][0]) == {"url", "revised_prompt"}


def test_the_task_is_one_like_any_other(scene: Scene) -> None:
    """`respond-async` works here too, and the task is read on its own route."""
    answer = scene.http.post("/v1/images/generations", json={"prompt": "a fox"}, headers={"Prefer": "respond-async"})
    assert (answer.status_code, set(answer.json())) == (202, {"taskId", "prompt"})
    with runner_at_work():
        task = scene.http.get(answer.headers["location"], headers={"Prefer": "wait=20"}).json()["data"]
    assert (task["status"], len(task["images"])) == ("completed", 4)


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_refused_prompt_is_a_bad_request(sdk: openai.OpenAI) -> None:
    """As clients expect it, with our own word for it beside; the SDK does not try again."""
    with runner_at_work(), pytest.raises(openai.BadRequestError) as caught:
        sdk.images.generate(prompt="a fox sandbox:vague")
    body: Any = caught.value.body
    assert (caught.value.code, caught.value.type) == ("content_policy_violation", "invalid_request_error")
    assert body["reason"] == "too_vague"
    assert Task.objects.filter(prompt__contains="vague").count() == 1


def test_if_some_fail_the_others_are_given(sdk: openai.OpenAI, scene: Scene) -> None:
    """One of two is refused."""
    scene.rule("block", next=1)
    with runner_at_work():
        found = sdk.images.generate(prompt="a fox", model="gpt-image-1", n=2, response_format="url")
    assert len(found.data or []) == 1
    assert sorted(Task.objects.filter(prompt="a fox").values_list("state", flat=True)) == [
        State.COMPLETED,
        State.FAILED,
    ]


def test_if_all_fail_the_first_error_is_given(sdk: openai.OpenAI) -> None:
    """One error, not a list."""
    with runner_at_work(), pytest.raises(openai.BadRequestError) as caught:
        sdk.images.generate(prompt="a fox sandbox:review", model="gpt-image-1", n=2)
    body: Any = caught.value.body
    first = Task.objects.filter(prompt="a fox sandbox:review").order_by("batch_index")[0]
    assert (body["reason"], body["taskId"]) == ("under_review", str(first.pk))


def test_pictures_that_cannot_be_fetched(sdk: openai.OpenAI, scene: Scene) -> None:
    """One is left out; when none can be had it is a 502 that says so, and asking again makes no second picture."""
    patient = sdk.with_options(max_retries=0)
    with runner_at_work():
        scene.rule("media-http-404", next=2)
        found = patient.images.generate(
            prompt="a fox", model="gpt-image-1", n=2, extra_headers={"Idempotency-Key": "k"}
        )
        assert len(found.data or []) in (1, 2)
        scene.rule("media-http-404", next=4)
        with pytest.raises(openai.InternalServerError) as caught:
            patient.images.generate(prompt="a fox", model="gpt-image-1", n=2, extra_headers={"Idempotency-Key": "k"})
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_unreachable")
    assert scene.submits("a fox") == [2]


def test_typed_errors(sdk: openai.OpenAI, settings: Settings) -> None:
    """Each status becomes the SDK's own class, with our code."""
    plain = sdk.with_options(max_retries=0)
    for param, value, code in REFUSED:
        options: dict[str, Any] = {"prompt": "x", param: value}
        with pytest.raises(openai.BadRequestError) as bad:
            plain.images.generate(**options)
        assert (bad.value.code, bad.value.param) == (code, param)
    Account.objects.all().delete()
    with pytest.raises(openai.InternalServerError) as nobody:
        plain.images.generate(prompt="x")
    assert (nobody.value.status_code, nobody.value.code) == (503, "no_account")
    settings.ACCESS = "keys"
    with pytest.raises(openai.AuthenticationError) as stranger:
        plain.images.generate(prompt="x")
    assert stranger.value.code == "invalid_api_key"
    with pytest.raises(openai.InternalServerError):
        plain.with_options(api_key=make_key()[1]).images.generate(prompt="x")


# --- retries ----------------------------------------------------------------------------------------------------------


def test_a_retry_after_a_502_makes_no_second_picture(sdk: openai.OpenAI, scene: Scene) -> None:
    """Bing took the prompt and its results could not be read: the SDK asks three times, Bing is asked once."""
    with runner_at_work(), pytest.raises(openai.InternalServerError) as caught:
        sdk.images.generate(prompt="a fox sandbox:error-message")
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_protocol_error")
    assert caught.value.response.request.headers["x-stainless-retry-count"] == "2"
    assert caught.value.response.headers["idempotent-replayed"] == "true"
    assert scene.submits("a fox sandbox:error-message") == [1]
    assert Task.objects.filter(prompt__contains="error-message").count() == 1


@pytest.mark.slow
def test_an_unknown_outcome_is_not_asked_again(sdk: openai.OpenAI, scene: Scene, settings: Settings) -> None:
    """The answer got lost: 502 that tells the SDK to leave it; even a retry by hand joins the task."""
    prompt = "a fox sandbox:cut-accepted"
    settings.UPSTREAM_TIMEOUT_SECONDS = 0.5
    with runner_at_work(), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sdk.images.generate, prompt=prompt)
        scene.wait_until(lambda: Task.objects.filter(state=State.UNCERTAIN).exists())
        with pytest.raises(openai.InternalServerError) as caught:
            waiting.result(timeout=60)
        by_hand = {"x-stainless-retry-count": "1"}
        answer = scene.http.post("/v1/images/generations", json={"prompt": prompt}, headers=by_hand)
    assert (caught.value.status_code, caught.value.code) == (502, "submit_outcome_unknown")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert caught.value.response.request.headers["x-stainless-retry-count"] == "0"
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "submit_outcome_unknown")
    assert scene.submits(prompt) == [1]


def test_a_retry_joins_the_task_that_still_runs(sdk: openai.OpenAI, scene: Scene, settings: Settings) -> None:
    """The first wait ends as 504; the SDK asks again and gets the picture of the same task."""
    settings.IMAGE_WAIT_SECONDS = 0.7
    with runner_at_work():
        found = sdk.with_options(max_retries=5).images.generate(prompt="a fox sandbox:seconds=2")
    assert len(found.data or []) == 1
    assert scene.submits("a fox sandbox:seconds=2") == [1]


def test_a_retry_of_what_another_try_can_mend_starts_anew(scene: Scene) -> None:
    """Bing was overloaded; now it is not."""
    scene.rule("overload", next=4)
    with runner_at_work():
        first = scene.http.post("/v1/images/generations", json={"prompt": "a fox"})
        again = {"x-stainless-retry-count": "1"}
        second = scene.http.post("/v1/images/generations", json={"prompt": "a fox"}, headers=again)
    assert (first.status_code, first.json()["error"]["code"]) == (503, "upstream_overloaded")
    assert (second.status_code, "idempotent-replayed" in second.headers) == (200, False)
    assert scene.submits("a fox") == [5]


@pytest.mark.parametrize("count", ["0", "", "x", "-1", "00", "1.0"])
def test_a_first_request_never_joins(scene: Scene, count: str) -> None:
    """Two equal prompts are two wishes unless the client says otherwise."""
    headers = {"x-stainless-retry-count": count, "Prefer": "respond-async"}
    answers = [scene.http.post("/v1/images/generations", json={"prompt": "a fox"}, headers=headers) for _ in range(2)]
    assert len({answer.json()["taskId"] for answer in answers}) == 2


def test_a_retry_joins_its_own_request_only(scene: Scene) -> None:
    """Another body, another caller, another route: a new task."""
    start = {"Prefer": "respond-async"}
    retry = start | {"x-stainless-retry-count": "1"}
    first = scene.http.post("/v1/images/generations", json={"prompt": "a fox"}, headers=start).json()["taskId"]
    key = {"Authorization": f"Bearer {make_key()[1]}"}
    same = scene.http.post("/images/generations", json={"prompt": "a fox"}, headers=retry)
    assert (same.json()["taskId"], same.headers["idempotent-replayed"]) == (first, "true")
    others = [
        scene.http.post("/v1/images/generations", json={"prompt": "a fox", "n": 2}, headers=retry).json()["taskId"],
        scene.http.post("/v1/images/generations", json={"prompt": "a fox"}, headers=retry | key).json()["taskId"],
        scene.http.post("/create/image", json={"query": "a fox"}, headers=retry).json()["data"]["taskId"],
    ]
    assert len({first, *others}) == 4

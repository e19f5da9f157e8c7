"""Clients that repeat a POST without saying so: one wish is one generation, however often they ask."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from creator.models import State, Task
from tests.journeys.engine import runner_at_work
from tests.journeys.refusals import Scene

PATH = "/v1/images/generations"
# Vercel's AI SDK, as it was seen on 2026-11-30: no header tells a repeat, and x-should-retry is not known.
AGENT = {"user-agent": "ai/7.0.173 ai-sdk/openai-compatible/3.0.92 ai-sdk-provider-utils/5.0.81 runtime/node.js/v20"}
AI_SDK = """
import { experimental_generateImage, generateImage } from "ai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
const [url, prompt] = process.argv.slice(2);
const provider = createOpenAICompatible({ name: "bing", baseURL: `${url}/v1`, apiKey: "sk-any" });
const make = generateImage ?? experimental_generateImage;
try {
  const { images } = await make({ model: provider.imageModel("dall-e-3"), prompt });
  console.log(JSON.stringify({ images: images.length }));
} catch (error) {
  const last = error.lastError ?? error;
  console.log(JSON.stringify({ status: last.statusCode ?? 0, tries: error.errors?.length ?? 1, text: String(last) }));
}
"""


def ask(scene: Scene, prompt: str, tries: int = 3) -> list[httpx.Response]:
    """One call of such an SDK: up to three POSTs, each after a failure."""
    answers: list[httpx.Response] = []
    while len(answers) < tries:
        answers.append(scene.http.post(PATH, json={"model": "dall-e-3", "prompt": prompt}, headers=AGENT))
        if answers[-1].status_code not in (409, 429) and answers[-1].status_code < 500:
            break
    return answers


def check_joined(answers: list[httpx.Response], task: Task) -> None:
    """The first answer is a first one; the others name the task that they joined."""
    assert "x-bing-joined-task" not in answers[0].headers
    assert {answer.headers["x-bing-joined-task"] for answer in answers[1:]} == {str(task.pk)}


@pytest.mark.slow
def test_an_unknown_outcome_is_submitted_once(scene: Scene, settings: Settings) -> None:
    """Bing took it and cut the line: three POSTs, one submit, three times the same 502."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 1.0
    prompt = "a fox sandbox:cut-accepted"
    with runner_at_work():
        answers = ask(scene, prompt)
    assert [answer.status_code for answer in answers] == [502] * 3
    assert {answer.json()["error"]["code"] for answer in answers} == {"submit_outcome_unknown"}
    assert scene.submits(prompt) == [1]
    check_joined(answers, Task.objects.get(prompt=prompt))


@pytest.mark.slow
def test_a_picture_that_is_late_is_handed_to_the_repeat(scene: Scene, settings: Settings) -> None:
    """504 while it is made: the repeats wait for the same picture, and one of them gets it."""
    settings.IMAGE_WAIT_SECONDS = 1.0
    prompt = "a fox sandbox:seconds=2.5"
    with runner_at_work():
        answers = ask(scene, prompt, tries=5)
    assert answers[0].status_code == 504
    assert answers[-1].status_code == 200
    assert len(answers[-1].json()["data"]) == 1
    assert scene.submits(prompt) == [1]
    check_joined(answers, Task.objects.get(prompt=prompt))


@pytest.mark.slow
def test_a_caller_who_leaves_finds_the_task_again(scene: Scene) -> None:
    """A proxy's or a client's own time-out: the repeat joins what is under way."""
    prompt = "a fox sandbox:seconds=3"
    body = {"model": "dall-e-3", "prompt": prompt}
    with runner_at_work():
        with pytest.raises(httpx.ReadTimeout):
            scene.http.post(PATH, json=body, headers=AGENT, timeout=1.0)
        wait_until(lambda: Task.objects.filter(prompt=prompt, unserved_at__isnull=False).exists())
        answer = scene.http.post(PATH, json=body, headers=AGENT)
    assert answer.status_code == 200
    assert scene.submits(prompt) == [1]
    assert answer.headers["x-bing-joined-task"] == str(Task.objects.get(prompt=prompt).pk)


def wait_until(condition: Any) -> None:
    """Until it holds, for ten seconds at most."""
    for _ in range(200):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never came to that")


def test_a_cancelled_task_is_not_made_after_all(scene: Scene) -> None:
    """409 `cancelled` is repeated by such SDKs, too: the caller had cancelled it."""
    prompt = "a fox sandbox:never-ready"
    with runner_at_work(), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, scene, prompt)
        wait_until(lambda: Task.objects.filter(prompt=prompt, state=State.POLLING).exists())
        scene.http.delete(f"/task/{Task.objects.get(prompt=prompt).pk}")
        answers = waiting.result()
    assert [answer.status_code for answer in answers] == [409] * 3
    assert scene.submits(prompt) == [1]


def test_two_at_once_are_two(scene: Scene) -> None:
    """Who sends the same prompt twice in parallel wants two pictures."""
    with runner_at_work(), ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: ask(scene, "a fox sandbox:seconds=1"), range(2)))
    assert [[answer.status_code for answer in some] for some in answers] == [[200], [200]]
    assert scene.submits("a fox sandbox:seconds=1") == [2]


def run(arguments: list[str], place: Path) -> str:
    """What a program of the client's prints."""
    done = subprocess.run(arguments, cwd=place, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.foreign
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node and npm")
def test_vercels_ai_sdk_pays_once(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    """The real packages: a cut line and a late picture are one submit each, though they ask up to three times."""
    packages = ["ai", "@ai-sdk/openai-compatible"]
    run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tmp_path), *packages], tmp_path)
    (tmp_path / "program.mjs").write_text(AI_SDK)
    address = str(scene.http.base_url).rstrip("/")
    settings.UPSTREAM_TIMEOUT_SECONDS = 1.0
    with runner_at_work():
        cut = json.loads(run(["node", "program.mjs", address, "a fox sandbox:cut-accepted"], tmp_path))
        settings.IMAGE_WAIT_SECONDS = 2.0
        late = json.loads(run(["node", "program.mjs", address, "a fox sandbox:seconds=5"], tmp_path))
    assert (cut["status"], cut["tries"]) == (502, 3)
    assert late == {"images": 1}
    assert scene.submits("a fox sandbox:cut-accepted", "a fox sandbox:seconds=5") == [1, 1]

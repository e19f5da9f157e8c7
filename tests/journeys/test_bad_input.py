"""Bodies that are refused, over real HTTP on the routes that create tasks: nothing is written, nothing is sent.

And the opposite: prompts in any script, which reach Bing and come back byte-exact.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from django.conf import settings

from accounts.models import Account
from creator.models import IdempotencyKey, Task
from tests.journeys.engine import runner_at_work
from tests.journeys.refusals import GENERATIONS, IMAGE, VIDEO, Route, Scene

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
QUERY = "query is required and must be a string."
HUGE_BYTES = 10 * 1024**3


@dataclass(frozen=True, slots=True)
class Bad:
    """One body that is refused, the field at fault, words of the message."""

    content: bytes
    param: str | None = None
    says: str = ""
    status: int = 400
    code: str = "invalid_value"
    type: str = JSON


def fields(param: str, says: str, *bodies: dict[str, Any], code: str = "invalid_value") -> list[Bad]:
    """JSON bodies at fault in the same field."""
    return [Bad(json.dumps(body).encode(), param, says, code=code) for body in bodies]


def values(param: str, says: str, *choices: Any, code: str = "invalid_value", **rest: Any) -> list[Bad]:
    """The same good body with bad values of one field."""
    return fields(param, says, *(rest | {param: choice} for choice in choices), code=code)


NO_TEXT: tuple[Any, ...] = (None, 5, True, [], ["a fox"], {"a": "fox"}, "", "   ", "\n\t\u3000")
# For every route: bodies that are no JSON object, or that could be read in two ways.
GARBAGE = [
    Bad(b"{"), Bad(b"nul"), Bad(b"{'query': 'x'}"), Bad(b"[]"), Bad(b'["query"]'), Bad(b'"text"'), Bad(b"5"),
    Bad(b"null"), Bad(b"\xff\xfe"), Bad(b'{"query": "\xc3("}'), Bad(b"[" * 100_000), Bad(b'{"query":' * 10_000),
    Bad(b'{"query": "a", "query": "b"}', "query"), Bad(b'{"prompt": "a", "prompt": "a"}', "prompt"),
    Bad(b'{"query": "a\\u0000b"}', "query"), Bad(b'{"query": "\\ud83e"}', "query"), Bad(b'{"query": NaN}', "query"),
    Bad(b'{"query": -Infinity}', "query"), Bad(b'{"query": ' + b"9" * 5000 + b"}", "query"),
    Bad(b'{"query": 1e999}', "query"), Bad(b'{"query": "a", "other": "\\udc00"}', "other"),
    Bad(b'{"query": "a"}', status=415, code="unsupported_media_type", type="text/plain"),
    Bad(b'{"query": "a"}', status=415, code="unsupported_media_type", type="multipart/form-data; boundary=x"),
    Bad(b'{"query": "a"}', status=415, code="unsupported_media_type", type="application/json; charset=utf-16"),
    Bad(b'{"query": "' + b"a" * 1024**2 + b'"}', status=413, code="too_large"),
]  # fmt: skip
FORMS = [
    Bad(b"query=a&query=b", "query", type=FORM), Bad(b"query=a%00b", "query", type=FORM),
    Bad(b"query=%ed%a0%bd", type=FORM), Bad(b"query=", "query", QUERY, type=FORM),
    Bad(b"model=1", "query", QUERY, type=FORM), Bad(b"query[x]=a", "query", QUERY, type=FORM),
]  # fmt: skip
IMAGES = [
    Bad(b"", "query", QUERY),
    *fields("query", QUERY, {}, {"prompt": "a fox"}),
    *values("query", QUERY, *NO_TEXT),
    *values("query", "4,000", "a" * 4001, "a" * 200_000, "🦊" * 4001),
    *values("model", "Use DALLE, GPT4O, MAI1 or 0,1,4.", None, "", " dalle", "x", 7, -1, 1.0, 1.5, True, "1.0", "01",
            "-1", "\uff14", 10**90, "4" * 5000, ["GPT4O"], {"toString": 1}, query="a fox"),
    *values("aspect", "Use SQUARE, LANDSCAPE, PORTRAIT or 1,2,3.", None, "", "wide", 0, 4, 2.0, False, "0", 10**90, [1],
            {}, query="a fox"),
    *values("speed", "Use fast, standard or auto.", None, "", "turbo", 1, True, ["fast"], query="a fox"),
]  # fmt: skip
VIDEOS = [
    Bad(b"", "query", QUERY),
    *values("query", QUERY, *NO_TEXT),
    *values("query", "4,000", "a" * 200_000),
    *values("speed", "Use fast, standard or auto.", None, "turbo", 0, query="a wave"),
]
OPENAI = [
    Bad(b"", "prompt", "prompt is required and must be a string."),
    *fields("prompt", "prompt is required and must be a string.", {}, {"query": "a fox"}),
    *values("prompt", "prompt is required and must be a string.", *NO_TEXT),
    *values("prompt", "4,000", "a" * 200_000),
    *values("model", "Use dall-e-3", "", "gpt-5", 1, True, 10**90, ["dall-e-3"], prompt="a fox"),
    *values("n", "from 1 to 4", 0, 5, -1, 1.0, True, "2", "", 10**90, [1], {}, prompt="a fox"),
    *values("size", "1024x1024", "", "huge", "0x0", "1024x", "1024X1024", "9" * 5000 + "x1", 1024, [1024, 1024], True,
            prompt="a fox"),
    *values("response_format", "Use url or b64_json.", "", "png", 1, {"type": "url"}, prompt="a fox"),
    *values("stream", "Leave it out.", True, 1, "true", prompt="a fox", code="unsupported_parameter"),
    *values("partial_images", "Leave it out.", 1, "0", prompt="a fox", code="unsupported_parameter"),
    Bad(b"prompt=a+fox", status=415, code="unsupported_media_type", type=FORM),
]  # fmt: skip
TABLES = [
    (IMAGE, [*IMAGES, *GARBAGE, *FORMS]),
    (VIDEO, [*VIDEOS, *GARBAGE, *FORMS]),
    (GENERATIONS, [*OPENAI, *GARBAGE]),
]
ODD_KEYS = [b"", b"k" * 256, b"caf\xc3\xa9", b"a\tb"]

# Byte-exact there and back.
PROMPTS = [
    "a fox 🦊 and a family 👨‍👩‍👧‍👦, 🇺🇳, thumbs 👍🏽",
    "שועל אדום בשלג, \u202eabc\u202c וגם ثعلب أحمر في الثلج",
    "e\u0301 is not é, ﬁ is not fi, \u00a0 stays, zero\u200bwidth, \uff46\uff55\uff4c\uff4c",
    """a "quoted" 'fox' & <b>bold</b> &amp; &#39; &lt;script&gt;alert(1)</script> <!-- x --> ]]>""",
    '100% a+b=c?&d;e#f %20 %F0%9F %zz \\u0041 \\n {"json": [1]} ${x} {{y}} $(z) `w`',
    "two\nlines\tand a tab",
    "'; DROP TABLE creator_task; -- ",
    "\U0001d518\U0001d52b \U0010fffd \ufdfa 한국어 日本語 ไทย",
    "🦊" * 4000,
]


def _counts() -> tuple[int, int]:
    """Rows in the tables in which a refused request must leave nothing."""
    return Task.objects.count(), IdempotencyKey.objects.count()


def _check_refused(scene: Scene, route: Route, bads: Sequence[Bad], subtests: pytest.Subtests) -> None:
    """Send each, with a key that would be remembered; every answer in the error shape, and no repeat asked for."""
    for number, bad in enumerate(bads):
        with subtests.test(f"{number} {bad.content[:60]!r}"):
            headers = {"Content-Type": bad.type, "Idempotency-Key": f"key {number}"}
            answer = scene.http.post(route.path, content=bad.content, headers=headers)
            assert answer.status_code == bad.status, answer.text
            error = answer.json()["error"]
            assert (error["type"], error["code"]) == ("invalid_request_error", bad.code)
            assert error["param"] == bad.param
            assert bad.says in error["message"]
            assert len(error["message"]) < 400
            assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(("route", "bads"), TABLES, ids=["image", "video", "openai"])
def test_refuses_writes_nothing_sends_nothing(
    scene: Scene, route: Route, bads: list[Bad], subtests: pytest.Subtests
) -> None:
    """With an account and a runner ready, no bad body becomes a row or a request to Bing; a good one does at once."""
    before = _counts()
    with runner_at_work():
        _check_refused(scene, route, bads, subtests)
        assert _counts() == before
        assert (scene.bing.state.counts.submits, scene.bing.state.counts.homes) == (0, 0)
        prompt, answer = scene.ask(route, "instant")
        assert answer.status_code == 200
        scene.wait_until(lambda: not Task.objects.unfinished().exists())
    assert scene.submits(prompt) == [1]


@pytest.mark.parametrize(("route", "bads"), TABLES, ids=["image", "video", "openai"])
def test_a_bad_request_is_bad_without_any_account(
    scene: Scene, route: Route, bads: list[Bad], subtests: pytest.Subtests
) -> None:
    """The body is checked first: never 401 or 503 for what is 400."""
    Account.objects.all().delete()
    _check_refused(scene, route, bads[:12], subtests)


@pytest.mark.parametrize("route", [IMAGE, VIDEO, GENERATIONS], ids=str)
def test_odd_idempotency_keys(scene: Scene, route: Route) -> None:
    """Empty, too long or not printable ASCII: 400, and nothing is remembered."""
    before = _counts()
    for key in ODD_KEYS:
        answer = scene.http.post(route.path, json={route.field: "a fox"}, headers={b"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "Idempotency-Key")
    assert _counts() == before


@pytest.mark.parametrize("path", ["/task/x", "/task/%00", "/task/" + "9" * 5000, "/task/%F0%9F%A6%8A", "/task/1;2"])
def test_odd_task_ids(scene: Scene, path: str) -> None:
    """Whatever is no task's id is a task that is not there."""
    for method in ("GET", "DELETE"):
        answer = scene.http.request(method, path)
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Task not found.")


def _files_of_this_process() -> set[str]:
    """Regular files that are open, those without a name too; databases aside."""
    opened = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target.startswith("/") and not target.startswith(("/dev/", "/proc/")) and "sqlite" not in target:
            opened.add(target)
    return opened


@pytest.mark.parametrize("route", [IMAGE, GENERATIONS], ids=str)
def test_a_body_without_end_is_cut_off(scene: Scene, route: Route) -> None:
    """10 GB of one string, in chunks: 413 soon after the limit; no file, not even one without a name; no row."""
    before, opened, sent = _counts(), _files_of_this_process(), 0
    address = httpx.URL(str(scene.http.base_url))
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    head = f"POST {route.path} HTTP/1.1\r\nHost: {address.host}:{address.port}\r\nContent-Type: {JSON}\r\n"
    with socket.create_connection((address.host, address.port), timeout=20) as line:
        line.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + b'b\r\n{"query": "\r\n')
        try:
            while sent < HUGE_BYTES:
                line.sendall(piece)
                sent += len(piece)
                assert _files_of_this_process() <= opened
        except OSError:
            pass
        answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert sent < 64 * settings.BODY_LIMIT_BYTES
    assert _counts() == before
    assert scene.bing.state.counts.submits == 0


@pytest.mark.parametrize("route", [IMAGE, VIDEO, GENERATIONS], ids=str)
def test_prompts_come_through_byte_exact(scene: Scene, route: Route, subtests: pytest.Subtests) -> None:
    """Every script, quotes and markup: what was asked is what Bing got, and what the answers and the task show."""
    with runner_at_work(), ThreadPoolExecutor(len(PROMPTS)) as pool:
        ask = lambda prompt: scene.http.post(route.path, json={route.field: prompt})  # noqa: E731
        answers = list(pool.map(ask, PROMPTS))
        scene.wait_until(lambda: not Task.objects.unfinished().exists())
    got = {generation.prompt for generation in scene.bing.state.generations.values()}
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        with subtests.test(prompt[:20]):
            assert answer.status_code == 200, answer.text
            wanted = prompt.strip()
            assert wanted in got
            assert _prompt_of(answer, route) == wanted
            task = Task.objects.get(prompt=wanted)
            assert scene.http.get(f"/task/{task.pk}").json()["data"]["prompt"] == wanted
    scene.check_bing_unharmed()


def _prompt_of(answer: httpx.Response, route: Route) -> str:
    body = answer.json()
    return str(body["data"][0]["revised_prompt"] if route is GENERATIONS else body["data"]["prompt"])


def test_forms_come_through_byte_exact(scene: Scene) -> None:
    """A form's prompt, percent-encoded, and its number of a model, which is a digit string."""
    form = urlencode({"query": PROMPTS[0] + PROMPTS[3], "model": "1", "aspect": "3"})
    with runner_at_work():
        answer = scene.http.post(IMAGE.path, content=form, headers={"Content-Type": FORM})
    assert answer.status_code == 200, answer.text
    shown = answer.json()["data"]
    assert (shown["model"], shown["aspect"], len(shown["images"])) == ("GPT4O", "PORTRAIT", 1)
    (generation,) = scene.bing.state.generations.values()
    assert generation.prompt == PROMPTS[0] + PROMPTS[3]
    scene.check_bing_unharmed()

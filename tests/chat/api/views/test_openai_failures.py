"""What goes wrong on `chat/completions`: statuses, error lines, and bad input that costs nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AccountState
from bingproject.sandbox.server import SandboxServer
from chat.models import Conversation
from tests.chat.api.views.asking import ANSWER, HELLO, PATH, ask, chunks_of, content_of, error_of
from tests.chat.turns import seen
from tests.factories import make_account, make_key, set_capability

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("captcha", 503, "challenge_required"),
        ("throttled", 429, "throttled"),
        ("empty-answer", 502, "upstream_interrupted"),
    ],
)
def test_a_failure_before_the_first_text_is_the_status(
    http: httpx.Client, hub: SandboxServer, scenario: str, status: int, code: str, stream: bool
) -> None:
    """Whole or streamed, as the contract's table has it."""
    make_account()
    answer = ask(http, f"hello sandbox:{scenario}", stream=stream)
    assert error_of(answer, status)["code"] == code
    assert ("retry-after" in answer.headers) == (status in (429, 503))


def test_a_failure_after_the_text_is_an_error_line(http: httpx.Client, hub: SandboxServer) -> None:
    """And no [DONE]; a whole answer is 502."""
    make_account()
    *_, last = chunks_of(ask(http, "hello sandbox:cut-after", stream=True))
    assert last["error"]["code"] == "upstream_interrupted"
    assert set(last["error"]) == {"message", "type", "param", "code"}
    assert error_of(ask(http, "hello sandbox:cut-after"), 502)["code"] == "upstream_interrupted"


def test_a_status_held_back_long_enough_is_200(http: httpx.Client, hub: SandboxServer, settings: Settings) -> None:
    """What fails then is an error line; until then the stream is kept alive."""
    settings.CHAT_HOLD_SECONDS = settings.CHAT_QUIET_SECONDS = 0.1
    settings.CHAT_FIRST_RECORD_SECONDS = 0.7
    make_account()
    chunks = chunks_of(ask(http, "hello sandbox:silent", stream=True))
    assert [chunk["choices"][0]["delta"] for chunk in chunks[1:-1]] == [{}] * (len(chunks) - 2)
    assert len(chunks) > 3
    assert chunks[-1]["error"]["code"] == "timeout"


def test_without_an_account(http: httpx.Client, hub: SandboxServer) -> None:
    """503, or 429 when it only rests; a bad request is 400 all the same, and an unknown model 404."""
    assert error_of(ask(http), 503)["code"] == "no_account"
    assert error_of(ask(http, ""), 400)["param"] == "messages[0].content"
    assert error_of(ask(http, model="gpt-4"), 404)["code"] == "model_not_found"
    account = make_account()
    set_capability(account, "chat", cooldown_until=timezone.now() + timedelta(minutes=5))
    answer = ask(http, stream=True)
    assert error_of(answer, 429)["code"] == "throttled"
    assert 200 < int(answer.headers["retry-after"]) <= 300
    account.mark(AccountState.EXPIRED, "", timezone.now())
    answer = ask(http)
    assert error_of(answer, 503)["code"] == "cookie_expired"
    assert answer.headers["x-should-retry"] == "false"


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"messages": []}, "messages", "invalid_value"),
    ({"messages": None}, "messages", "invalid_value"),
    ({"messages": [{"role": "assistant", "content": ""}]}, "messages[0].content", "invalid_value"),
    ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "invalid_value"),
    ({"messages": [{"role": "user", "content": "\u0000"}]}, "messages", "invalid_value"),
    ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages", "invalid_value"),
    ({"model": 1}, "model", "invalid_value"),
    ({"stream": "yes"}, "stream", "invalid_value"),
    ({"temperature": "3"}, "temperature", "invalid_value"),
    ({"n": 5}, "n", "invalid_value"),
    ({"n": 2, "stream": True}, "n", "unsupported_parameter"),
    ({"n": 2, "conversation_id": "x"}, "n", "unsupported_parameter"),
    ({"tool_choice": "required"}, "tool_choice", "unsupported_parameter"),
    ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
    ({"audio": {"voice": "x"}}, "audio", "unsupported_parameter"),
]


@pytest.mark.parametrize(("change", "param", "code"), BAD)
def test_a_bad_request_names_the_field_and_costs_nothing(
    http: httpx.Client, hub: SandboxServer, change: dict[str, Any], param: str, code: str
) -> None:
    """400, no conversation, no call to Bing."""
    make_account()
    body = json.dumps({"model": "precise", "messages": HELLO} | change)
    answer = http.post(PATH, content=body, headers={"Content-Type": "application/json"})
    error = error_of(answer, 400)
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert answer.headers["x-should-retry"] == "false"
    assert seen(hub)["creates"] == 0
    assert not Conversation.objects.exists()


def test_a_prompt_that_cannot_fit(http: httpx.Client, hub: SandboxServer) -> None:
    """400 with the words that clients look for; nothing is sent."""
    make_account()
    error = error_of(ask(http, "x" * 200_000), 400)
    assert error["code"] == "context_length_exceeded"
    assert "this model's maximum context length is" in error["message"]
    assert seen(hub)["creates"] == 0


def test_bodies_up_to_eight_mebibytes(http: httpx.Client, hub: SandboxServer) -> None:
    """Pictures come within them; only on this route."""
    padding = "x" * (2 * 1024 * 1024)
    assert error_of(ask(http, metadata={"padding": padding}), 503)["code"] == "no_account"
    assert error_of(ask(http, metadata={"padding": padding * 4}), 413)["code"] == "too_large"
    assert error_of(http.post("/v1/create", json={"padding": padding}), 413)["code"] == "too_large"


def test_only_json(http: httpx.Client) -> None:
    """A form is 415, and another method 405 with `Allow`."""
    assert error_of(http.post(PATH, data={"model": "precise"}), 415)["code"] == "unsupported_media_type"
    answer = http.get(PATH)
    assert error_of(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "POST, OPTIONS"


def test_a_key_is_needed_where_the_server_says_so(http: httpx.Client, hub: SandboxServer, settings: Settings) -> None:
    """On every chat route."""
    settings.ACCESS = "keys"
    make_account()
    assert error_of(http.get("/v1/models"), 401)["code"] == "invalid_api_key"
    assert error_of(http.post("/v1/create"), 401)["code"] == "invalid_api_key"
    assert error_of(ask(http), 401)["code"] == "invalid_api_key"
    assert content_of(ask(http, headers={"Authorization": f"Bearer {make_key()[1]}"})) == ANSWER

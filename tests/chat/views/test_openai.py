"""OpenAI's chat routes on the real server: statuses, headers and exact bodies, and bad input that costs nothing."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AccountState
from bingproject.sandbox.server import SandboxServer
from chat.models import Conversation
from chat.protocol.catalogue import MODELS
from tests.chat.turns import play, seen, turns
from tests.factories import make_account, make_key, set_capability

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/v1/chat/completions"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]
ANSWER = "You wrote: “hello” That was turn 1. The sandbox answers, not Bing."


def ask(http: httpx.Client, words: str = "hello", *, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    """One question; the HTTP answer."""
    body = {"model": "balanced", "messages": [{"role": "user", "content": words}], **fields}
    return http.post(PATH, json=body, headers=headers)


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The error object, the status as expected, in the one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    error: dict[str, Any] = answer.json()["error"]
    assert {"message", "type", "param", "code"} <= set(error)
    return error


def content_of(answer: httpx.Response) -> str:
    """The first choice's text."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["message"]["content"])


def chunks_of(answer: httpx.Response) -> list[Any]:
    """The chunks of a stream; the last line as text when it is no JSON."""
    assert answer.status_code == 200, answer.text
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


# --- models -----------------------------------------------------------------------------------------------------------


def test_models_are_listed(http: httpx.Client) -> None:
    """Six of them, under each prefix, each as OpenAI's clients read it."""
    for prefix in ("", "/v1", "/api", "/api/v1"):
        body = http.get(f"{prefix}/models").json()
        assert body["object"] == "list"
        assert [card["id"] for card in body["data"]] == list(MODELS)
        for card in body["data"]:
            assert card == {
                "id": card["id"],
                "object": "model",
                "created": 1_700_000_000,
                "owned_by": "bing",
                "description": MODELS[card["id"]].description,
            }


def test_one_model(http: httpx.Client) -> None:
    """By its name in any letter case; another name is 404."""
    assert http.get("/v1/models/Creative-Offline").json()["id"] == "creative-offline"
    error = error_of(http.get("/models/gpt-4"), 404)
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "model_not_found", "model")


# --- whole answers ----------------------------------------------------------------------------------------------------


def test_a_whole_answer(http: httpx.Client, hub: SandboxServer) -> None:
    """The exact body; `model` is the name that was asked for."""
    make_account()
    answer = ask(http, model="Balanced")
    body = answer.json()
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{32}", body.pop("id"))
    assert abs(body.pop("created") - timezone.now().timestamp()) < 60
    assert body == {
        "object": "chat.completion",
        "model": "Balanced",
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": ANSWER,
                    "refusal": None,
                    "annotations": [],
                    "suggested_responses": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 2, "completion_tokens": 18, "total_tokens": 20},
    }
    assert "x-bing-ignored" not in answer.headers


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*", "text/html"])
def test_accept_decides_nothing(http: httpx.Client, hub: SandboxServer, accept: str) -> None:
    """Whether it streams is said in the body."""
    make_account()
    assert ask(http, headers={"Accept": accept}).headers["content-type"] == "application/json"
    streamed = ask(http, stream=True, headers={"Accept": accept})
    assert streamed.headers["content-type"] == "text/event-stream; charset=utf-8"


def test_ignored_fields_are_named(http: httpx.Client, hub: SandboxServer) -> None:
    """In a header; a field nobody knows is not."""
    make_account()
    for stream in (False, True):
        answer = ask(http, temperature=0.5, tools=[], unheard_of=1, stream=stream)
        assert answer.headers["x-bing-ignored"] == "temperature, tools"


def test_sources_are_structured_and_as_text_when_asked(
    http: httpx.Client, hub: SandboxServer, settings: Settings
) -> None:
    """By the request or by the setting; the request wins."""
    make_account()
    body = ask(http, "hello sandbox:search").json()
    message = body["choices"][0]["message"]
    assert {note["type"] for note in message["annotations"]} == {"url_citation"}
    assert message["suggested_responses"]
    assert "<details>" not in message["content"]
    assert "<details>" in content_of(ask(http, "hello sandbox:search", inline_extras=True))
    settings.CHAT_INLINE_EXTRAS = True
    assert "<details>" in content_of(ask(http, "hello sandbox:search"))
    assert "<details>" not in content_of(ask(http, "hello sandbox:search", inline_extras=False))


def test_several_choices_are_several_turns(http: httpx.Client, hub: SandboxServer) -> None:
    """One after the other, each its own conversation; usage counts all."""
    make_account("alice")
    body = ask(http, n=3).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert {choice["message"]["content"] for choice in body["choices"]} == {ANSWER}
    assert body["usage"]["completion_tokens"] == 54
    state = seen(hub)
    assert (state["creates"], len(turns(hub)), state["max_in_flight"]) == (3, 3, {"alice": 1})


def test_stop_and_max_tokens_end_the_turn(http: httpx.Client, hub: SandboxServer) -> None:
    """The rest is not waited for: the upstream is left in the middle."""
    make_account()
    for stream in (False, True):
        for field, reason in (({"stop": "That"}, "stop"), ({"max_tokens": 5}, "length")):
            answer = ask(http, "hello sandbox:words=500 sandbox:gap=1", stream=stream, **field)
            last = chunks_of(answer)[-2] if stream else answer.json()
            assert last["choices"][0]["finish_reason"] == reason
    assert [turn["left"] for turn in turns(hub)] == [True] * 4


def test_a_refusal_is_an_answer(http: httpx.Client, hub: SandboxServer) -> None:
    """200 and `content_filter`, before any text or after it."""
    make_account()
    for scenario in ("disengaged", "disengaged-only", "apology", "apology-after"):
        choice = ask(http, f"hello sandbox:{scenario}").json()["choices"][0]
        assert choice["finish_reason"] == "content_filter"
        assert choice["message"]["content"]
        assert chunks_of(ask(http, f"hello sandbox:{scenario}", stream=True))[-2]["choices"][0]["finish_reason"] == (
            "content_filter"
        )


def test_dropped_history_is_said(http: httpx.Client, hub: SandboxServer) -> None:
    """In a header, whole or streamed."""
    make_account()
    past = [{"role": role, "content": "x" * 9000} for _ in range(4) for role in ("user", "assistant")]
    for stream in (False, True):
        answer = http.post(PATH, json={"model": "precise", "messages": [*past, *HELLO], "stream": stream})
        assert answer.status_code == 200
        assert int(answer.headers["x-bing-history-dropped"]) > 0


# --- streams ----------------------------------------------------------------------------------------------------------


def test_a_stream(http: httpx.Client, hub: SandboxServer) -> None:
    """One id, time and model throughout; role first, then text, the end, and the sign of a good end."""
    make_account()
    answer = ask(http, stream=True)
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["cache-control"] == "no-cache"
    assert "content-encoding" not in answer.headers
    *chunks, done = chunks_of(answer)
    assert done == "[DONE]"
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) == 1
    choices = [chunk["choices"][0] for chunk in chunks]
    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(choice["delta"].get("content", "") for choice in choices) == ANSWER
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert all("usage" not in chunk for chunk in chunks)


def test_a_stream_with_usage(http: httpx.Client, hub: SandboxServer) -> None:
    """A chunk without choices, only when asked for."""
    make_account()
    *chunks, last, _done = chunks_of(ask(http, stream=True, stream_options={"include_usage": True}))
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 20)
    assert all(chunk["usage"] is None and chunk["choices"] for chunk in chunks)


def test_text_goes_through_byte_for_byte(http: httpx.Client, hub: SandboxServer) -> None:
    """Right to left, combining, astral, line separators, quotes: what was sent comes back."""
    make_account()
    words = 'שלום e\u0301 👩‍👩‍👧 \u2028 \u0085 "quoted" \\ \x7f \ufeff مرحبا'
    for stream in (False, True):
        answer = ask(http, words, stream=stream)
        text = (
            content_of(answer)
            if not stream
            else "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks_of(answer)[:-1])
        )
        assert words in text


# --- failures ---------------------------------------------------------------------------------------------------------


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
    ({"messages": [{"role": "assistant", "content": "x"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "invalid_value"),
    ({"messages": [{"role": "user", "content": "\u0000"}]}, "messages", "invalid_value"),
    ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages", "invalid_value"),
    ({"model": 1}, "model", "invalid_value"),
    ({"stream": "yes"}, "stream", "invalid_value"),
    ({"temperature": 3}, "temperature", "invalid_value"),
    ({"n": 5}, "n", "invalid_value"),
    ({"n": 2, "stream": True}, "n", "unsupported_parameter"),
    ({"tool_choice": "required"}, "tool_choice", "unsupported_parameter"),
    ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
    ({"logprobs": True}, "logprobs", "unsupported_parameter"),
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


# --- conversations by name --------------------------------------------------------------------------------------------


def test_a_conversation_is_opened_and_named(http: httpx.Client, hub: SandboxServer) -> None:
    """One create, then turns of which only the last message is sent; the token is ours."""
    make_account()
    opened = http.post("/v1/create", json={"model": "creative"}).json()
    assert set(opened) == {"model", "client_id", "conversation_id", "sec_access_token"}
    assert opened["model"] == "creative"
    assert opened["conversation_id"] == opened["sec_access_token"]
    token = opened["conversation_id"]
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "never sent"},
        {"role": "assistant", "content": "never said"},
        {"role": "user", "content": "one"},
    ]
    first = http.post(PATH, json={"model": "creative", "messages": messages, "conversation_id": token})
    assert "That was turn 1." in content_of(first)
    assert "That was turn 2." in content_of(ask(http, "two", model="creative", conversation_id=token))
    assert [(turn["text"], turn["system"]) for turn in turns(hub)] == [("one", "Be kind."), ("two", None)]
    assert seen(hub)["creates"] == 1


def test_no_body_opens_the_default_model(http: httpx.Client, hub: SandboxServer) -> None:
    """As null does; a name that is on no list is 404, what is no name 400."""
    make_account()
    assert http.post("/create").json()["model"] == "precise"
    assert http.post("/create", json={"model": None}).json()["model"] == "precise"
    assert error_of(http.post("/create", json={"model": "gpt-4"}), 404)["code"] == "model_not_found"
    assert error_of(http.post("/create", json={"model": 7}), 400)["param"] == "model"


def test_a_conversation_is_its_owners_only(http: httpx.Client, hub: SandboxServer) -> None:
    """Another caller's token, a changed one and what is none are one and the same 404."""
    make_account()
    token = http.post("/create").json()["conversation_id"]
    theirs = {"X-API-Key": make_key()[1]}
    for headers, name in ((theirs, token), ({}, token[:-1] + ("a" if token[-1] != "a" else "b")), ({}, "x"), ({}, ".")):
        answer = ask(http, conversation_id=name, headers=headers)
        assert error_of(answer, 404) == {
            "message": "Conversation not found. Create a new one.",
            "type": "invalid_request_error",
            "param": None,
            "code": "not_found",
        }
    assert error_of(ask(http, conversation_id=7), 400)["param"] == "conversation_id"


def test_a_blank_last_message_is_not_sent_to_a_named_conversation(http: httpx.Client, hub: SandboxServer) -> None:
    """There nothing else of the request is sent."""
    make_account()
    token = http.post("/create").json()["conversation_id"]
    messages = [*HELLO, {"role": "user", "content": " "}]
    answer = http.post(PATH, json={"model": "precise", "messages": messages, "conversation_id": token})
    assert error_of(answer, 400)["param"] == "messages"
    assert turns(hub) == []


def test_what_bing_refuses_to_open_is_the_status(http: httpx.Client, hub: SandboxServer) -> None:
    """And nothing is kept of it."""
    make_account()
    play(hub, "create-404")
    answer = http.post("/create")
    assert error_of(answer, 503)["code"] == "upstream_overloaded"
    assert answer.headers["retry-after"]
    assert not Conversation.objects.exists()

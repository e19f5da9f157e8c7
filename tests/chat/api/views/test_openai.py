"""OpenAI's chat routes on the real server: statuses, headers and exact bodies, and bad input that costs nothing."""

from __future__ import annotations

import re

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from bingproject.sandbox.server import SandboxServer
from chat.models import Conversation
from chat.protocol.catalogue import MODELS
from tests.chat.api.views.asking import ANSWER, HELLO, PATH, ask, chunks_of, content_of, error_of, streamed_of
from tests.chat.turns import play, seen, turns
from tests.factories import make_account, make_key
from tests.rig.servers import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


# --- models -----------------------------------------------------------------------------------------------------------


def test_models_are_listed(http: httpx.Client) -> None:
    """Six of them, under each prefix, each as OpenAI's clients read it."""
    for prefix in ("", "/v1", "/api", "/api/v1"):
        body = http.get(f"{prefix}/models").json()
        assert body["object"] == "list"
        assert [card["id"] for card in body["data"]] == list(MODELS)[:6]
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
        "system_fingerprint": "bing-sydney",
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
            answer = ask(http, "hello sandbox:words=500 sandbox:gap=0.2", stream=stream, **field)
            last = chunks_of(answer)[-2] if stream else answer.json()
            assert last["choices"][0]["finish_reason"] == reason
    wait_for(lambda: [turn["left"] for turn in turns(hub)] == [True] * 4, "the sandbox sees that its clients left")


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


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("scenario", ["apology", "apology-after"])
def test_a_chat_goes_on_after_a_refusal(http: httpx.Client, hub: SandboxServer, scenario: str, stream: bool) -> None:
    """It is found by what its caller was shown, inline extras or not: one create, where Bing did not close it."""
    make_account()
    words = f"hello sandbox:{scenario}"
    first = ask(http, words, stream=stream, inline_extras=True)
    shown = streamed_of(first) if stream else content_of(first)
    past = [{"role": "user", "content": words}, {"role": "assistant", "content": shown}]
    answer = http.post(PATH, json={"model": "balanced", "messages": [*past, *HELLO], "stream": stream})
    assert answer.status_code == 200
    assert seen(hub)["creates"] == 1
    assert Conversation.objects.get().turn_count == 2


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
        assert words in (streamed_of(answer) if stream else content_of(answer))


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

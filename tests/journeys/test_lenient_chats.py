"""Requests as OpenAI's neighbours and their clients write them: roles in any order, old messages of any kind."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from chat.models import Conversation
from tests.factories import make_token_account
from tests.journeys.chats import PATH, Chats, text_of
from tests.journeys.living import said

USER, SYSTEM = {"role": "user", "content": "hi"}, {"role": "system", "content": "Stay in character."}


def asked(chats: Chats, *messages: dict[str, Any], **fields: Any) -> Any:
    """A request with these messages."""
    return chats.http.post(PATH, json={"model": "balanced", "messages": list(messages), **fields})


@pytest.mark.parametrize(
    ("messages", "question"),
    [
        ([USER, SYSTEM], "hi\n\nStay in character."),
        ([USER, SYSTEM | {"role": "developer"}], "hi\n\nStay in character."),
        ([SYSTEM], "Stay in character."),
        ([SYSTEM | {"role": "developer"}], "Stay in character."),
        ([SYSTEM, USER, {"role": "assistant", "content": ""}], "hi"),
        ([USER, {"role": "assistant", "content": "Once"}], "Go on with your last message"),
        ([USER, {"role": "assistant", "content": "x"}, SYSTEM], "Stay in character."),
    ],
)
def test_any_role_may_stand_last(chats: Chats, messages: list[dict[str, Any]], question: str) -> None:
    """An answer, as OpenAI gives one."""
    answer = asked(chats, *messages)
    assert answer.status_code == 200, answer.text
    assert chats.turns()[-1]["text"].startswith(question)


def test_a_chat_whose_tools_speak_as_the_system_stays_one(chats: Chats) -> None:
    """gptme: every result of a tool is a system message, and only that is sent."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": "Be kind."}, USER]
    for number in range(3):
        messages.append({"role": "assistant", "content": text_of(asked(chats, *messages))})
        messages.append({"role": "system", "content": f"result {number}"})
    assert asked(chats, *messages).status_code == 200
    assert [turn["text"] for turn in chats.turns()] == ["hi", "result 0", "result 1", "result 2"]
    assert Conversation.objects.get().create_count == 1


def test_a_system_message_last_over_one_text(living: Chats) -> None:
    """The same over a back end that has no place for a system prompt."""
    make_token_account("m365")
    answer = living.http.post(
        PATH, json={"model": "m365", "messages": [SYSTEM | {"content": "Be kind."}, USER, SYSTEM]}
    )
    assert answer.status_code == 200, answer.text
    (turn,) = said(living)
    assert turn["text"].endswith("hi\n\nStay in character.")


def test_log_probabilities_are_ignored_by_name(chats: Chats) -> None:
    """guidance always asks for them: null in the choice, and a header that says so."""
    answer = asked(chats, USER, logprobs=True, top_logprobs=3, modalities=["text", "image"], user=123)
    assert answer.headers["x-bing-ignored"] == "user, top_logprobs, logprobs, modalities"
    assert answer.json()["choices"][0]["logprobs"] is None


def test_a_file_in_an_old_message_stops_no_chat(chats: Chats) -> None:
    """It is told as a mark; the same part in the newest message is refused."""
    old = {"role": "user", "content": [{"type": "text", "text": "read this"}, {"type": "file", "file": {}}]}
    thinking = {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]}
    answer = asked(chats, old, thinking, USER)
    assert answer.status_code == 200, answer.text
    assert "read this\n[file]" in chats.turns()[0]["system"]
    refused = asked(chats, USER, {"role": "assistant", "content": "x"}, old)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "messages[2].content[1]")


def test_a_model_that_is_left_out(chats: Chats, settings: Settings) -> None:
    """CHAT_DEFAULT_MODEL, `precise` where that is not set; the answer names it."""
    for model in ("precise", "creative-offline"):
        settings.CHAT_DEFAULT_MODEL = model
        answer = chats.http.post(PATH, json={"messages": [USER]})
        assert (answer.status_code, answer.json()["model"]) == (200, model)
        assert chats.http.post("/v1/create", json={}).json()["model"] == model
    assert [turn["tone"] for turn in chats.turns()] == ["Precise", "Creative"]


def test_tools_are_refused_where_the_operator_wants_that(chats: Chats, settings: Settings) -> None:
    """CHAT_TOOLS=refuse; else they are ignored, and the header says so."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    for choice in ("auto", {"type": "auto"}, {"type": "none"}):
        answer = asked(chats, USER, tools=tools, tool_choice=choice)
        assert (answer.status_code, answer.headers["x-bing-ignored"]) == (200, "tools, tool_choice")
    settings.CHAT_TOOLS = "refuse"
    refused = asked(chats, USER, tools=tools)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unsupported_parameter")
    assert refused.json()["error"]["param"] == "tools"
    assert asked(chats, USER).status_code == 200


def test_an_unknown_path_says_where_chat_is(chats: Chats) -> None:
    """Clients show this sentence and nothing else."""
    for path in ("/v1/responses", "/v1/messages", "/v1/embeddings"):
        answer = chats.http.post(path, json={"model": "balanced", "input": "hi"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
        assert answer.json()["error"]["message"].startswith("Not found. Chat is at POST /v1/chat/completions")

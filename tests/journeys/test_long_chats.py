"""Too many words: new ones are sent or refused with figures, never dropped; the first words of a history stay."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pytest_django import Settings

from chat.models import Conversation, Turn
from tests.chat.turns import turns
from tests.factories import make_account, make_token_account, make_user, set_capability
from tests.journeys.chats import PATH, Chats
from tests.journeys.living import said

LIMITS = {"bing": 32_000, "copilot": 10_240, "m365": 32_000}
# A style for Bing; the others have models of their own.
MODELS = {"bing": "balanced", "copilot": "copilot", "m365": "m365"}
everywhere = pytest.mark.parametrize("back_end", LIMITS)


@pytest.fixture
def over(living: Chats, back_end: str) -> Chats:
    """The server with one account, of this back end."""
    if back_end == "bing":
        make_account("alice")
    else:
        set_capability(make_token_account(back_end), back_end, per_minute=None)
    return living


def user(text: str) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    """An answer."""
    return {"role": "assistant", "content": text}


def asked(chats: Chats, back_end: str, *messages: dict[str, Any], **fields: Any) -> httpx.Response:
    """A request with these messages."""
    return chats.http.post(PATH, json={"model": MODELS[back_end], "messages": list(messages), **fields})


def heard(chats: Chats, back_end: str) -> list[str]:
    """All that the back end was told, turn by turn: what stands before the question, and the question."""
    if back_end != "bing":
        return [turn["text"] for turn in said(chats)]
    return [(turn["system"] or "") + turn["text"] for turn in turns(chats.hub)]


def check_too_long(answer: httpx.Response, limit: int, size: int | None = None) -> None:
    """A 400 in the words that clients look for, with both figures."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "context_length_exceeded")
    assert f"this model's maximum context length is {limit} characters" in error["message"]
    if size is not None:
        assert f"{size} characters" in error["message"].rpartition("turn, ")[2]


@everywhere
@pytest.mark.parametrize("stream", [False, True])
def test_a_question_behind_a_long_system_prompt(over: Chats, back_end: str, stream: bool) -> None:
    """OpenClaw's first request: the question stands before another new message, and does not go in its stead."""
    limit = LIMITS[back_end]
    messages = [
        {"role": "system", "content": "s" * (limit - 500)},
        user("THE QUESTION " + "q" * 1500),
        user("environment context"),
    ]
    answer = asked(over, back_end, *messages, stream=stream)
    if back_end != "bing":
        check_too_long(answer, limit)
        assert heard(over, back_end) == []
        return
    assert answer.status_code == 200, answer.text
    assert "x-bing-history-dropped" not in answer.headers
    (text,) = heard(over, back_end)
    assert "THE QUESTION " + "q" * 1500 + "\n\nenvironment context" in text


@everywhere
def test_parallel_results_of_tools(over: Chats, back_end: str) -> None:
    """All go out, or the answer is 400 with what they come to."""
    limit = LIMITS[back_end]
    calls = [{"id": f"c{n}", "type": "function", "function": {"name": "read", "arguments": "{}"}} for n in range(8)]
    task, call = user("the task"), {"role": "assistant", "content": None, "tool_calls": calls}
    for size in (limit // 12, limit // 5):
        results = [
            {"role": "tool", "tool_call_id": f"c{n}", "content": f"result {n} ".ljust(size, "x")} for n in range(8)
        ]
        answer = asked(over, back_end, task, call, *results)
        if size == limit // 12:
            assert answer.status_code == 200, answer.text
            text = heard(over, back_end)[-1]
            assert all(f"result {n} " in text for n in range(8))
            assert "the task" in text
        else:
            label = "Result of the tool read:\n"
            check_too_long(answer, limit, 8 * (size + len(label)) + 7 * 2)
    assert len(heard(over, back_end)) == 1


@everywhere
def test_an_agents_task_stays(over: Chats, back_end: str) -> None:
    """Of ten results of tools the oldest go, and the header says so; the first words never."""
    size = LIMITS[back_end] // 6
    messages = [user("THE TASK")]
    for number in range(10):
        messages += [assistant(f"step {number}"), {"role": "tool", "content": f"result {number} ".ljust(size, "x")}]
    answer = asked(over, back_end, *messages)
    assert int(answer.headers["x-bing-history-dropped"]) > 0
    (text,) = heard(over, back_end)
    assert "THE TASK" in text
    assert "result 0 " not in text
    assert "result 9 " in text


@everywhere
def test_files_in_the_first_message(over: Chats, back_end: str) -> None:
    """aider's files: when they do not fit they are not left out, they are refused."""
    limit = LIMITS[back_end]
    answer = asked(over, back_end, user("f" * 2 * limit), assistant("Ok."), user("question"))
    check_too_long(answer, limit)
    assert "first user message" in answer.json()["error"]["message"]
    assert heard(over, back_end) == []


@everywhere
@pytest.mark.parametrize("stream", [False, True])
def test_a_history_may_be_refused_instead(over: Chats, back_end: str, stream: bool, settings: Settings) -> None:
    """CHAT_OVERFLOW=refuse: what the operator asked for, before anything is spent."""
    settings.CHAT_OVERFLOW = "refuse"
    size = LIMITS[back_end] // 4
    past = [each for n in range(5) for each in (user(f"q{n} ".ljust(size, "x")), assistant("ok"))]
    check_too_long(asked(over, back_end, *past, user("newest"), stream=stream), LIMITS[back_end])
    assert (heard(over, back_end), Turn.objects.count(), Conversation.objects.count()) == ([], 0, 0)
    assert asked(over, back_end, *past[-2:], user("newest"), stream=stream).status_code == 200


@everywhere
def test_several_new_messages_in_a_named_conversation(over: Chats, back_end: str) -> None:
    """All that is new goes there, not the last message alone."""
    opened = over.http.post("/v1/create", json={"model": MODELS[back_end]}).json()
    name = {"conversation_id": opened["conversation_id"]}
    answer = asked(over, back_end, user("THE QUESTION"), user("environment context"), **name)
    assert answer.status_code == 200, answer.text
    assert "THE QUESTION\n\nenvironment context" in heard(over, back_end)[0]
    limit = LIMITS[back_end]
    check_too_long(asked(over, back_end, user("q" * limit), user("more"), **name), limit, limit + 6)


@everywhere
@pytest.mark.parametrize("overflow", ["drop", "refuse"])
def test_two_calls_that_are_told_again(over: Chats, back_end: str, overflow: str, settings: Settings) -> None:
    """When the upstream end is gone: the first words stay and the header says what was lost, or it is refused."""
    settings.CHAT_OVERFLOW = overflow
    make_user("u1")
    opened = over.http.post("/create_conversation", json={"userId": "u1"}).json()
    size = LIMITS[back_end] // 5
    for number in range(6):
        answer = over.http.post("/chatgpt", json=opened | {"prompt": f"question {number} ".ljust(size, "x")})
        assert answer.status_code == 200, answer.text
    Conversation.objects.update(encrypted_credentials="", account=None)
    answer = over.http.post("/chatgpt", json=opened | {"prompt": "newest"})
    if overflow == "refuse":
        check_too_long(answer, LIMITS[back_end])
        return
    assert int(answer.headers["x-bing-history-dropped"]) > 0
    text = heard(over, back_end)[-1]
    assert "question 0 " in text
    assert "question 1 " not in text
    assert "question 5 " in text


def test_what_is_too_long_for_one_goes_to_another(living: Chats) -> None:
    """A first message that only Microsoft 365 has room for is not refused by Copilot's limit."""
    for kind in ("copilot", "m365"):
        set_capability(make_token_account(kind, f"{kind}-account"), kind, per_minute=None)
    messages = [user("f" * 20_000), assistant("Ok."), user("question")]
    answer = living.http.post(PATH, json={"model": "precise", "messages": messages})
    assert (answer.status_code, answer.headers["x-bing-served-by"]) == (200, "m365")

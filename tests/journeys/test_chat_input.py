"""What callers write, there and back: any script byte-exact, bodies up to their limit, and what costs nothing."""

from __future__ import annotations

import base64
import gc
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from chat.models import Conversation, Turn
from chat.protocol.events import PromptImage
from tests.journeys.chats import PATH, Chats, question, text_of
from tests.journeys.test_bad_input import PROMPTS

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
# Each is said of the field that stands before it.
BAD: list[tuple[str, dict[str, Any]]] = [
    ("model", {"model": ["balanced"]}),
    ("messages", {"messages": {}}),
    ("messages[0]", {"messages": ["hello"]}),
    ("messages[0].content", {"messages": [{"role": "user"}]}),
    ("messages[0].content[0].text", {"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
    ("messages[0].content[0].type", {"messages": [{"role": "user", "content": [{"type": "poem"}]}]}),
    ("messages[0].content[0]", {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
    ("messages[0].content[0]", {"messages": [{"role": "user", "content": [{"type": "file"}]}]}),
    ("messages[0].name", {"messages": [{"role": "user", "content": "x", "name": 1}]}),
    ("stream_options", {"stream_options": True}),
    ("stop", {"stop": [""]}),
    ("max_tokens", {"max_tokens": 0}),
    ("temperature", {"temperature": True}),
    ("logit_bias", {"logit_bias": {"1": 101}}),
    ("tools", {"tools": ["weather"]}),
    ("modalities", {"modalities": ["text", "audio"]}),
    ("audio", {"audio": {"voice": "x"}}),
    ("function_call", {"function_call": {"name": "f"}}),
    ("tool_choice", {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
    ("inline_extras", {"inline_extras": "yes"}),
]


def streamed(chats: Chats, words: str) -> str:
    """The text of a stream's chunks."""
    lines = [line.removeprefix("data: ") for line in chats.ask(words, stream=True).text.split("\n") if line]
    assert lines[-1] == "[DONE]"
    return "".join(json.loads(line)["choices"][0]["delta"].get("content") or "" for line in lines[:-1])


@pytest.mark.parametrize("stream", [False, True])
def test_a_picture_is_forgotten_once_it_is_answered(chats: Chats, stream: bool) -> None:
    """By reference counts alone: a full run of the garbage collector may be hundreds of pictures away."""
    address = "data:image/png;base64," + base64.b64encode(b"\x89PNG" + bytes(2 * MIB)).decode()
    content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": address}}]
    body = {"model": "balanced", "messages": [{"role": "user", "content": content}], "stream": stream}
    gc.collect()
    gc.disable()
    try:
        assert chats.http.post(PATH, json=body).status_code == 200
        # Small ones are constants of other tests.
        chats.wait_until(
            lambda: not any(type(found) is PromptImage and len(found.content) > MIB for found in gc.get_objects())
        )
    finally:
        gc.enable()


def test_words_come_through_byte_exact(chats: Chats, subtests: pytest.Subtests) -> None:
    """Every script, right to left, combining, quotes and markup: Bing got what was written, and it came back."""
    with ThreadPoolExecutor(4) as pool:
        whole = list(pool.map(lambda words: text_of(chats.ask(words)), PROMPTS))
        pieces = list(pool.map(lambda words: streamed(chats, words), PROMPTS))
    got = [turn["text"] for turn in chats.turns()]
    for words, first, second in zip(PROMPTS, whole, pieces, strict=True):
        with subtests.test(words[:20]):
            assert got.count(words) == 2
            assert f"“{words}”" in first
            assert first == second
            assert set(Turn.objects.filter(prompt=words).values_list("answer", flat=True)) == {first}


def test_a_history_in_any_script_is_recognised(chats: Chats) -> None:
    """The second turn of each goes over its own conversation."""
    for words in PROMPTS:
        said = [{"role": "user", "content": words}, {"role": "assistant", "content": text_of(chats.ask(words))}]
        chats.ask("and?", said)
    assert chats.counts()["creates"] == Conversation.objects.count() == len(PROMPTS)


def test_a_body_of_eight_mebibytes(chats: Chats) -> None:
    """A picture that fills it reaches Bing; one byte more than the limit is 413, and nothing is sent."""
    picture = "data:image/png;base64," + base64.b64encode(b"\x89PNG" + bytes(6 * MIB - 1024)).decode()
    parts = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": picture}}]
    body: dict[str, Any] = {"model": "balanced", "messages": [{"role": "user", "content": parts}], "user": ""}
    room = 8 * MIB - len(json.dumps(body))
    full = json.dumps(body | {"user": "u" * room})
    assert len(full) == 8 * MIB
    assert "what is this?" in text_of(chats.http.post(PATH, content=full, headers=JSON))
    over = chats.http.post(PATH, content=json.dumps(body | {"user": "u" * (room + 1)}), headers=JSON)
    assert (over.status_code, over.json()["error"]["code"]) == (413, "too_large")
    assert (chats.counts()["uploads"], chats.counts()["creates"]) == (1, 1)


@pytest.mark.parametrize(("param", "change"), BAD, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("stream", [False, True])
def test_a_fault_is_named_and_costs_nothing(chats: Chats, param: str, change: dict[str, Any], stream: bool) -> None:
    """400 as a status also where a stream was asked for; no call to Bing, no row."""
    answer = chats.http.post(PATH, json=question("hello", stream=stream) | change)
    check_refused(answer, param)
    assert (chats.counts()["creates"], Conversation.objects.count(), Turn.objects.count()) == (0, 0, 0)


def test_an_unknown_field_is_ignored_and_costs_nothing_more(chats: Chats) -> None:
    """One create, one turn, and no word of it."""
    answer = chats.ask("hello", unheard_of={"a": [1]}, num_ctx=4096)
    assert "“hello”" in text_of(answer)
    assert "x-bing-ignored" not in answer.headers
    assert (chats.counts()["creates"], len(chats.turns())) == (1, 1)


def check_refused(answer: httpx.Response, param: str) -> None:
    """A 400 in the one shape, that no client repeats."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["code"] in ("invalid_value", "unsupported_parameter")
    assert answer.headers["x-should-retry"] == "false"

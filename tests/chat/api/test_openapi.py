"""The chat's part of the API's description: every route and status, and bodies that are read as they are described."""

from __future__ import annotations

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # comes without types

from bingproject.errors import ServiceError
from chat.api.openapi import COMPLETION_BODY
from chat.openai_format import parse_request
from chat.openai_format.requests import IGNORED

ROUTES = {
    ("/v1/chat/completions", "post"), ("/v1/models", "get"), ("/v1/models/{model_id}", "get"), ("/v1/create", "post"),
    ("/chatgpt", "post"), ("/create_conversation", "post"),
}  # fmt: skip
HELLO = [{"role": "user", "content": "hello"}]
PICTURE = "data:image/png;base64,iVBORw0KGg=="


def parts(text: str = "", **urls: str) -> dict[str, Any]:
    """A message of parts: a text if any, and pictures by their addresses."""
    content = [{"type": "text", "text": text}] if text else []
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls.values()]
    return {"messages": [{"role": "user", "content": [*content, *images]}]}


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    """The whole of it."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


def test_every_route_is_described_once(description: dict[str, Any]) -> None:
    """The other prefixes are left out."""
    paths = {(path, method) for path, item in description["paths"].items() for method in item}
    assert paths >= ROUTES
    assert len([path for path, _ in paths if path.endswith("/chat/completions")]) == 1


def test_every_answer_is_described(description: dict[str, Any]) -> None:
    """Each error has the one shape; a completion comes as JSON or as a stream."""
    expected = {200, 400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 502, 503, 504}
    for path in ("/v1/chat/completions", "/chatgpt"):
        answers = description["paths"][path]["post"]["responses"]
        assert {int(status) for status in answers} == expected
        for status in expected - {200}:
            assert answers[str(status)]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorBody")
    completion = description["paths"]["/v1/chat/completions"]["post"]["responses"]["200"]
    assert set(completion["content"]) == {"application/json", "text/event-stream"}
    assert "`blocked`" in description["paths"]["/chatgpt"]["post"]["responses"]["422"]["description"]


def test_forms_are_described_where_they_are_read(description: dict[str, Any]) -> None:
    """On the two-call routes only."""
    for path, method in ROUTES:
        body = description["paths"][path][method].get("requestBody")
        if body:
            has_form = "application/x-www-form-urlencoded" in body["content"]
            assert has_form == (path in ("/chatgpt", "/create_conversation"))


def test_every_ignored_field_is_described() -> None:
    """A field that gets an effect has to be taken off both lists."""
    assert set(IGNORED) <= set(COMPLETION_BODY["properties"])


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"temperature": 2, "top_p": None, "seed": 7, "tools": [{}], "tool_choice": "auto"},
        {"temperature": 2.1},
        {"temperature": -1},
        {"logit_bias": []},
        {"user": 123},
        {"max_tokens": -1},
        {"max_tokens": 100.0},
        {"max_tokens": -2},
        {"response_format": {}},
        {"modalities": ["text", "image"]},
        {"tool_choice": {"type": "auto"}},
        {"tool_choice": {"type": "tool"}},
        {"model": None},
        {"messages": [{"role": "system", "content": "x"}]},
        {"messages": [*HELLO, {"role": "assistant", "content": "x"}]},
        {"top_logprobs": 21},
        {"seed": 1.5},
        {"tools": ["weather"]},
        {"logit_bias": {"7": -100}},
        {"logit_bias": {"7": 101}},
        {"messages": [{"role": "user", "content": "hi", "name": 1}]},
        {"n": 0},
        {"n": 5},
        {"stop": ["a", "b", "c", "d", "e"]},
        {"stop": ""},
        {"stream": "yes"},
        {"response_format": {"type": "json_object"}},
        {"logprobs": True},
        {"modalities": ["audio"]},
        {"messages": []},
        parts(),
        parts("hi"),
        parts("", image="https://x/y"),
        parts("", image="ftp://x/y"),
        parts("", image=PICTURE),
        parts("what is it?", image=PICTURE),
        parts("and these?", image=PICTURE, more=PICTURE.replace("png", "jpeg")),
        parts("what is it?", image="https://x/y", more=PICTURE),
        parts("what is it?", image=PICTURE[:-1]),
        parts("what is it?", image=PICTURE + "!"),
        parts("what is it?", image="data:image/png;base64,"),
        parts("what is it?", image="data:text/plain;base64,eA=="),
        {"messages": [{"role": "king", "content": "x"}]},
        {"messages": [{"role": "user", "content": " "}]},
        {"model": ""},
        {"model": " "},
        {"model": "m365-gpt-5-2-quick"},
        {"model": "Creative"},
        {"conversation_id": " "},
    ],
)
def test_bodies_are_read_as_they_are_described(change: dict[str, Any]) -> None:
    """What fits the description is taken, what does not is refused."""
    body = {"model": "precise", "messages": HELLO} | change
    try:
        parse_request(body)
        is_taken = True
    except ServiceError:
        is_taken = False
    assert Draft202012Validator(COMPLETION_BODY).is_valid(body) is is_taken

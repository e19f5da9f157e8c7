"""Questions to the real server in tests of its views, and what their answers hold."""

from __future__ import annotations

import json
from typing import Any

import httpx

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


def streamed_of(answer: httpx.Response) -> str:
    """The text of a stream that ended well."""
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks_of(answer)[:-1])

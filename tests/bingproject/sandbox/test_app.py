"""The ASGI way in."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from bingproject.sandbox.app import create_app
from bingproject.sandbox.images.site import LARGEST_SUBMIT
from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.conftest import Visit


def scope(method: str, path: str, query: bytes = b"") -> dict[str, Any]:
    """A request as a server without the open line hands it over."""
    headers = [(b"cookie", b"_U=alice")]
    return {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers}


async def call(path: str, query: bytes = b"", messages: tuple[dict[str, Any], ...] = ()) -> list[Any]:
    """Call a fresh application once and return what it sent."""
    left, sent = list(messages), []

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await create_app(image_seconds=0)(scope("POST", path, query), receive, send)
    return sent


def test_every_answer_says_that_it_is_a_sandbox(visit: Visit, server: SandboxServer) -> None:
    """Home, 404, control and refusals all carry the header; an unknown path is a violation."""
    alice = visit()
    answers = [alice.http.get("/images/create"), alice.http.get("/nowhere"), alice.submit("a", mdl="9")]
    answers.append(httpx.get(f"{server.url}/_sandbox/state"))
    assert [answer.headers["x-sandbox"] for answer in answers] == ["1"] * 4
    assert [one["kind"] for one in server.state.violations] == ["path", "submit"]


def test_head_works_where_get_does(visit: Visit) -> None:
    """The headers without a body."""
    answer = visit().http.head("/images/create")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_prompt_of_any_script_comes_back_as_it_was(visit: Visit) -> None:
    """Emoji and right-to-left text stand in Location and page byte for byte."""
    prompt = "قطة 🐈 naïve + 100 % & <b>"
    alice = visit()
    answer = alice.submit(prompt)
    location = httpx.URL(answer.headers["location"])
    assert location.params["q"] == prompt
    assert "قطة 🐈 naïve + 100 % &amp; &lt;b&gt;" in alice.poll(location.params["id"], q=prompt).text


async def test_the_latency_of_a_submit_lies_around_its_decision() -> None:
    """With a latency set, the generation exists before the answer does."""
    app = create_app(submit_seconds=0.4)
    query = b"q=a&FORM=GENCRE&rt=4&mdl=0&ar=1"

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    running = asyncio.create_task(app(scope("POST", "/images/create", query), receive, send))
    while not app.state.generations:  # noqa: ASYNC110 - the sandbox has no event to wait for
        await asyncio.sleep(0.01)
    assert sent == []
    await running
    assert sent[0]["status"] == 302


async def test_a_body_is_read_to_a_bound() -> None:
    """Pieces are put together; one that never ends is given up."""
    form = ({"type": "http.request", "body": b"q=", "more_body": True}, {"type": "http.request", "body": b"b"})
    sent = await call("/images/create", b"q=a&FORM=GENCRE&rt=4&mdl=0&ar=1", form)
    assert b"q differs" in sent[1]["body"]
    piece = {"type": "http.request", "body": b"x" * (LARGEST_SUBMIT + 1), "more_body": True}
    assert (await call("/images/create", b"", (piece, piece)))[0]["status"] == 400


async def test_a_cut_without_an_open_line_is_a_broken_answer() -> None:
    """Under another server the answer is begun and not ended."""
    sent = await call("/images/create", b"q=sandbox:cut-body&FORM=GENCRE&rt=4&mdl=0&ar=1")
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["more_body"]


async def test_a_stall_ends_with_the_caller() -> None:
    """Nothing is sent, and the task ends when the caller is gone."""
    assert await call("/images/create", b"q=sandbox:stall&FORM=GENCRE&rt=4&mdl=0&ar=1") == []


async def test_a_socket_elsewhere_is_closed() -> None:
    """Where no chat is, a handshake is refused and counted."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    app = create_app()
    await app({"type": "websocket", "path": "/elsewhere"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1000}]
    assert app.state.counts.violations == 1


def test_options_have_names() -> None:
    """An application can be made with any of them; a wrong one is a ValueError."""
    assert create_app(boosts=3).state.options.boosts == 3
    with pytest.raises(ValueError):
        create_app(boots=3)

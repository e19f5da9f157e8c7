"""The consumer's socket over a real port: the order, and what a client must not do."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bingproject.sandbox.providers import DEFAULTS
from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.chat.chatters import blamed, wait_for
from tests.bingproject.sandbox.chat.relatives import PRELUDE, CopilotClient, hear
from tests.bingproject.sandbox.conftest import NewCopilot


@pytest.fixture
def client(server: SandboxServer, copilot: NewCopilot) -> CopilotClient:
    """A client with a conversation."""
    found = copilot()
    found.open()
    return found


def test_the_order_of_life(client: CopilotClient) -> None:
    """connected, then options, consents and one question."""
    with client.connect() as socket:
        assert json.loads(socket.recv())["event"] == "connected"
        for one in (*PRELUDE, client.question("hi")):
            socket.send(json.dumps(one))
        assert hear(socket).kinds[-1] == "suggestedFollowups"
    assert not blamed(client.server)


@pytest.mark.parametrize(
    ("sent", "blame"),
    [
        (["send"], "copilot-order"),
        (["setOptions", "send"], "copilot-order"),
        (["reportLocalConsents"], "copilot-order"),
        (["setOptions", "setOptions"], "copilot-order"),
        (["setOptions", "reportLocalConsents", "send", "send"], "copilot-second-send"),
        (["setOptions", "reportLocalConsents", "send", "challengeResponse"], "copilot-challenge-response"),
        (["sandCastle"], "copilot-event"),
    ],
)
def test_what_comes_out_of_turn(client: CopilotClient, sent: list[str], blame: str) -> None:
    """Is written down; what stands in the wrong place is answered by invalid-event."""
    known = {one["event"]: one for one in PRELUDE} | {"send": client.question("hi sandbox:silent-after")}
    with client.connect() as socket:
        for name in sent:
            socket.send(json.dumps(known.get(name, {"event": name})))
        wait_for(lambda: blame in blamed(client.server))
        errors = hear(socket, 0.2).of("error")
    assert bool(errors) is blame.endswith(("order", "second-send"))


def test_frames_that_are_no_events(client: CopilotClient) -> None:
    """A separator at the end, bytes, or a list."""
    with client.connect() as socket:
        socket.send(json.dumps(PRELUDE[0]) + "\x1e")
        socket.send("[]")
        wait_for(lambda: blamed(client.server).count("copilot-event") == 2)


def test_pings_come_back(client: CopilotClient) -> None:
    """As pong, with a fractional id."""
    with client.connect() as socket:
        socket.recv()
        socket.send(json.dumps({"event": "ping"}))
        assert json.loads(socket.recv())["event"] == "pong"


def test_a_socket_that_is_kept(client: CopilotClient) -> None:
    """Is closed, and written down, some time after the end."""
    client.server.state.options = replace(DEFAULTS, chat_leave_seconds=0.1)
    with client.connect() as socket:
        for one in (*PRELUDE, client.question("hi")):
            socket.send(json.dumps(one))
        wait_for(lambda: blamed(client.server) == ["copilot-socket-kept"])


def test_a_stop_is_no_leaving(client: CopilotClient) -> None:
    """Who says stop and goes has not left early."""
    with client.connect() as socket:
        for one in (*PRELUDE, client.question("hi sandbox:silent-after")):
            socket.send(json.dumps(one))
        hear(socket, 0.2)
        socket.send(json.dumps({"event": "stop", "conversationId": client.conversation_id}))
    wait_for(lambda: client.server.state.chats["copilot"].sockets.open == 0)
    assert [turn.left for turn in client.server.state.chats["copilot"].turns] == [False]

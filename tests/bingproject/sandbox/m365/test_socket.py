"""Microsoft 365's socket: the question and its twin, and pings that have to come back."""

from __future__ import annotations

import json

import pytest

from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.chat.chatters import HANDSHAKE, SEPARATOR, Heard, blamed, listen, wait_for
from tests.bingproject.sandbox.chat.relatives import METRICS
from tests.bingproject.sandbox.conftest import NewM365

PING = '{"type":6}' + SEPARATOR


def test_a_question_without_its_twin_is_dropped(server: SandboxServer, m365: NewM365) -> None:
    """By a bare type 3, as in life; one in a message of its own is too late."""
    alice = m365()
    assert alice.ask("hi", with_metrics=False).types == [3]
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.recv()
        socket.send(json.dumps(alice.question("hi", isStartOfSession=False)) + SEPARATOR)
        socket.send(json.dumps(METRICS) + SEPARATOR)
        assert listen(socket, Heard([]), 1).types == [3]
    wait_for(lambda: "m365-record" in blamed(server))


@pytest.mark.slow
def test_a_ping_comes_back_or_the_line_is_cut(server: SandboxServer, m365: NewM365) -> None:
    """Whoever echoes gets the answer."""
    alice = m365()
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.recv()
        question = alice.question("hi sandbox:echo-pings")
        socket.send(json.dumps(question) + SEPARATOR + json.dumps(METRICS) + SEPARATOR)
        while PING not in str(socket.recv()):
            pass
        socket.send(PING)
        assert listen(socket, Heard([]), 1).types[-1] == 3
    alice.turns = 1
    assert alice.ask("hi sandbox:echo-pings", seconds=4).code == 1006
    assert "m365-echo" in blamed(server)


def test_two_questions(server: SandboxServer, m365: NewM365) -> None:
    """In one message, or on one socket: the second is a violation."""
    alice = m365()
    record = json.dumps(alice.question("hi sandbox:silent")) + SEPARATOR
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.recv()
        socket.send(record + json.dumps(METRICS) + SEPARATOR)
        socket.send(record + json.dumps(METRICS) + SEPARATOR)
        wait_for(lambda: "m365-second-turn" in blamed(server))


def test_an_id_may_be_any_text(server: SandboxServer, m365: NewM365) -> None:
    """The call is completed by it, or cancelled."""
    alice = m365()
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.recv()
        question = alice.question("sandbox:words=2000 sandbox:gap=0.05") | {"invocationId": "a-b"}
        socket.send(json.dumps(question) + SEPARATOR + json.dumps(METRICS) + SEPARATOR)
        heard = Heard([str(socket.recv(timeout=2)) for _ in range(2)])
        socket.send(json.dumps({"type": 5, "invocationId": "a-b"}) + SEPARATOR)
        listen(socket, heard, 2)
    assert heard.records[-1] == {"type": 3, "invocationId": "a-b"}
    wait_for(lambda: server.state.chats["m365"].sockets.open == 0)
    assert [turn.outcome for turn in server.state.chats["m365"].turns] == ["cancelled"]
    assert blamed(server) == []


def test_a_client_says_stop(server: SandboxServer, m365: NewM365) -> None:
    """The answer ends and is forgotten, the stop is acknowledged, and the turn counts; after the end it is ignored."""
    alice = m365()
    stop = json.dumps({"type": 1, "target": "stop", "invocationId": "1", "arguments": [{}]}) + SEPARATOR
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.recv()
        question = json.dumps(alice.question("sandbox:words=2000 sandbox:gap=0.05")) + SEPARATOR
        socket.send(question + json.dumps(METRICS) + SEPARATOR)
        heard = Heard([str(socket.recv(timeout=2)) for _ in range(2)])
        socket.send(stop)
        listen(socket, heard, 2)
        socket.send(stop)
    assert heard.records[-1] == {"type": 3, "invocationId": "1"}
    wait_for(lambda: server.state.chats["m365"].sockets.open == 0)
    (turn,) = server.state.chats["m365"].turns
    (conversation,) = server.state.chats["m365"].conversations.values()
    assert (turn.outcome, turn.left, conversation.turns) == ("stopped", True, 1)
    assert [author for author, _text in conversation.said] == ["user"]
    assert blamed(server) == []

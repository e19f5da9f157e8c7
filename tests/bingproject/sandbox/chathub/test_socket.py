"""Sockets over a real port: strictness, broken lines, fragments, and who leaves whom."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from bingproject.sandbox.app import create_app
from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.chat.chatters import (
    HANDSHAKE,
    SEPARATOR,
    Chatter,
    Heard,
    blamed,
    invocation,
    listen,
    wait_for,
)
from tests.bingproject.sandbox.conftest import Talk


def rule(server: SandboxServer, scenario: str) -> None:
    """Set a rule for the next time."""
    httpx.post(f"{server.url}/_sandbox/scenario", json={"scenario": scenario, "next": 1}).raise_for_status()


def record(chatter: Chatter, text: str) -> str:
    """A type-4 record as text."""
    return json.dumps(chatter.invocation(text)) + SEPARATOR


@pytest.mark.parametrize(
    ("scenario", "code", "texts"),
    [("cut-before", 1006, 0), ("cut-after", 1006, 6), ("close-before", 1000, 0), ("close-after", 1000, 6),
     ("fail-before", 1011, 0), ("fail-after", 1011, 6), ("type7-after", 1000, 6)],
)  # fmt: skip
def test_a_socket_breaks_as_asked(server: SandboxServer, talk: Talk, scenario: str, code: int, texts: int) -> None:
    """The close code arrives after what was said; nobody counts as having left; the socket is gone."""
    heard = talk().ask(f"sandbox:{scenario}")
    assert (heard.code, len(heard.texts)) == (code, texts)
    wait_for(lambda: server.state.chats["chat"].sockets.open == 0)
    chat = server.state.chats["chat"]
    assert (chat.outcomes, chat.sockets.left) == ({scenario: 1}, 0)
    assert blamed(server) == []


@pytest.mark.parametrize("knob", ["split-utf8", "split-records", "many-records", "one-char", "several"])
def test_chunks_arrive_whole(server: SandboxServer, talk: Talk, knob: str) -> None:
    """However it is cut, the answer is the same."""
    text = f"Größe 🙂 “x” sandbox:{knob}"
    assert talk().ask(text).answer.startswith(f"You wrote: “{text}”")
    assert blamed(server) == []


def test_a_big_final_record_arrives(talk: Talk) -> None:
    """Five megabytes in one record."""
    heard = talk().ask("sandbox:big", seconds=10)
    assert max(map(len, heard.frames)) > 5 << 20
    assert heard.answer.startswith("You wrote")


def test_fragments_are_real(talk: Talk) -> None:
    """A message comes in several frames, one of which ends within a character."""
    alice = talk()
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.recv()
        socket.send(record(alice, "Größe sandbox:split-utf8"))
        parts: list[bytes] = []
        while b'"type":3' not in b"".join(parts):
            parts += socket.recv_streaming(decode=False)
    assert b"".join(parts).decode()
    assert any(_is_half(part) for part in parts)


def _is_half(part: bytes) -> bool:
    try:
        part.decode()
    except UnicodeDecodeError:
        return True
    return False


def test_who_leaves_is_counted(server: SandboxServer, talk: Talk) -> None:
    """In the middle of an answer, or of silence: the turn ends, nothing is in flight, and that is no violation."""
    alice = talk()
    for text in ("sandbox:words=100 sandbox:gap=1", "sandbox:silent", "sandbox:pings-only", "sandbox:delay=99"):
        with alice.connect() as socket:
            socket.send(HANDSHAKE)
            socket.send(record(alice, text))
            alice.turns += 1
            socket.recv()
            wait_for(lambda: server.state.chats["chat"].in_flight["alice"] == 1)
        wait_for(lambda: server.state.chats["chat"].in_flight["alice"] == 0)
    chat = server.state.chats["chat"]
    assert (chat.sockets.left, chat.sockets.open, [turn.left for turn in chat.turns]) == (4, 0, [True] * 4)
    assert chat.turns[0].ended_at is None
    assert (chat.turns[0].closed_at or 0) > chat.turns[0].started_at
    assert blamed(server) == []


def test_a_client_that_stops_at_type_2_has_not_left(server: SandboxServer, talk: Talk) -> None:
    """When type 3 is late or missing, type 2 was the end."""
    alice = talk()
    for knob in ("late-type3=9", "no-type3"):
        with alice.connect() as socket:
            socket.send(HANDSHAKE)
            socket.send(record(alice, f"sandbox:{knob}"))
            alice.turns += 1
            while '"type":2' not in str(socket.recv()):
                pass
        wait_for(lambda: server.state.chats["chat"].sockets.open == 0)
    assert [turn.left for turn in server.state.chats["chat"].turns] == [False, False]


def test_pings_come_for_a_while(server: SandboxServer, talk: Talk) -> None:
    """Before the first record; the client's own are counted."""
    alice = talk()
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.send(record(alice, "sandbox:pings=0.3") + '{"type":6}' + SEPARATOR)
        heard = listen(socket, Heard(), 2)
    assert "".join(heard.frames).count('{"type":6}') == 3
    assert heard.answer
    assert server.state.chats["chat"].turns[0].pings == 1
    assert blamed(server) == []


def test_a_socket_kept_open_is_closed_and_blamed(server: SandboxServer, talk: Talk) -> None:
    """The client has so long after the end, then the sandbox closes and counts it."""
    httpx.post(f"{server.url}/_sandbox/options", json={"chat_leave_seconds": 0.05}).raise_for_status()
    alice = talk()
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.send(record(alice, "hi"))
        with pytest.raises(ConnectionClosed):
            while True:
                socket.recv(timeout=2)
    wait_for(lambda: server.state.chats["chat"].sockets.open == 0)
    assert blamed(server) == ["chat-socket-kept"]


def test_a_socket_without_a_question_is_closed_and_blamed(server: SandboxServer, talk: Talk) -> None:
    """Nobody opens one to say nothing."""
    httpx.post(f"{server.url}/_sandbox/options", json={"chat_open_seconds": 0.05}).raise_for_status()
    with talk().connect() as socket, pytest.raises(ConnectionClosed):
        socket.recv(timeout=2)
    assert blamed(server) == ["chat-handshake"]


@pytest.mark.parametrize(
    ("sent", "kinds"),
    [
        (['{"type":6}' + SEPARATOR], ["chat-handshake"]),
        ([HANDSHAKE[:-1]], ["chat-record", "chat-record"]),
        ([HANDSHAKE, "not JSON" + SEPARATOR], ["chat-record"]),
        ([HANDSHAKE, "[]" + SEPARATOR], ["chat-record"]),
        ([HANDSHAKE, '{"type":5}' + SEPARATOR], ["chat-record"]),
        ([HANDSHAKE.encode()], ["chat-frame"]),
    ],
)  # fmt: skip
def test_what_no_client_sends_is_blamed(
    server: SandboxServer, talk: Talk, sent: list[str | bytes], kinds: list[str]
) -> None:
    """No separator, no handshake, no JSON, no object, an unknown type, bytes."""
    with talk().connect() as socket:
        for frame in sent:
            socket.send(frame)
        if isinstance(sent[0], str) and sent[0].endswith(SEPARATOR):
            socket.recv(timeout=2)
    wait_for(lambda: server.state.chats["chat"].sockets.open == 0)
    assert blamed(server) == kinds


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("invocation_id", ["0", "a-b", "3f0c"])
def test_what_other_libraries_say_of_themselves(
    server: SandboxServer, talk: Talk, version: int, invocation_id: str
) -> None:
    """Version 0 in the handshake, ids that are no numbers: a hub takes both, and completes the call by its id."""
    alice = talk()
    question = alice.invocation("hi") | {"invocationId": invocation_id}
    with alice.connect() as socket:
        socket.send(json.dumps({"protocol": "json", "version": version}) + SEPARATOR)
        assert socket.recv(timeout=2) == "{}" + SEPARATOR
        socket.send(json.dumps(question) + SEPARATOR)
        heard = listen(socket, Heard(), 2)
    assert heard.records[-1] == {"type": 3, "invocationId": invocation_id}
    assert heard.value == "Success"
    assert blamed(server) == []


def test_a_client_may_say_that_it_closes(server: SandboxServer, talk: Talk) -> None:
    """Close, as a library's stop() sends it; the hub closes the socket, and blames nobody."""
    with talk().connect() as socket:
        socket.send(HANDSHAKE + '{"type":7}' + SEPARATOR)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                socket.recv(timeout=2)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000
    wait_for(lambda: server.state.chats["chat"].sockets.open == 0)
    assert blamed(server) == []


def test_a_stream_may_be_cancelled(server: SandboxServer, talk: Talk) -> None:
    """CancelInvocation ends it with a completion; one for another stream, or after the end, changes nothing."""
    alice = talk()
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.send(record(alice, "sandbox:words=2000 sandbox:gap=0.05"))
        heard = Heard([str(socket.recv(timeout=2)) for _ in range(3)])
        socket.send('{"type":5,"invocationId":"other"}' + SEPARATOR)
        socket.send('{"type":5,"invocationId":"0"}' + SEPARATOR)
        listen(socket, heard, 2)
        socket.send('{"type":5,"invocationId":"0"}' + SEPARATOR)
    assert heard.records[-1] == {"type": 3, "invocationId": "0"}
    assert 2 not in heard.types
    wait_for(lambda: server.state.chats["chat"].sockets.open == 0)
    assert [(turn.outcome, turn.left) for turn in server.state.chats["chat"].turns] == [("cancelled", False)]
    assert blamed(server) == []


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ({"type": 1, "target": "chat"}, "invoke the streaming 'chat' method with a non-streaming invocation"),
        ({"type": 1, "target": "nope"}, "HubException: Method does not exist."),
        ({"type": 4, "target": "nope"}, "HubException: Method does not exist."),
    ],
)
def test_a_call_of_no_method_is_completed_with_an_error(
    server: SandboxServer, talk: Talk, call: dict[str, Any], error: str
) -> None:
    """And blamed: no client of Bing's makes one. The question may still be asked."""
    alice = talk()
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.recv(timeout=2)
        socket.send(json.dumps(call | {"invocationId": "x1", "arguments": []}) + SEPARATOR)
        (answer,) = Heard([str(socket.recv(timeout=2))]).records
        assert (answer["type"], answer["invocationId"]) == (3, "x1")
        assert error in answer["error"]
        socket.send(record(alice, "hi"))
        assert listen(socket, Heard(), 2).value == "Success"
    assert blamed(server) == ["chat-record"]


def test_a_hub_that_says_nothing_pings(server: SandboxServer, talk: Talk) -> None:
    """Before a question, and while an answer is waited for; a ping is no word of the answer's."""
    httpx.post(f"{server.url}/_sandbox/options", json={"chat_ping_seconds": 0.1}).raise_for_status()
    alice = talk()
    ping = '{"type":6}' + SEPARATOR
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        assert [socket.recv(timeout=2) for _ in range(3)] == ["{}" + SEPARATOR, ping, ping]
        socket.send(record(alice, "sandbox:silent"))
        assert [socket.recv(timeout=2) for _ in range(3)] == [ping] * 3
    wait_for(lambda: server.state.chats["chat"].sockets.open == 0)
    assert server.state.chats["chat"].turns[0].first_at is None
    assert blamed(server) == []


def test_a_record_may_come_in_pieces(server: SandboxServer, talk: Talk) -> None:
    """It is put together and answered, and still blamed: no client cuts its records."""
    alice = talk()
    text = record(alice, "hi")
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.send(text[:50])
        socket.send(text[50:])
        assert listen(socket, Heard(), 2).value == "Success"
    assert blamed(server) == ["chat-record"]


def test_a_second_question_is_not_answered(server: SandboxServer, talk: Talk) -> None:
    """One turn a socket."""
    alice = talk()
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        socket.send(record(alice, "one") + record(alice, "two"))
        listen(socket, Heard(), 2)
    assert blamed(server) == ["chat-second-turn"]
    assert [turn.text for turn in server.state.chats["chat"].turns] == ["one"]


def test_handshakes_go_wrong(server: SandboxServer, talk: Talk) -> None:
    """An error, a cut, silence, and an answer that comes with a ping."""
    alice = talk()
    expected = {"handshake-error": "error", "handshake-ping": '{"type":6}'}
    for scenario, part in expected.items():
        rule(server, scenario)
        with alice.connect() as socket:
            socket.send(HANDSHAKE)
            assert part in str(socket.recv(timeout=2))
    rule(server, "handshake-cut")
    with alice.connect() as socket, pytest.raises(ConnectionClosed):
        socket.recv(timeout=2)
    rule(server, "handshake-silent")
    with alice.connect() as socket:
        socket.send(HANDSHAKE)
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.2)
        socket.send(record(alice, "too early"))
    wait_for(lambda: server.state.chats["chat"].sockets.open == 0)
    assert blamed(server) == ["chat-handshake"]


@pytest.mark.parametrize(("knob", "last"), [("split-utf8", "websocket.send"), ("cut-after", "websocket.close")])
async def test_a_server_without_open_lines_shows_less(knob: str, last: str) -> None:
    """Under another server a fragmented record is whole, and a cut is a close."""
    app = create_app()
    conversation = app.state.chats["chat"].create("alice", app.state.now())
    question = invocation(f"sandbox:{knob}", conversation.id, conversation.client_id)
    incoming: list[Any] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": HANDSHAKE + json.dumps(question) + SEPARATOR},
    ]
    sent: list[Any] = []
    is_over = asyncio.Event()

    async def receive() -> Any:
        if incoming:
            return incoming.pop(0)
        await is_over.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "websocket.close" or '"type":3' in message.get("text", ""):
            is_over.set()

    query = urlencode({"sec_access_token": conversation.token}).encode()
    headers = [(b"origin", b"https://www.bing.com")]
    scope = {"type": "websocket", "path": "/sydney/ChatHub", "query_string": query, "headers": headers}
    await app(scope, receive, send)
    assert sent[-1]["type"] == last
    assert Heard([one.get("text", "") for one in sent]).texts
    assert app.state.counts.violations == 0

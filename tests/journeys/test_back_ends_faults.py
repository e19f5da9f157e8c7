"""What back ends and callers do that must hold nobody up: silence, characters no database takes, readers who stop."""

from __future__ import annotations

import json
import socket
import time

import pytest
from pytest_django import Settings

from chat.models import Turn
from tests.chat.turns import play
from tests.factories import make_account, make_token_account, set_capability
from tests.journeys.chat_refusals import PATH
from tests.journeys.chats import Chats
from tests.journeys.living import KINDS, ask, at_rest, ways


@pytest.mark.slow
@ways
@pytest.mark.parametrize("scenario", ["create-stall", "socket-stall", "handshake-silent"])
def test_what_never_answers_is_given_up_in_time(living: Chats, stream: bool, scenario: str, settings: Settings) -> None:
    """All tries of an exchange keep to its limit together: with half of it each there are two."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 2.0
    make_account("bing")
    play(living.hub, scenario)
    asked = ask(living, "hello", model="balanced", stream=stream)
    assert asked.status == 502
    counts = living.counts()
    assert counts["creates"] <= 2
    assert counts["sockets"]["opened"] <= 2
    at_rest(living)


@ways
def test_another_back_end_stands_in_for_one_that_never_answers(living: Chats, stream: bool, settings: Settings) -> None:
    """Within the time that is left, and before the first is asked once more."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 3.0
    make_account("bing")
    make_token_account("m365")
    play(living.hub, "create-stall", account="bing")
    with living.http.stream(
        "POST",
        PATH,
        json={"model": "balanced", "messages": [{"role": "user", "content": "hello"}], "stream": stream},
    ) as answer:
        body = answer.read().decode()
    assert answer.status_code == 200, body
    assert '"system_fingerprint":"m365"' in body
    assert living.counts()["creates"] == 1
    at_rest(living)


@ways
@pytest.mark.parametrize("kind", ["bing", *KINDS])
def test_nul_in_an_answer_is_dropped(living: Chats, kind: str, stream: bool) -> None:
    """The answer is told and kept without it, on either database."""
    if kind == "bing":
        make_account("bing")
    else:
        make_token_account(kind)
    asked = ask(living, "hello sandbox:nul", model="balanced" if kind == "bing" else kind, stream=stream)
    assert (asked.status, asked.error, asked.finish_reason) == (200, None, "stop")
    assert "You wrote: “hello sandbox:nul”" in asked.content
    assert "\0" not in asked.content
    assert Turn.objects.get().answer == asked.content
    at_rest(living)


def test_a_tone_may_have_a_long_name(living: Chats, settings: Settings) -> None:
    """As long as the setting lets it be; the conversation's row takes the model's name."""
    settings.M365_TONES = ["Gpt_" + "x" * 56]
    make_token_account("m365")
    assert ask(living, "hello", model="m365-gpt-" + "x" * 56).status == 200
    at_rest(living)


def test_a_reader_who_stops_reading_holds_no_place(living: Chats, settings: Settings) -> None:
    """The turn is given up before its answer's end, and the account's one place is another caller's."""
    settings.CHAT_STALL_SECONDS = settings.CHAT_QUIET_SECONDS = 0.2
    set_capability(make_token_account("copilot"), "copilot", per_minute=None)
    words = "foxes sandbox:words=50000 sandbox:gap=0"
    content = json.dumps({"model": "copilot", "messages": [{"role": "user", "content": words}], "stream": True})
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.socket() as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.connect((living.site.host, living.site.port))
        caller.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n{content}".encode())
        assert caller.recv(100).startswith(b"HTTP/1.1 200")
        deadline = time.monotonic() + 60
        while not Turn.objects.exists():
            assert time.monotonic() < deadline, "the turn did not end"
            time.sleep(0.1)
        assert Turn.objects.get().state == "left"
        assert ask(living, "hello", model="copilot").status == 200
    at_rest(living)

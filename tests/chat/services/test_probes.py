"""A probe's turn: what the socket refuses is told, and nothing stays held."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from accounts.models import AccountState, Capability, Lease
from bingproject.errors import ServiceError
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.recording import Transcript
from chat.services.probes import probe_chat
from tests.factories import make_account, set_capability

pytestmark = pytest.mark.django_db(transaction=True)


def probe(account: Any) -> Transcript:
    """A turn as this account; what was seen."""
    transcript = Transcript(str)
    asyncio.run(probe_chat(account, Capability.CHAT, transcript))
    return transcript


def test_a_turn_is_written_down_record_by_record(hub: SandboxServer) -> None:
    """What was sent, what came, and what it was taken for."""
    text = probe(make_account("anna")).text
    assert "> {" in text and "< {" in text
    assert "1 Finished" in text and "Answered: " in text and "Not understood: 0." in text
    assert "Came: 1 handshake, " in text and " type 1 update, " in text and ", 1 type 2" in text
    steps = ("The socket is open: status 101.", "The first text is here.", "Finished; the conversation can go on")
    assert list(steps) == sorted(steps, key=text.index)
    assert "Throttling: 1 of 30 turns are used." in text
    assert not Lease.objects.exists()


def test_the_account_is_held_as_long_as_the_turn_takes(hub: SandboxServer) -> None:
    """Its lease is renewed meanwhile: others would take an account of one turn at a time for free."""
    httpx.post(f"{hub.url}/_sandbox/scenario", json={"scenario": "delay", "number": 1.5}).raise_for_status()
    account = make_account("anna")

    async def untils() -> list[Any]:
        transcript = Transcript(str)
        probing = asyncio.create_task(probe_chat(account, Capability.CHAT, transcript, renew_seconds=0.05))
        seen: list[Any] = []
        while not probing.done():
            seen += [lease.until async for lease in Lease.objects.all()]
            await asyncio.sleep(0.1)
        await probing
        return seen

    assert len(set(asyncio.run(untils()))) > 2
    assert not Lease.objects.exists()


def test_an_account_that_has_no_room_is_asked_all_the_same(hub: SandboxServer) -> None:
    """And that is said."""
    account = make_account("anna")
    set_capability(account, Capability.CHAT, limit=0)
    assert "it is asked all the same" in probe(account).text


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("search", ("Suggestions: ", "Sources: ", "Taken for: 1 Throttling, 1 Searching")),
        ("disengaged", ("Refused (disengaged): ", "the conversation is at its end")),
        ("shrink", ("the text was rewritten at the end",)),
    ],
)
def test_what_there_is_beside_the_text_is_told(hub: SandboxServer, scenario: str, words: tuple[str, ...]) -> None:
    """Sources, suggestions, a refusal, an end that is not what was streamed."""
    httpx.post(f"{hub.url}/_sandbox/scenario", json={"scenario": scenario}).raise_for_status()
    text = probe(make_account("anna")).text
    assert all(one in text for one in words), text[-800:]


def test_what_nobody_understands_is_shown(hub: SandboxServer) -> None:
    """The frame it came in, and how many there were."""
    httpx.post(f"{hub.url}/_sandbox/scenario", json={"scenario": "unknown-type"}).raise_for_status()
    shown: list[str] = []
    transcript = Transcript(shown.append)
    asyncio.run(probe_chat(make_account("anna"), Capability.CHAT, transcript))
    assert any("Not understood, something in: {" in line for line in shown)
    assert "Not understood: 0." not in transcript.text


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("socket-200", "The socket was refused with status 200"),
        ("cut-before", "the socket was closed with"),
        ("cut-before", "Taken for: "),
    ],
)
def test_what_goes_wrong_is_told(hub: SandboxServer, scenario: str, words: str) -> None:
    """The step at which it did; the account is let go of."""
    account, transcript = make_account("anna"), Transcript(str)
    httpx.post(f"{hub.url}/_sandbox/scenario", json={"scenario": scenario}).raise_for_status()
    with pytest.raises(ServiceError):
        asyncio.run(probe_chat(account, Capability.CHAT, transcript))
    assert words in transcript.text
    assert not Lease.objects.exists()
    account.refresh_from_db()
    assert account.state == AccountState.OK

"""Turns without a socket: a reply that is asked something."""

from __future__ import annotations

from pathlib import Path

from chat.protocol.catalogue import MODELS
from chat.protocol.events import Prompt
from chat.protocol.sydney import Credentials, Reply
from tests.chat.protocol.chathub.records import ACK

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "chathub"
CREDENTIALS = Credentials("51D|BingProd|AB", "914000000000001", "SIG", "ENC+/=")


def sample(name: str) -> bytes:
    """A stream of tests/samples/chathub."""
    return (SAMPLES / f"{name}.txt").read_bytes()


def reply(text: str = "2+2?", *, system: str = "", turn: int = 0, model: str = "precise") -> Reply:
    """A turn that has asked `text`."""
    prompt = Prompt(system, (), text)
    return Reply(CREDENTIALS, prompt, MODELS[model], turn=turn, request_id="r1", trace_id="0" * 32)


def greeted(text: str = "2+2?") -> Reply:
    """A turn whose handshake is through and whose question is out."""
    turn = reply(text)
    assert turn.receive(ACK) == []
    turn.to_send()
    return turn

"""Turns without a socket."""

from __future__ import annotations

from pathlib import Path

from chat.protocol.catalogue import MODELS
from chat.protocol.events import Prompt
from chat.protocol.sydney import SydneyCredentials, SydneyTurn
from tests.chat.protocol.chathub.records import ACK

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "chathub"
CREDENTIALS = SydneyCredentials("51D|BingProd|AB", "914000000000001", "SIG", "ENC+/=")


def sample(name: str) -> bytes:
    """Return a stream of tests/samples/chathub."""
    return (SAMPLES / f"{name}.txt").read_bytes()


def new_turn(text: str = "2+2?", *, system: str = "", turn: int = 0, model: str = "precise") -> SydneyTurn:
    """Return a turn that will ask `text`."""
    prompt = Prompt(system, (), text)
    return SydneyTurn(CREDENTIALS, prompt, MODELS[model], turn=turn, request_id="r1", trace_id="0" * 32)


def greeted(text: str = "2+2?") -> SydneyTurn:
    """Return a turn that has sent its question after the handshake."""
    turn = new_turn(text)
    assert turn.receive(ACK) == []
    turn.to_send()
    return turn

"""Streams cut anywhere: the events do not depend on how a stream comes in frames."""

from __future__ import annotations

import random
from types import ModuleType

import pytest

from tests.chat.protocol.m365 import turns as m365
from tests.chat.protocol.playing import play
from tests.chat.protocol.sydney import turns as sydney

STREAMS = [(turns, path.stem) for turns in (m365, sydney) for path in sorted(turns.SAMPLES.glob("*.txt"))]
each_stream = pytest.mark.parametrize(
    ("turns", "name"), STREAMS, ids=[f"{turns.SAMPLES.name}-{name}" for turns, name in STREAMS]
)


def test_there_are_samples() -> None:
    """The lists of streams are not empty."""
    assert sum(turns is m365 for turns, _ in STREAMS) >= 8
    assert sum(turns is sydney for turns, _ in STREAMS) >= 10


@each_stream
def test_each_cut_in_two_gives_the_same_events(turns: ModuleType, name: str) -> None:
    """Every split point, those inside a character and at a separator included."""
    stream = turns.sample(name)
    whole = play(turns.reply(), [stream])
    different = [at for at in range(1, len(stream)) if play(turns.reply(), [stream[:at], stream[at:]]) != whole]
    assert not different


@each_stream
def test_single_bytes_give_the_same_events(turns: ModuleType, name: str) -> None:
    """A frame for each byte."""
    stream = turns.sample(name)
    assert play(turns.reply(), [bytes([byte]) for byte in stream]) == play(turns.reply(), [stream])


@each_stream
def test_many_cuts_give_the_same_events(turns: ModuleType, name: str) -> None:
    """Any number of pieces, empty ones too."""
    stream = turns.sample(name)
    whole = play(turns.reply(), [stream])
    for seed in range(50):
        chance = random.Random(seed)
        cuts = sorted(chance.randrange(len(stream) + 1) for _ in range(chance.randrange(40)))
        pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert play(turns.reply(), pieces) == whole


@each_stream
def test_text_frames_give_the_same_events(turns: ModuleType, name: str) -> None:
    """Frames that come as text and not as bytes."""
    stream = turns.sample(name)
    assert play(turns.reply(), [stream.decode()]) == play(turns.reply(), [stream])

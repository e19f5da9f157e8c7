"""The events do not depend on how a stream is split into frames."""

from __future__ import annotations

import random
from types import ModuleType

import pytest

import tests.chat.protocol.m365.turns
import tests.chat.protocol.sydney.turns
from tests.chat.protocol.playing import play

M365, SYDNEY = tests.chat.protocol.m365.turns, tests.chat.protocol.sydney.turns
STREAMS = [(turns, path.stem) for turns in (M365, SYDNEY) for path in sorted(turns.SAMPLES.glob("*.txt"))]
each_stream = pytest.mark.parametrize(
    ("turns", "name"), STREAMS, ids=[f"{turns.SAMPLES.name}-{name}" for turns, name in STREAMS]
)


def test_there_are_samples() -> None:
    """The tests below run for more than an empty list."""
    assert sum(turns is M365 for turns, _ in STREAMS) >= 8
    assert sum(turns is SYDNEY for turns, _ in STREAMS) >= 10


@each_stream
def test_any_split_in_two_gives_the_same_events(turns: ModuleType, name: str) -> None:
    """Every split point, also inside a character and at a separator."""
    stream = turns.sample(name)
    whole = play(turns.new_turn(), [stream])
    different = [at for at in range(1, len(stream)) if play(turns.new_turn(), [stream[:at], stream[at:]]) != whole]
    assert not different


@each_stream
def test_single_bytes_give_the_same_events(turns: ModuleType, name: str) -> None:
    """A frame for each byte."""
    stream = turns.sample(name)
    assert play(turns.new_turn(), [bytes([byte]) for byte in stream]) == play(turns.new_turn(), [stream])


@each_stream
def test_many_splits_give_the_same_events(turns: ModuleType, name: str) -> None:
    """Any number of pieces, also empty ones."""
    stream = turns.sample(name)
    whole = play(turns.new_turn(), [stream])
    for seed in range(50):
        chance = random.Random(seed)
        cuts = sorted(chance.randrange(len(stream) + 1) for _ in range(chance.randrange(40)))
        pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert play(turns.new_turn(), pieces) == whole


@each_stream
def test_text_frames_give_the_same_events(turns: ModuleType, name: str) -> None:
    """Frames may be text or bytes."""
    stream = turns.sample(name)
    assert play(turns.new_turn(), [stream.decode()]) == play(turns.new_turn(), [stream])

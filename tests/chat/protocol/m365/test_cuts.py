"""Streams cut anywhere: the events do not depend on how a stream comes in frames."""

from __future__ import annotations

import random

import pytest

from tests.chat.protocol.m365.turns import SAMPLES, play, reply, sample

NAMES = sorted(path.stem for path in SAMPLES.glob("*.txt"))


def test_there_are_samples() -> None:
    """The list of streams is not empty."""
    assert len(NAMES) >= 8


@pytest.mark.parametrize("name", NAMES)
def test_each_cut_in_two_gives_the_same_events(name: str) -> None:
    """Every split point, those inside a character and at a separator included."""
    stream = sample(name)
    whole = play(reply(), [stream])
    different = [at for at in range(1, len(stream)) if play(reply(), [stream[:at], stream[at:]]) != whole]
    assert not different


@pytest.mark.parametrize("name", NAMES)
def test_pieces_of_any_size_give_the_same_events(name: str) -> None:
    """Single bytes, and any number of pieces, empty ones too."""
    stream = sample(name)
    whole = play(reply(), [stream])
    assert play(reply(), [bytes([byte]) for byte in stream]) == whole
    for seed in range(20):
        chance = random.Random(seed)
        cuts = sorted(chance.randrange(len(stream) + 1) for _ in range(chance.randrange(40)))
        pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert play(reply(), pieces) == whole


@pytest.mark.parametrize("name", NAMES)
def test_text_frames_give_the_same_events(name: str) -> None:
    """Frames that come as text and not as bytes."""
    stream = sample(name)
    assert play(reply(), [stream.decode()]) == play(reply(), [stream])

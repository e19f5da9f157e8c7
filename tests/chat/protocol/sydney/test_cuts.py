"""Streams cut anywhere: the events do not depend on how a stream comes in frames."""

from __future__ import annotations

import random

import pytest

from tests.chat.protocol.sydney.turns import ACK, SAMPLES, bot, play, reply, sample, success, texts, update

NAMES = sorted(path.stem for path in SAMPLES.glob("*.txt"))


def test_there_are_samples() -> None:
    """The list of streams is not empty."""
    assert len(NAMES) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_each_cut_in_two_gives_the_same_events(name: str) -> None:
    """Every split point, those inside a character and at a separator included."""
    stream = sample(name)
    whole = play(reply(), [stream])
    different = [at for at in range(1, len(stream)) if play(reply(), [stream[:at], stream[at:]]) != whole]
    assert not different


@pytest.mark.parametrize("name", NAMES)
def test_single_bytes_give_the_same_events(name: str) -> None:
    """A frame for each byte."""
    stream = sample(name)
    assert play(reply(), [bytes([byte]) for byte in stream]) == play(reply(), [stream])


@pytest.mark.parametrize("name", NAMES)
def test_many_cuts_give_the_same_events(name: str) -> None:
    """Any number of pieces, empty ones too."""
    stream = sample(name)
    whole = play(reply(), [stream])
    for seed in range(50):
        chance = random.Random(seed)
        cuts = sorted(chance.randrange(len(stream) + 1) for _ in range(chance.randrange(40)))
        pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert play(reply(), pieces) == whole


@pytest.mark.parametrize("name", NAMES)
def test_text_frames_give_the_same_events(name: str) -> None:
    """Frames that come as text and not as bytes."""
    stream = sample(name)
    assert play(reply(), [stream.decode()]) == play(reply(), [stream])


@pytest.mark.parametrize(
    "answer",
    [
        "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
        "e\u0301 n\u0303 o\u0308\u0323",
        "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308",
        "a\u2028b\u2029c\x85d",
        "tab\tnew\nline\r\n",
        "x" * 200_000,
    ],
)
def test_text_comes_through_byte_for_byte(answer: str) -> None:
    """Right-to-left, combining, joined and control characters, growing by one character at a time."""
    steps = range(1, len(answer)) if len(answer) < 100 else (1, 1_000, 199_999)
    events, _ = play(reply(), [ACK, *(update(bot(answer[:step])) for step in steps), success(bot(answer))])
    assert "".join(texts(events)) == answer


def test_a_final_record_of_five_megabytes() -> None:
    """It comes in many frames and is one record."""
    stream = (ACK + success({"author": "bot", "messageType": "Progress", "text": "x" * 5_000_000}, bot("4"))).encode()
    pieces = [stream[start : start + 4_096] for start in range(0, len(stream), 4_096)]
    events, code = play(reply(), pieces)
    assert (texts(events), code) == (["4"], "")


def test_a_text_cut_inside_a_pair_of_surrogates() -> None:
    """Half a character at the end waits for its other half; elsewhere it is shown as a replacement."""
    half = update(bot("Moon \ud83c"))
    assert "\\ud83c" in half
    events, _ = play(reply(), [ACK, half, update(bot("Moon \U0001f315 ok")), success(bot("Moon \U0001f315 ok"))])
    assert texts(events) == ["Moon ", "\U0001f315 ok"]
    assert texts(play(reply(), [ACK, success(bot("a\udf15b"))])[0]) == ["a\ufffdb"]

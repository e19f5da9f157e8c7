"""Text of any length and script is delivered unchanged, wherever it was cut."""

from __future__ import annotations

import pytest

from tests.chat.protocol.chathub.records import ACK, bot, success, update
from tests.chat.protocol.playing import play, texts
from tests.chat.protocol.sydney.turns import new_turn


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
def test_text_is_delivered_unchanged(answer: str) -> None:
    """Right-to-left, combining, joined and control characters, growing by one character at a time."""
    steps = range(1, len(answer)) if len(answer) < 100 else (1, 1_000, 199_999)
    events, _ = play(new_turn(), [ACK, *(update(bot(answer[:step])) for step in steps), success(bot(answer))])
    assert "".join(texts(events)) == answer


def test_a_final_record_of_five_megabytes() -> None:
    """It comes in many frames and is one record."""
    stream = (ACK + success({"author": "bot", "messageType": "Progress", "text": "x" * 5_000_000}, bot("4"))).encode()
    pieces = [stream[start : start + 4_096] for start in range(0, len(stream), 4_096)]
    events, code = play(new_turn(), pieces)
    assert (texts(events), code) == (["4"], "")


def test_a_text_cut_inside_a_pair_of_surrogates() -> None:
    """A half at the end waits for the other half; anywhere else it becomes U+FFFD."""
    half = update(bot("Moon \ud83c"))
    assert "\\ud83c" in half
    events, _ = play(new_turn(), [ACK, half, update(bot("Moon \U0001f315 ok")), success(bot("Moon \U0001f315 ok"))])
    assert texts(events) == ["Moon ", "\U0001f315 ok"]
    assert texts(play(new_turn(), [ACK, success(bot("a\udf15b"))])[0]) == ["a\ufffdb"]

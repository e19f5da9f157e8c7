"""Whole texts and pieces become one answer."""

from __future__ import annotations

import re

import pytest

from chat.protocol.m365.text import M365AnswerText

# What whole texts lose, after the fixtures of a client that rebuilds answers from the pieces (docs/wire/m365.md, 5.4).
FILTERED = re.compile(r"\[[^\]\n]*\]:|\[[^\]\n]*\]\([^)\n]*\)|<script src=[^>]*>")
CODE = [
    'Use it:\n```html\n<script src="/app.js"></script>\n<p>ready</p>\n```\nDone.',
    "```python\nrows = table[key](limit=3)\nprint(rows)\n```\nThat prints three rows.",
    "```markdown\n[guide]: https://docs.example/guide\n[more]: https://docs.example/more\n\nSee [guide][].\n```",
    "```js\nhandlers[name](event);\nhandlers[name](event);\nhandlers[name](event);\n```\nThree times the same.",
    "[one](https://a.example)",
    "`a[0](x)` begins with code, and `b[1](y)`",
    "ends with a link definition\n[end]: https://a.example",
    "for (i = 0; i < n; i++) a[i](i);\n" * 40,
]


def test_an_answer_begins_empty() -> None:
    """Nothing was sent, and the final text is empty."""
    answer = M365AnswerText()
    assert (answer.has_started, answer.is_blank, answer.final, answer.streamed) == (False, True, "", "")


def test_pieces_and_whole_texts_overlap() -> None:
    """Each character is sent once."""
    answer = M365AnswerText()
    out = [
        answer.update("Hel"),
        answer.append("lo"),
        answer.append(" y"),
        answer.update("Hello"),
        answer.update("Hello you"),
    ]
    assert out == ["Hel", "lo", " y", "", "ou"]
    assert answer.final == answer.streamed == "Hello you"


def test_a_rewrite_that_is_taken_back_is_forgotten() -> None:
    """The latest text counts where no pieces come."""
    answer = M365AnswerText()
    answer.update("Hello")
    assert (answer.update("Help"), answer.final) == ("", "Help")
    assert (answer.update("Hello you"), answer.final) == (" you", "Hello you")


def test_marks_are_stripped_in_both_streams() -> None:
    """From the final text, too."""
    answer = M365AnswerText()
    out = [answer.append("a\ue200ci"), answer.update("a\ue200cite\ue202turn0search1\ue201b"), answer.append("c")]
    assert out == ["a", "b", "c"]
    assert answer.final == answer.streamed == "abc"


def test_without_a_final_text_the_known_text_is_the_answer() -> None:
    """Waiting text is sent."""
    answer = M365AnswerText()
    answer.append("temporarily")
    assert (answer.streamed, answer.finish(())) == ("", "temporarily")
    assert answer.final == "temporarily"


def _whole(text: str) -> str:
    return FILTERED.sub("", text)


@pytest.mark.parametrize("text", CODE)
@pytest.mark.parametrize("size", [1, 3, 7, 40])
def test_code_arrives_byte_for_byte(text: str, size: int) -> None:
    """Pieces are raw; whole texts in between and at the end, all filtered, change nothing."""
    assert _whole(text) != text
    answer = M365AnswerText()
    for start in range(0, len(text), size):
        answer.append(text[start : start + size])
        answer.update(_whole(text[: start + size]))
    assert answer.finish([_whole(text), _whole(text)]) == ""
    assert answer.final == answer.streamed == text


@pytest.mark.parametrize("text", CODE)
def test_a_final_text_extends_the_pieces(text: str) -> None:
    """What no piece brought comes from the whole text, without what that has lost."""
    answer = M365AnswerText()
    answer.append(text)
    assert answer.finish([_whole(text) + " And that is all."]) == " And that is all."
    assert answer.final == answer.streamed == f"{text} And that is all."


def test_a_final_text_replaces_pieces_only_if_some_are_missing() -> None:
    """A longer one has what the pieces lack; a shorter other wording has not."""
    answer = M365AnswerText()
    answer.append("The Moon causes tides")
    assert (answer.finish(["In short: the Moon."]), answer.final) == ("", "The Moon causes tides")
    answer = M365AnswerText()
    answer.append("The Moon tides")
    assert (answer.finish(["The Moon causes tides, twice a day."]), answer.streamed) == ("", "The Moon tides")
    assert answer.final == "The Moon causes tides, twice a day."


@pytest.mark.parametrize("text", CODE)
@pytest.mark.parametrize("size", [3, 7, 40])
def test_pieces_beside_whole_texts_are_raw_too(text: str, size: int) -> None:
    """In one record: the whole text has the piece already, without its code."""
    answer = M365AnswerText()
    for start in range(0, len(text), size):
        answer.add(_whole(text[: start + size]), text[start : start + size])
    assert answer.finish([_whole(text)]) == ""
    assert answer.final == answer.streamed == text


def test_a_piece_beside_a_whole_text_is_added_once() -> None:
    """Whether the text has it already, has it before the known one, or does not have it yet."""
    answer = M365AnswerText()
    assert [answer.add("Hello", "lo"), answer.add("Hello", "lo"), answer.add("Hello", "!"), answer.add("", " ha")] == [
        "Hello", "", "!", " ha",
    ]  # fmt: skip
    assert answer.add("Hello! ha ha", " ha") == " ha"


def test_a_half_character_waits_for_the_next_piece() -> None:
    """A whole text without it does not end the wait."""
    answer = M365AnswerText()
    out = [answer.append("Moon \ud83c"), answer.update("Moon "), answer.append("\udf15")]
    assert out == ["Moon ", "", "\U0001f315"]

"""The streamed part of an answer."""

from __future__ import annotations

from chat.protocol.answer_text import AnswerText


class GivenText(AnswerText):
    """An answer with given deltas."""

    def __init__(self, *deltas: str) -> None:
        super().__init__()
        self._deltas += deltas

    @property
    def final(self) -> str:
        """The deltas."""
        return self.streamed


def test_white_space_starts_an_answer_and_leaves_it_blank() -> None:
    """An answer has started with its first delta and is blank until its first visible character."""
    assert [
        (text.has_started, text.is_blank, text.streamed)
        for text in (GivenText(), GivenText(" ", "\n"), GivenText(" ", "4"))
    ] == [
        (False, True, ""),
        (True, True, " \n"),
        (True, False, " 4"),
    ]

"""What of an answer is out."""

from __future__ import annotations

from chat.protocol.answers import Answer


class Said(Answer):
    """An answer whose deltas are given."""

    def __init__(self, *deltas: str) -> None:
        super().__init__()
        self._deltas += deltas

    @property
    def final(self) -> str:
        """What was said."""
        return self.streamed


def test_white_space_is_out_but_says_nothing() -> None:
    """An answer begins empty, has started with its first delta, and says something with its first character."""
    assert [(said.has_started, said.is_blank, said.streamed) for said in (Said(), Said(" ", "\n"), Said(" ", "4"))] == [
        (False, True, ""),
        (True, True, " \n"),
        (True, False, " 4"),
    ]

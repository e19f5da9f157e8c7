"""What of an answer is out: the part that every dialect keeps in the same way."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Answer(ABC):
    """The answer of one turn, as far as callers have it; how texts become deltas is each dialect's own."""

    __slots__ = ("_deltas",)

    def __init__(self) -> None:
        self._deltas: list[str] = []

    @property
    @abstractmethod
    def final(self) -> str:
        """The answer as it last stood."""

    @property
    def streamed(self) -> str:
        """All deltas joined."""
        return "".join(self._deltas)

    @property
    def has_started(self) -> bool:
        """Whether anything is out."""
        return bool(self._deltas)

    @property
    def is_blank(self) -> bool:
        """Whether nothing but white space is out."""
        return not any(delta.strip() for delta in self._deltas)

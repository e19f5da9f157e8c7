"""The text of one answer as far as it was streamed: what every dialect keeps in the same way."""

from __future__ import annotations

from abc import ABC, abstractmethod


class AnswerText(ABC):
    """The text of one answer. Each dialect turns its own pieces into deltas."""

    __slots__ = ("_deltas",)

    def __init__(self) -> None:
        self._deltas: list[str] = []

    @property
    @abstractmethod
    def final(self) -> str:
        """The latest version of the text. It differs from `streamed` if the back end rewrote it."""

    @property
    def streamed(self) -> str:
        """All deltas joined."""
        return "".join(self._deltas)

    @property
    def has_started(self) -> bool:
        """True once a delta was sent, even a blank one."""
        return bool(self._deltas)

    @property
    def is_blank(self) -> bool:
        """True if no delta so far has anything but white space."""
        return not any(delta.strip() for delta in self._deltas)

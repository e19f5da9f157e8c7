"""The vocabulary between the gateway and every chat back end: what goes in, what comes out, how a dialect behaves.

A dialect (sydney, and those of other servers) turns frames into these events; nothing above it knows a wire format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

Role = Literal["user", "assistant"]
Phase = Literal["handshake", "waiting", "answering", "lingering", "finished"]
RefusalKind = Literal["disengaged", "apology"]


@dataclass(frozen=True, slots=True)
class Said:
    """One side's words in the history."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class PromptImage:
    """A picture of the caller's: an address Bing fetches itself, or the bytes. `mark` stands for it in a history."""

    url: str = ""
    content: bytes = b""
    media_type: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One turn of a caller: the system prompt, what was said before, and the newest words.

    Shape: `lead` are messages since the last answer that stand before the newest one. `told` is `question` the way a
    history will tell it (trimmed, pictures marked); "" when that is just the trimmed question. `told_system` likewise
    of `system`, which goes out as it came.
    """

    system: str
    history: tuple[Said, ...]
    newest: str
    images: tuple[PromptImage, ...] = ()
    lead: tuple[str, ...] = ()
    told: str = ""
    told_system: str = ""

    @property
    def key_system(self) -> str:
        """The system prompt that a chat is known by, however its messages and parts were wrapped."""
        return self.told_system or self.system

    @property
    def question(self) -> str:
        """What a turn sends of its own: all since the last answer."""
        return "\n\n".join((*self.lead, self.newest)) if self.lead else self.newest

    def after(self, answer: str) -> tuple[Said, ...]:
        """The history as the next request will tell it, when this turn was answered with `answer`."""
        return (*self.history, Said("user", self.told or self.question.strip()), Said("assistant", answer.strip()))


@dataclass(frozen=True, slots=True)
class Source:
    """A page the answer stands on."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class ServedBy:
    """Which back end answers, as callers are told; the services say so first, and again when another one takes over.

    Shape: `ignored` names what was asked for and this one cannot do; `voice` is its name where it is spoken of.
    """

    name: str
    ignored: tuple[str, ...] = ()
    voice: str = "Bing"


@dataclass(frozen=True, slots=True)
class HistoryDropped:
    """The oldest turns did not fit into the replay; the services say so before anything else."""

    turns: int


@dataclass(frozen=True, slots=True)
class Searching:
    """The back end looks something up."""

    query: str


@dataclass(frozen=True, slots=True)
class Sources:
    """What a search found."""

    query: str
    items: tuple[Source, ...]


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """More of the answer. There are a hundred for each other event, and a frozen dataclass costs five times as much."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of what the model thinks aloud; no part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ImageMade:
    """A picture within the answer."""

    url: str
    alt: str


@dataclass(frozen=True, slots=True)
class Citations:
    """The answer's numbered sources: `[^2^]` in the text is `items[1]`."""

    items: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What the caller might ask next."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Throttling:
    """Turns used of those an upstream conversation has."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Bing will not answer, or withdraws what it said; `text` is its own wording, "" when it gave none."""

    text: str
    kind: RefusalKind
    after_text: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a turn, also of a refused one; nothing follows.

    Shape: `text` is the answer as it finally stands, `streamed` the deltas joined; they differ when Bing rewrote what
    was out already. `retire`: the upstream conversation takes no further turn. `skipped` counts what nobody understood.
    """

    text: str
    streamed: str
    retire: bool
    skipped: int = 0


Event = (
    ServedBy
    | HistoryDropped
    | Searching
    | Sources
    | TextDelta
    | ReasoningDelta
    | ImageMade
    | Citations
    | Suggestions
    | Throttling
    | Refused
    | Finished
)
# With one of these the outcome of a turn begins to show; all others may come before anything is decided.
SHOWN = (TextDelta, ReasoningDelta, ImageMade, Refused, Finished)


class Dialect(Protocol):
    """One turn with one back end, without a socket.

    The loop around it: send `start()`; for each frame yield what `receive()` gives, then send `to_send()`; end when
    `finished`. `progress` counts records that are no pings, so a timer starts anew when it or `phase` has changed.
    In the phase "lingering" the answer is complete and out, and something that is still wanted may follow within a
    second: whatever ends it (the record, the timer, the socket) gives the last events and never an error.
    """

    @property
    def finished(self) -> bool:
        """Whether the turn has ended well or was refused."""

    @property
    def phase(self) -> Phase:
        """Which timer runs."""

    @property
    def progress(self) -> int:
        """Records so far that were no pings."""

    @property
    def skipped(self) -> int:
        """How many records so far nobody understood."""

    @property
    def has_text(self) -> bool:
        """Whether some of the answer is out, after which nothing can be tried again."""

    def start(self) -> list[str]:
        """What to send as soon as the socket is open."""

    def receive(self, frame: str | bytes) -> list[Event]:
        """Read one frame; raises the ServiceError that it means, unless there is text to hand out first."""

    def to_send(self) -> list[str]:
        """What to send now; a second call gives nothing. Raises an error that `receive` held back for its text."""

    def keepalive(self) -> list[str]:
        """What to send when it has been quiet for the back end's ping interval."""

    def closed(self, code: int) -> list[Event]:
        """The socket is gone before the end: the last events if the outcome is known, else it raises."""

    def timed_out(self) -> list[Event]:
        """A timer ran out: the last events if the outcome is known, else it raises."""

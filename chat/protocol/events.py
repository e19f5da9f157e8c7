"""The interface of every chat back end: the prompt that goes in, the events that come out, and the `Dialect` protocol.

A dialect, e.g. `chat.protocol.sydney`, turns frames into these events. Nothing above it knows a wire format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

Role = Literal["user", "assistant"]
# A dialect goes through these in order; "lingering" only if suggestions are awaited.
Phase = Literal["handshake", "waiting", "answering", "lingering", "finished"]
# Bing's words: docs/wire/chathub.md, section 5.5.
RefusalKind = Literal["disengaged", "apology"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the history."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class PromptImage:
    """A picture in the caller's message: an address that Bing fetches itself, or the bytes.

    `mark`, e.g. `[image 9f86d081884c]`, replaces the picture in a history.
    """

    url: str = ""
    content: bytes = b""
    media_type: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a caller sends in one turn.

    Attributes:
        system: The system prompt, sent unchanged.
        history: The messages up to the last answer.
        newest: The newest message.
        images: The pictures in the new messages.
        lead: The other messages since the last answer, in front of `newest`.
        canonical: The question as the next request's history will have it: trimmed, with marks for pictures. "" if
            that is `question` trimmed.
        canonical_system: `system` in the form that is part of the history key. "" if that is `system` itself.
    """

    system: str
    history: tuple[Message, ...]
    newest: str
    images: tuple[PromptImage, ...] = ()
    lead: tuple[str, ...] = ()
    canonical: str = ""
    canonical_system: str = ""

    @property
    def key_system(self) -> str:
        """The system prompt for the history key: equal however a client splits it into messages and parts."""
        return self.canonical_system or self.system

    @property
    def question(self) -> str:
        """All new messages as one text."""
        return "\n\n".join((*self.lead, self.newest)) if self.lead else self.newest

    def after(self, answer: str) -> tuple[Message, ...]:
        """Return the history that the next request will have, if this turn's answer is `answer`."""
        question = self.canonical or self.question.strip()
        return (*self.history, Message("user", question), Message("assistant", answer.strip()))


@dataclass(frozen=True, slots=True)
class Source:
    """A page that the answer cites or a search found. An address that is missing is ""."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class ServedBy:
    """The back end that answers. The services send it first, and again if another one takes over.

    Attributes:
        name: Its name in headers and in `system_fingerprint`, e.g. "bing-sydney".
        ignored: What the request asked for and this back end cannot do.
        display_name: Its name in sentences, e.g. "Bing".
    """

    name: str
    ignored: tuple[str, ...] = ()
    display_name: str = "Bing"


@dataclass(frozen=True, slots=True)
class HistoryDropped:
    """The number of oldest turns that did not fit. The services send it in front of any dialect's event."""

    turns: int


@dataclass(frozen=True, slots=True)
class Searching:
    """The back end searches the web."""

    query: str


@dataclass(frozen=True, slots=True)
class Sources:
    """The pages that a search found."""

    query: str
    items: tuple[Source, ...]


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """The next piece of the answer.

    A Struct, since there are a hundred of these for each other event and a frozen dataclass costs five times as much.
    """

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next piece of the model's reasoning, which is no part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ImageMade:
    """A picture that the back end made. `alt` is the prompt it was made from, "" if unknown."""

    url: str
    alt: str


@dataclass(frozen=True, slots=True)
class Citations:
    """The answer's numbered sources: `[^2^]` in the text cites `items[1]`."""

    items: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Questions that the back end suggests to ask next."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Throttling:
    """The turns used of an upstream conversation, and its limit."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The back end refused to answer or withdrew its answer.

    Attributes:
        text: Its wording, "" if it gave none.
        kind: "disengaged" closes the upstream conversation, "apology" does not.
        after_text: True if a part of the answer was already sent.
    """

    text: str
    kind: RefusalKind
    after_text: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a turn, also of a refused one.

    Attributes:
        text: The final answer.
        streamed: All deltas joined. It differs from `text` if the back end rewrote text that was already sent.
        retire: True if the upstream conversation takes no further turn.
        skipped: The number of records and messages of unknown kinds.
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
# A stream's headers wait for the first of these. Until then an error can still become the HTTP status.
DECISIVE_EVENTS = (TextDelta, ReasoningDelta, ImageMade, Refused, Finished)


class Dialect(Protocol):
    """One turn with one back end, without a socket.

    `chat.client.stream` drives it: send `start()`; for each frame yield the events of `receive()`, then send
    `to_send()`; stop when `finished`. The timer of a phase restarts when `progress` or `phase` changes.

    In the phase "lingering" the answer is complete, and suggestions may follow within a second. Whatever ends that
    phase (a frame, the timer, the socket) gives the last events and never an error.
    """

    @property
    def finished(self) -> bool:
        """True if the turn has ended with an answer or a refusal."""

    @property
    def phase(self) -> Phase:
        """The phase, which decides how long the back end may be silent."""

    @property
    def progress(self) -> int:
        """The number of records so far, not counting pings."""

    @property
    def skipped(self) -> int:
        """The number of records and messages of unknown kinds so far."""

    @property
    def has_text(self) -> bool:
        """True if a part of the answer was already sent: from then on the turn cannot be tried again."""

    def start(self) -> list[str]:
        """Return the frames to send as soon as the socket is open."""

    def receive(self, frame: str | bytes) -> list[Event]:
        """Read one frame and return its events.

        Raises:
            ServiceError: The frame means a failure. If events precede it in the frame, `to_send` raises it instead.
        """

    def to_send(self) -> list[str]:
        """Return the frames to send now, each once.

        Raises:
            ServiceError: The failure that `receive` deferred until its events were delivered.
        """

    def keepalive(self) -> list[str]:
        """Return the frames to send when a ping is due."""

    def stop(self) -> list[str]:
        """Return the frames that end the turn at the service before the socket is closed; called if nobody reads on."""

    def closed(self, code: int) -> list[Event]:
        """Handle a socket that closed before the end.

        Returns:
            The last events, if the outcome is already known.

        Raises:
            ServiceError: It is not known.
        """

    def timed_out(self) -> list[Event]:
        """Handle a timer that ran out. Returns and raises as `closed`."""

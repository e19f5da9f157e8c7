"""The dialect of the echo: the question goes out as one frame and comes back as one."""

from __future__ import annotations

from bingproject.errors import UpstreamUnavailableError
from chat.protocol.events import Event, Finished, Phase, Prompt, TextDelta


class Echo:
    """See `Dialect`."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self.finished = self.has_text = False
        self.progress = self.skipped = 0

    @property
    def phase(self) -> Phase:
        """There is no handshake."""
        return "finished" if self.finished else "waiting"

    def start(self) -> list[str]:
        """The question."""
        return [self._prompt.question]

    def receive(self, frame: str | bytes) -> list[Event]:
        """The whole answer."""
        text = frame if isinstance(frame, str) else frame.decode()
        self.finished = self.has_text = True
        self.progress += 1
        return [TextDelta(text), Finished(text, streamed=text, retire=False)]

    def to_send(self) -> list[str]:
        """Nothing more."""
        return []

    def stop(self) -> list[str]:
        """Return nothing to say at a caller's leaving."""
        return []

    def keepalive(self) -> list[str]:
        """It needs none."""
        return []

    def closed(self, code: int) -> list[Event]:
        """Before the answer: the turn has failed."""
        raise UpstreamUnavailableError

    def timed_out(self) -> list[Event]:
        """Before the answer: the turn has failed."""
        raise UpstreamUnavailableError

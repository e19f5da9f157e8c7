"""One turn with consumer Copilot: frames in, events out, frames to send.

Source: docs/wire/copilot.md, sections 3, 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chat.protocol.copilot.records import WireEvent, parse_event
from chat.protocol.copilot.refusals import COPILOT, parse_challenge, parse_error
from chat.protocol.copilot.text import AnswerText
from chat.protocol.copilot.turn import PING, REPORT_CONSENTS, SET_OPTIONS, build_send
from chat.protocol.events import (
    Citations,
    Event,
    Finished,
    ImageMade,
    Phase,
    Prompt,
    ReasoningDelta,
    Source,
    Suggestions,
    TextDelta,
)

# Seen, and of no use here; all others are counted.
IDLE_EVENTS = frozenset(
    {
        "activityStart",
        "activityUpdate",
        "appendSuggestion",
        "browserAutomate",
        "card",
        "cardGenerationFailed",
        "connected",
        "document",
        "emojiReaction",
        "generatingCard",
        "imageGenerationStatus",
        "invokeAction",
        "memorySignal",
        "modeSelected",
        "modelStatement",
        "newMessage",
        "page",
        "partCompleted",
        "partialImageGenerated",
        "received",
        "sideBySideComparison",
        "startMessage",
        "startSuggestion",
        "suggestVision",
        "suggestionCompleted",
        "taskStart",
        "taskUpdate",
        "titleUpdate",
    }
)


class Reply:
    """One turn; how it is driven stands at `chat.protocol.events.Dialect`.

    Shape: `wants_suggestions` False ends the turn with the answer, instead of waiting a second for what to ask next.
    """

    def __init__(
        self,
        conversation_id: str,
        prompt: Prompt,
        mode: str,
        *,
        turn: int,
        image_urls: Sequence[str] = (),
        wants_suggestions: bool = True,
    ) -> None:
        self.finished = False
        self.phase: Phase = "handshake"
        self.progress = 0
        self.skipped = 0
        self._question = build_send(conversation_id, prompt, mode, turn=turn, image_urls=image_urls)
        self._wants_suggestions = wants_suggestions
        self._outbox: list[str] = []
        self._text = AnswerText()
        self._citations: dict[str, Source] = {}
        self._suggestions: tuple[str, ...] = ()
        self._image_prompts: dict[str, str] = {}
        self._images: set[str] = set()
        self._failed_image = False

    @property
    def has_text(self) -> bool:
        """Whether some of the answer is out, after which nothing can be tried again; a picture is some of it."""
        return self._text.has_started or bool(self._images)

    def start(self) -> list[str]:
        """Nothing: Copilot speaks first."""
        return []

    def to_send(self) -> list[str]:
        """What to send now. The question goes out once and never again, whatever comes."""
        sent, self._outbox = self._outbox, []
        return sent

    def keepalive(self) -> list[str]:
        """A ping, while an answer is awaited."""
        return [PING] if self.phase in ("waiting", "answering") else []

    def receive(self, frame: str | bytes) -> list[Event]:
        """Read one frame, which is one event.

        Raises: AccountError, UpstreamError or InvalidRequestError by docs/wire/copilot.md, section 5.
        """
        event = None if self.finished else parse_event(frame)
        if self.finished or (event is not None and event.event == "pong"):
            return []
        if event is None or not isinstance(event.event, str):
            self.skipped += 1
            return []
        if self.phase == "lingering":
            return self._linger(event)
        if self.phase == "handshake":
            if event.event == "connected":
                self.phase = "waiting"
                self._outbox = [SET_OPTIONS, REPORT_CONSENTS, self._question]
                return []
        else:
            self.progress += 1
            self.phase = "answering"
        return self._hear(event)

    def closed(self, code: int) -> list[Event]:
        """The socket is gone.

        Raises: UnexpectedResponseError upstream_interrupted, unless the answer is complete.
        """
        if self.finished or self.phase == "lingering":
            return self._end()
        raise COPILOT.interrupted(f"socket closed with code {code} in phase {self.phase}")

    def timed_out(self) -> list[Event]:
        """A timer ran out.

        Raises: UnexpectedResponseError when Copilot did not even greet, else UpstreamTimeoutError, unless the answer
        is complete.
        """
        if self.finished or self.phase == "lingering":
            return self._end()
        if self.phase == "handshake":
            raise COPILOT.unexpected("no connected event")
        raise COPILOT.fail("timeout", f"silence in phase {self.phase}")

    def _hear(self, event: WireEvent) -> list[Event]:
        hearer = _HEARERS.get(event.event)
        if hearer is not None:
            return hearer(self, event)
        self.skipped += event.event not in IDLE_EVENTS
        return []

    def _append(self, event: WireEvent) -> list[Event]:
        delta = self._text.append(_part(event), event.text) if isinstance(event.text, str) else ""
        return [TextDelta(delta)] if delta else []

    def _replace(self, event: WireEvent) -> list[Event]:
        if not isinstance(event.text, str):
            return []
        if event.part_id is None:
            delta = self._text.replace_all(event.text)
        else:
            delta = self._text.replace(_part(event), event.text)
        return [TextDelta(delta)] if delta else []

    def _reason(self, event: WireEvent) -> list[Event]:
        return [ReasoningDelta(event.text)] if isinstance(event.text, str) and event.text else []

    def _cite(self, event: WireEvent) -> list[Event]:
        """Remember a source; its number is its place among the first mentions."""
        if _is_address(event.url):
            title = event.title if isinstance(event.title, str) and event.title else event.url
            self._citations.setdefault(event.url, Source(title, event.url))
        return []

    def _draw(self, event: WireEvent) -> list[Event]:
        """Remember what a picture shows until it is there."""
        if isinstance(event.prompt, str):
            self._image_prompts[_part(event)] = event.prompt
        return []

    def _show(self, event: WireEvent) -> list[Event]:
        if not _is_address(event.url) or event.url in self._images:
            return []
        self._images.add(event.url)
        return [ImageMade(event.url, self._image_prompts.get(_part(event), ""))]

    def _fail_image(self, _: WireEvent) -> list[Event]:
        self._failed_image = True
        return []

    def _suggest(self, event: WireEvent) -> list[Event]:
        listed = event.suggestions if isinstance(event.suggestions, list) else []
        self._suggestions = tuple(text for text in listed if isinstance(text, str) and text)
        return []

    def _complete(self, _: WireEvent) -> list[Event]:
        """The answer is complete; what to ask next comes after it, if at all."""
        if self._text.is_blank and not self._images:
            raise COPILOT.interrupted("the picture failed" if self._failed_image else "done without an answer")
        if self._suggestions or not self._wants_suggestions:
            return self._end()
        self.phase = "lingering"
        return []

    def _linger(self, event: WireEvent) -> list[Event]:
        if event.event == "suggestedFollowups":
            self._suggest(event)
            return self._end()
        return self._end() if event.event == "disconnecting" else []

    def _fail(self, event: WireEvent) -> list[Event]:
        raise parse_error(event.error_code)

    def _challenge(self, event: WireEvent) -> list[Event]:
        raise parse_challenge(event.method)

    def _ban(self, _: WireEvent) -> list[Event]:
        raise COPILOT.fail("account_blocked", "banned")

    def _break_off(self, event: WireEvent) -> list[Event]:
        raise COPILOT.interrupted(event.event)

    def _end(self) -> list[Event]:
        """The last events of a turn."""
        if self.finished:
            return []
        self.finished = True
        self.phase = "finished"
        events: list[Event] = []
        if self._citations:
            events.append(Citations(tuple(self._citations.values())))
        if self._suggestions:
            events.append(Suggestions(self._suggestions))
        events.append(Finished(self._text.final, self._text.streamed, retire=False, skipped=self.skipped))
        return events


_HEARERS: dict[str, Callable[[Reply, WireEvent], list[Event]]] = {
    "appendText": Reply._append,
    "replaceText": Reply._replace,
    "chainOfThought": Reply._reason,
    "citation": Reply._cite,
    "generatingImage": Reply._draw,
    "imageGenerated": Reply._show,
    "imageGenerationFailed": Reply._fail_image,
    "suggestedFollowups": Reply._suggest,
    "done": Reply._complete,
    "error": Reply._fail,
    "challenge": Reply._challenge,
    "banned": Reply._ban,
    "chatMessageError": Reply._break_off,
    "disconnecting": Reply._break_off,
}


def _part(event: WireEvent) -> str:
    return f"{event.message_id} {event.part_id}"


def _is_address(url: object) -> bool:
    return isinstance(url, str) and url.startswith(("https://", "http://"))

"""One turn with consumer Copilot: frames in, events out, frames to send.

Source: docs/wire/copilot.md, sections 3, 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chat.protocol.copilot.question import PING, REPORT_CONSENTS, SET_OPTIONS, build_send
from chat.protocol.copilot.refusals import COPILOT_ERRORS, parse_challenge, parse_error
from chat.protocol.copilot.text import CopilotAnswerText
from chat.protocol.copilot.wire_events import WireEvent, parse_event
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
from chat.protocol.transcript import prepend

# Seen, and nothing an answer needs. Events that are neither here nor in _HANDLERS are counted as skipped.
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


class CopilotTurn:
    """One turn. For its interface see `chat.protocol.events.Dialect`.

    Args:
        conversation_id: The upstream conversation's id.
        prompt: What the caller sends.
        mode: The site's word: `chat`, `reasoning`, …
        turn: Counts from 0 within the upstream conversation.
        image_urls: The addresses of uploaded pictures.
        wants_suggestions: False to end with the answer. True waits up to a second for suggestions.
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
        # For the error about a text that is too long, which has no figure of its own.
        self._size = len(prepend(prompt) if turn == 0 else prompt.question)
        self.finished = False
        self.phase: Phase = "handshake"
        self.progress = 0
        self.skipped = 0
        self._question = build_send(conversation_id, prompt, mode, turn=turn, image_urls=image_urls)
        self._wants_suggestions = wants_suggestions
        self._outbox: list[str] = []
        self._text = CopilotAnswerText()
        self._citations: dict[str, Source] = {}
        self._suggestions: tuple[str, ...] = ()
        self._image_prompts: dict[str, str] = {}
        self._images: set[str] = set()
        self._has_failed_image = False

    @property
    def has_text(self) -> bool:
        """True if a part of the answer was already sent: text or a picture."""
        return self._text.has_started or bool(self._images)

    def start(self) -> list[str]:
        """Return nothing: Copilot sends the first event, `connected`."""
        return []

    def to_send(self) -> list[str]:
        """Return the frames to send now. The question is sent only once, whatever comes."""
        sent, self._outbox = self._outbox, []
        return sent

    def keepalive(self) -> list[str]:
        """Return a ping while an answer is awaited."""
        return [PING] if self.phase in ("waiting", "answering") else []

    def stop(self) -> list[str]:
        """Return nothing: closing the socket ends the turn."""
        return []

    def receive(self, frame: str | bytes) -> list[Event]:
        """Read one frame, which is one event.

        Raises:
            ServiceError: Its code is in docs/wire/copilot.md, section 5.
        """
        event = None if self.finished else parse_event(frame)
        # A pong changes no timer: a server that only answers pings is silent.
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
                # A question without options was answered with `invalid-event` (section 3.4).
                self._outbox = [SET_OPTIONS, REPORT_CONSENTS, self._question]
                return []
        else:
            self.progress += 1
            self.phase = "answering"
        return self._handle(event)

    def closed(self, code: int) -> list[Event]:
        """Handle a closed socket.

        Raises:
            UnexpectedResponseError: `upstream_interrupted`, unless the answer is complete.
        """
        if self.finished or self.phase == "lingering":
            return self._end()
        raise COPILOT_ERRORS.interrupted(f"socket closed with code {code} in phase {self.phase}")

    def timed_out(self) -> list[Event]:
        """Handle a timer that ran out.

        Raises:
            UnexpectedResponseError: `connected` did not come.
            UpstreamTimeoutError: In any other phase, unless the answer is complete.
        """
        if self.finished or self.phase == "lingering":
            return self._end()
        if self.phase == "handshake":
            raise COPILOT_ERRORS.unexpected("no connected event")
        raise COPILOT_ERRORS.build("timeout", f"silence in phase {self.phase}")

    def _handle(self, event: WireEvent) -> list[Event]:
        handler = _HANDLERS.get(event.event)
        if handler is not None:
            return handler(self, event)
        self.skipped += event.event not in IDLE_EVENTS
        return []

    def _append(self, event: WireEvent) -> list[Event]:
        delta = self._text.append(_part(event), event.text) if isinstance(event.text, str) else ""
        return [TextDelta(delta)] if delta else []

    def _replace(self, event: WireEvent) -> list[Event]:
        if not isinstance(event.text, str):
            return []
        # Uncertain: without a part it replaces all the text so far (section 4.2).
        if event.part_id is None:
            delta = self._text.replace_all(event.text)
        else:
            delta = self._text.replace(_part(event), event.text)
        return [TextDelta(delta)] if delta else []

    def _add_reasoning(self, event: WireEvent) -> list[Event]:
        return [ReasoningDelta(event.text)] if isinstance(event.text, str) and event.text else []

    def _add_citation(self, event: WireEvent) -> list[Event]:
        """Remember a source. Sources are numbered by their first appearance."""
        if _is_address(event.url):
            title = event.title if isinstance(event.title, str) and event.title else event.url
            self._citations.setdefault(event.url, Source(title, event.url))
        return []

    def _note_image_prompt(self, event: WireEvent) -> list[Event]:
        """Remember the prompt of a picture that is being made."""
        if isinstance(event.prompt, str):
            self._image_prompts[_part(event)] = event.prompt
        return []

    def _add_image(self, event: WireEvent) -> list[Event]:
        # A picture with an empty address was seen (section 4.1).
        if not _is_address(event.url) or event.url in self._images:
            return []
        self._images.add(event.url)
        return [ImageMade(event.url, self._image_prompts.get(_part(event), ""))]

    def _note_image_failure(self, _: WireEvent) -> list[Event]:
        self._has_failed_image = True
        return []

    def _note_suggestions(self, event: WireEvent) -> list[Event]:
        listed = event.suggestions if isinstance(event.suggestions, list) else []
        self._suggestions = tuple(text for text in listed if isinstance(text, str) and text)
        return []

    def _complete(self, _: WireEvent) -> list[Event]:
        """Handle the end of the answer. Suggestions may follow it: docs/wire/copilot.md, section 4.4."""
        if self._text.is_blank and not self._images:
            raise COPILOT_ERRORS.interrupted(
                "the picture failed" if self._has_failed_image else "done without an answer"
            )
        if self._suggestions or not self._wants_suggestions:
            return self._end()
        self.phase = "lingering"
        return []

    def _linger(self, event: WireEvent) -> list[Event]:
        # The answer is complete: even an error or a challenge is ignored now (section 4.4).
        if event.event == "suggestedFollowups":
            self._note_suggestions(event)
            return self._end()
        return self._end() if event.event == "disconnecting" else []

    def _raise_error(self, event: WireEvent) -> list[Event]:
        raise parse_error(event.error_code, self._size)

    def _raise_challenge(self, event: WireEvent) -> list[Event]:
        raise parse_challenge(event.method)

    def _raise_ban(self, _: WireEvent) -> list[Event]:
        raise COPILOT_ERRORS.build("account_blocked", "banned")

    def _raise_interruption(self, event: WireEvent) -> list[Event]:
        raise COPILOT_ERRORS.interrupted(event.event)

    def _end(self) -> list[Event]:
        """Return the last events of the turn."""
        if self.finished:
            return []
        self.finished = True
        self.phase = "finished"
        events: list[Event] = []
        if self._citations:
            events.append(Citations(tuple(self._citations.values())))
        if self._suggestions:
            events.append(Suggestions(self._suggestions))
        # No limit of turns per conversation is known, so none is retired.
        events.append(Finished(self._text.final, self._text.streamed, retire=False, skipped=self.skipped))
        return events


_HANDLERS: dict[str, Callable[[CopilotTurn, WireEvent], list[Event]]] = {
    "appendText": CopilotTurn._append,
    "replaceText": CopilotTurn._replace,
    "chainOfThought": CopilotTurn._add_reasoning,
    "citation": CopilotTurn._add_citation,
    "generatingImage": CopilotTurn._note_image_prompt,
    "imageGenerated": CopilotTurn._add_image,
    "imageGenerationFailed": CopilotTurn._note_image_failure,
    "suggestedFollowups": CopilotTurn._note_suggestions,
    "done": CopilotTurn._complete,
    "error": CopilotTurn._raise_error,
    "challenge": CopilotTurn._raise_challenge,
    "banned": CopilotTurn._raise_ban,
    "chatMessageError": CopilotTurn._raise_interruption,
    "disconnecting": CopilotTurn._raise_interruption,
}


def _part(event: WireEvent) -> str:
    return f"{event.message_id} {event.part_id}"


def _is_address(url: object) -> bool:
    return isinstance(url, str) and url.startswith(("https://", "http://"))

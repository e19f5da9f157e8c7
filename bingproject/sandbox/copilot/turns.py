"""One turn of the consumer Copilot as a list of steps: JSON events, one a text frame. No socket is touched here.

Source: docs/wire/copilot.md, its section on events.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count, cycle
from typing import Any

from bingproject.sandbox.chat.chat_state import SandboxTurn
from bingproject.sandbox.chat.sample_text import THOUGHTS, Knobs, SampleAnswer, picture_url, query, wants_search
from bingproject.sandbox.chat.signalr_records import SOURCES, SUGGESTIONS
from bingproject.sandbox.chat.steps import Close, End, Step

ERRORS = {
    "invalid-event": "invalid-event",
    "unavailable": "chat-service-unavailable",
    "text-too-long": "text-too-long",
    "unknown-error": "sand-was-blown",
}
CHALLENGES: dict[str, tuple[str | None, str | None]] = {
    "challenge": (None, None),
    "challenge-cloudflare": ("cloudflare", None),
    "challenge-hashcash": ("hashcash", "5eed:20"),
    "challenge-copilot": ("copilot", "5eed"),
    "challenge-strange": ("sandcastle", None),
}
# Turns with these outcomes are not part of the conversation afterwards.
UNCOUNTED = frozenset({*ERRORS, *CHALLENGES, "banned", "message-error", "disconnecting", "silent"})
BREAKS = frozenset({"cut", "close", "fail"})
GARBAGE = ('{"event":"appendT', "nothing like JSON", "null", "[1]", '"a text"', "{}", '{"event":7}')
MARK = "\ue200cite\ue202turn0search1\ue201"
PREVIEW = "/9j/4AAQSkZJRgABAQ=="


def event(kind: str, number: str, **fields: Any) -> str:
    """Encode one event as it is sent: without a separator."""
    return json.dumps({"event": kind, **fields, "id": number}, ensure_ascii=False, separators=(",", ":"))


class CopilotScript:
    """Plays one turn: `outcome` decides its end, `knobs` how its events are sent; `origin` is the site's."""

    def __init__(
        self, turn: SandboxTurn, answer: SampleAnswer, knobs: Knobs, *, outcome: str, gap: float, at: str, origin: str
    ) -> None:
        self.turn = turn
        self.answer = answer
        self.knobs = knobs
        self.outcome = outcome
        self.gap = float(knobs.get("gap") or gap)
        self.at = at
        self.origin = origin
        self.message_id = f"m-{turn.request_id}"
        self._numbers = count(1)

    def event(self, kind: str, **fields: Any) -> str:
        """Return the next event of this socket."""
        return event(kind, str(next(self._numbers)), **fields)

    def steps(self) -> Iterator[Step]:
        """Yield the turn's steps."""
        if "delay" in self.knobs:
            yield float(self.knobs["delay"] or 0)
        if self.outcome == "silent":
            yield End.SILENCE
        elif self.outcome in ERRORS:
            yield from self._error(ERRORS[self.outcome])
        else:
            yield from self._begun()

    def _begun(self) -> Iterator[Step]:
        here = {"conversationId": self.turn.conversation, "createdAt": self.at}
        yield self.event("received", messageId=f"u-{self.turn.request_id}", **here)
        if self.outcome in CHALLENGES:
            yield from self._challenge(*CHALLENGES[self.outcome])
        elif self.outcome == "banned":
            yield self.event("banned", banExpiresAt=None)
        elif self.outcome == "disconnecting":
            yield self.event("disconnecting")
            yield Close(1000)
        elif self.outcome == "message-error":
            yield self.event("chatMessageError", conversationId=self.turn.conversation)
        else:
            yield self.event("startMessage", messageId=self.message_id, **here)
            yield from self._message()

    def _message(self) -> Iterator[Step]:
        kind, _, when = self.outcome.rpartition("-")
        if when == "before":
            yield from self._break(kind)
        elif self.outcome == "empty-answer":
            yield from self._done()
        else:
            yield from self._before_text()
            yield from self._texts(self.answer.half if when == "after" else len(self.answer.ends))
            yield from self._cut_short(kind) if when == "after" else self._ending()

    def _cut_short(self, kind: str) -> Iterator[Step]:
        if kind in BREAKS:
            yield from self._break(kind)
        elif kind == "challenge":
            yield from self._challenge(None, None)
        elif kind == "unknown-error":
            yield from self._error("sand-was-blown")
        elif kind == "message-error":
            yield self.event("chatMessageError", messageId=self.message_id)
        else:
            yield End.SILENCE

    # -- what goes wrong -----------------------------------------------------------------------------------------

    @staticmethod
    def _break(kind: str) -> Iterator[Step]:
        yield End.CUT if kind == "cut" else Close(1011 if kind == "fail" else 1000)

    @staticmethod
    def _error(code: str) -> Iterator[Step]:
        yield event("error", "0.0002", errorCode=code)

    @staticmethod
    def _challenge(method: str | None, parameter: str | None) -> Iterator[Step]:
        yield event("challenge", "0.0001", method=method, parameter=parameter)
        yield End.SILENCE

    # -- what goes well ------------------------------------------------------------------------------------------

    def _before_text(self) -> Iterator[Step]:
        if "think" in self.knobs:
            for thought in THOUGHTS:
                yield self.event("chainOfThought", messageId=self.message_id, text=thought)
        if {"image", "image-empty", "image-failed"} & self.knobs.keys():
            yield from self._picture()

    def _picture(self) -> Iterator[Step]:
        part = {"messageId": self.message_id, "partId": "p1"}
        yield self.event("generatingImage", prompt=query(self.turn), progressionText="Painting with sand", **part)
        for _ in range(2):
            yield self.event("partialImageGenerated", content=PREVIEW, **part)
        if "image-failed" in self.knobs:
            yield self.event("imageGenerationFailed", **part)
            return
        url = "" if "image-empty" in self.knobs else picture_url(self.origin, self.turn)
        yield self.event("imageGenerated", url=url, thumbnailUrl=f"{url}?w=270", nextAvailableAt=None, **part)

    def _texts(self, chunks: int) -> Iterator[Step]:
        """Send the first `chunks` chunks; each event has the new text alone."""
        start, half = 0, self.answer.half
        noise = cycle(self._noise())
        for index in range(chunks):
            end = self.answer.ends[index]
            if self.gap and index:
                yield self.gap
            if {"garbage", "unknown-type", "fraction-ids"} & self.knobs.keys():
                yield next(noise)
            if index == half and "marks" in self.knobs:
                yield self._append(MARK[:5])
                yield self._append(MARK[5:])
            if index == half and "replace" in self.knobs:
                yield self._part("replaceText", self.answer.text[:end])
            else:
                yield self._append(self.answer.text[start:end])
            start = end
        if "replace-other" in self.knobs:
            yield self._part("replaceText", f"In short: {self.answer.text[: max(1, start // 3)].rstrip()}")

    def _append(self, text: str) -> str:
        return self._part("appendText", text)

    def _part(self, kind: str, text: str) -> str:
        return self.event(kind, messageId=self.message_id, partId="0", text=text)

    def _noise(self) -> list[str]:
        noise: list[str] = []
        if "garbage" in self.knobs:
            noise += GARBAGE
        if "unknown-type" in self.knobs:
            noise += [event("sandCastle", "0.1", text="not the answer"), event("memorySignal", "0.2")]
        if "fraction-ids" in self.knobs:
            noise.append(event("pong", "0.0001"))
        return noise

    def _ending(self) -> Iterator[Step]:
        if wants_search(self.turn, self.knobs):
            for title, url in SOURCES:
                yield self.event("citation", messageId=self.message_id, partId="1", title=title, url=url)
        yield from self._done()

    def _done(self) -> Iterator[Step]:
        yield self.event("partCompleted", messageId=self.message_id, partId="0")
        yield self.event("done", messageId=self.message_id)
        # The client may leave now; the events after this one are optional.
        yield End.SAID
        if "no-followups" in self.knobs:
            return
        if "late-followups" in self.knobs:
            yield float(self.knobs["late-followups"] or 0)
        yield self.event("titleUpdate", conversationId=self.turn.conversation, title=query(self.turn)[:40])
        yield self.event("suggestedFollowups", messageId=self.message_id, suggestions=list(SUGGESTIONS))

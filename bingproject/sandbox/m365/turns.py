"""One turn of Microsoft 365 Copilot as a list of steps: snapshots and deltas side by side. No socket is touched here.

Source: docs/wire/m365.md, its section on incoming records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from bingproject.sandbox.chat.chat_state import SandboxTurn
from bingproject.sandbox.chat.sample_text import THOUGHTS, Knobs, SampleAnswer, picture_url
from bingproject.sandbox.chat.signalr_records import SOURCES, Records, Values, encode
from bingproject.sandbox.chat.signalr_script import BREAKS, REFUSALS, RecordScript
from bingproject.sandbox.chat.steps import Echo, End, Step
from bingproject.sandbox.chat.turn_words import ANSWERED

RATE_TEXT = "We are temporarily unable to respond to this many requests. Please try again later."
DAILY_LIMIT = "You've reached your daily limit. Get more usage now or check back at 7:00 PM."
CREDITS_SECONDS = 7_200
ECHO_SECONDS = 2.0
# Such turns do not count against a conversation's limit.
UNCOUNTED = frozenset(
    {
        "throttled",
        "unknown-result",
        "bare-type3",
        "silent",
        "pings-only",
        "no-allowance",
        "out-of-credits",
        "daily-limit",
        "rate-text",
        "invalid-session",
    }
)
# What whole texts lose and deltas keep: code that looks like a link, a link's definition or a script.
FILTERED = re.compile(r"\[[^\]\n]*\]\([^)\n]*\)|\[[^\]\n]*\]:|<script src=[^>\n]*>")
# The citation mark in the text, of private-use characters around an id.
MARK = "\ue200cite\ue202turn0search{}\ue201"


def mark(number: int) -> str:
    """Return the mark of a source in the text."""
    return MARK.format(number)


class M365Script(RecordScript):
    """Plays one turn of Microsoft 365.

    `origin` is where its pictures are. `is_stream_hub`: every record is a type 2 with an item, as on the second hub.
    """

    def __init__(
        self, records: Records, turn: SandboxTurn, answer: SampleAnswer, knobs: Knobs,
        *, origin: str, outcome: str = ANSWERED, gap: float = 0.0, is_stream_hub: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(records, turn, answer, knobs, outcome=outcome, gap=gap)
        self.origin = origin
        self.is_stream_hub = is_stream_hub

    def _play(self) -> Iterator[Step]:
        yield from self._delay()
        if self.outcome == "bare-type3":
            yield self.records.completion()
        elif self.outcome in ("silent", "pings-only"):
            yield End.SILENCE if self.outcome == "silent" else End.PINGS
        elif self.outcome in REFUSALS:
            yield self._refusal(self.records.conversation_id)
        else:
            yield from self._begun()

    def _begun(self) -> Iterator[Step]:
        early = self.records.message(messageType="Progress", contentType="EarlyProgress", text="", messageId="p0")
        yield self._update(early)
        yield self._update(throttling=self._throttling())
        if "echo-pings" in self.knobs:
            yield Echo(ECHO_SECONDS)
        kind, _, when = self.outcome.rpartition("-")
        if self.outcome == "no-allowance":
            yield self.records.refusal("Throttled", "Request is throttled.") + self.records.completion()
        elif self.outcome == "out-of-credits":
            yield self._out_of_credits() + self.records.completion()
        elif self.outcome == "daily-limit":
            yield self._snapshot(DAILY_LIMIT)
            yield self._final(DAILY_LIMIT) + self.records.completion()
        elif self.outcome == "rate-text":
            yield self._snapshot(RATE_TEXT)
            yield self._final(RATE_TEXT) + self.records.completion()
        elif self.outcome == "disengaged-only":
            message = self.records.message(messageType="Disengaged", text="", messageId="d1")
            yield self._update(message)
            yield self._final("", messages=[message]) + self.records.completion()
        elif self.outcome == "empty-answer":
            yield self._final("", messages=[]) + self.records.completion()
        elif when == "before" and kind in BREAKS:
            yield from self._break(kind)
        else:
            yield from self._answer(kind, when)

    def _out_of_credits(self) -> str:
        full_at = datetime.fromtimestamp(self.turn.started_at, UTC) + timedelta(seconds=CREDITS_SECONDS)
        meters = [{"remainingAllowance": 0, "totalAllowance": 30, "resetAt": full_at.isoformat()}]
        result = {"value": "OutOfCredits", "message": DAILY_LIMIT, "meteringInformation": meters}
        return encode({"type": 2, "invocationId": self.records.invocation_id, "item": {"result": result}})

    def _throttling(self) -> Values:
        left = 0 if self.outcome == "no-allowance" else 100
        return self.records.throttling | {"metering": {"LLMOnly": {"remainingAllowance": left}}}

    # -- turns with an answer ------------------------------------------------------------------------------------

    def _answer(self, kind: str, when: str) -> Iterator[Step]:
        is_cut = when == "after" or self.outcome == "token-dies"
        yield from self._before_text()
        if "final-only" not in self.knobs:
            yield from self._texts(self.answer.half if is_cut else len(self.answer.ends))
        if not is_cut:
            yield from self._ending()
        elif kind in BREAKS or self.outcome == "token-dies":
            yield from self._break("cut" if self.outcome == "token-dies" else kind)
        else:
            yield End.SILENCE if kind == "silent" else End.PINGS

    def _before_text(self) -> Iterator[Step]:
        progress = {"messageType": "Progress", "messageId": "p1"}
        if "think" in self.knobs:
            shown = ""
            for thought in THOUGHTS:
                shown += thought
                yield self._update(self.records.message(text=shown, contentOrigin="ChainOfThoughtSummary", **progress))
        if self.is_searching:
            found = {"contentType": "SearchResults", "searchQueries": [self.query]}
            yield self._update(self.records.message(text="Searching", **found, **progress | {"messageId": "p2"}))
        if "image" in self.knobs:
            yield from self._picture()

    def _picture(self) -> Iterator[Step]:
        """Announce a picture without an address, then send its address twice."""
        made = [picture_url(self.origin, self.turn)]
        for urls in ([], made, made):
            listed = {"contentType": "image", "pollUrl": "", "ImageReferenceUrls": urls}
            yield self._update(
                self.records.message(
                    messageType="Progress", messageId="p3", contentType="GraphicArt", contentOrigin="ImageGeneration",
                    text="Generating image", contentGenerationProgressList=[listed],
                )
            )  # fmt: skip

    def _texts(self, chunks: int) -> Iterator[Step]:
        """Send the first `chunks` chunks as deltas, with a snapshot of the text so far first and after every other."""
        noise, start = cycle(self._noise()), 0
        for index in range(chunks):
            end = self.answer.ends[index]
            if self.gap and index:
                yield self.gap
            if {"garbage", "unknown-type", "tool-delta"} & self.knobs.keys():
                yield next(noise)
            so_far = self.answer.text[:end]
            if "snapshots-only" in self.knobs:
                yield self._snapshot(so_far)
            elif "deltas-only" in self.knobs:
                yield self._delta(self.answer.text[start:end])
            elif index == 0:
                yield self._snapshot(so_far, cursor={"j": f"$['{self.message_id}'].text", "p": -1})
            else:
                yield self._delta(self.answer.text[start:end])
                if index % 2 == 0:
                    yield self._snapshot(so_far)
            start = end

    def _update(self, *messages: Values, **fields: Any) -> str:
        if not self.is_stream_hub:
            return self.records.update(*messages, **fields)
        item = fields | ({"messages": list(messages)} if messages else {})
        return encode({"type": 2, "invocationId": self.records.invocation_id, "item": item})

    def _snapshot(self, text: str, **fields: Values) -> str:
        return self._update(self._message(text), **fields)

    def _delta(self, text: str) -> str:
        return self._update(writeAtCursor=text, streamingMode="Delta", nonce=self.turn.request_id)

    def _message(self, text: str, **fields: object) -> Values:
        return self.records.message(
            text=filter_whole(text), messageId=self.message_id, contentOrigin="DeepLeo", **fields
        )

    def _noise(self) -> list[str]:
        noise = super()._noise()
        if "tool-delta" in self.knobs:
            tool = self.records.message(messageType="Progress", contentType="image", text="…", messageId="p9")
            noise.append(self._update(tool, writeAtCursor="not the answer"))
        return noise

    def _strange(self, message: Values) -> list[str]:
        return [encode({"type": 42})]

    def _ending(self) -> Iterator[Step]:
        text = self._last_words()
        if "final-only" not in self.knobs:
            yield self._update(isLastUpdate=True)
            yield self._update(patches=[{"op": "replace", "path": "/spokenText", "value": ""}])
        extras: Values = {"sourceAttributions": []}
        if "suggestions" in self.knobs or self.is_searching:
            extras["suggestedResponses"] = self.records.suggestions()
        if self.is_searching:
            extras["references"] = _references()
        message = self._message(text, **extras)
        if extras != {"sourceAttributions": []}:
            yield self._update(message)
            yield self._update(self.records.message(messageType="ReferencesListComplete", text="", messageId="r1"))
        final = self._final(text, messages=[*self._search_results(), message])
        yield final if "no-type3" in self.knobs else final + self.records.completion()

    def _final(self, text: str, *, messages: list[Values] | None = None) -> str:
        """Return the type 2, in which `result.message` is the whole answer."""
        said = [self._message(text)] if messages is None else messages
        return self.records.final([self.records.user(self.turn.text), *said], message=filter_whole(text))

    def _search_results(self) -> list[Values]:
        return self._padding(messageType="Progress", contentType="SearchResults")


def filter_whole(text: str) -> str:
    """Delete from a whole text what the service deletes: links, names of link definitions, tags of scripts."""
    return FILTERED.sub("", text)


def _references() -> Values:
    """Return the sources behind an answer's marks, by number, as JSON within JSON."""
    return {
        f"{number}-{number:06x}": {
            "targetLink": url,
            "displayData": {"content": json.dumps({"label": str(number), "Title": title, "snippet": title})},
        }
        for number, (title, url) in enumerate(SOURCES, start=1)
    }

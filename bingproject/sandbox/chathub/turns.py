"""One turn of Bing Chat as a list of steps: records, pauses and the end. No socket is touched here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from bingproject.sandbox.chat.chat_state import ANONYMOUS, SIGNED_IN, SandboxTurn
from bingproject.sandbox.chat.sample_text import Knobs, SampleAnswer
from bingproject.sandbox.chat.signalr_records import PING, Records, Values, encode
from bingproject.sandbox.chat.signalr_script import BREAKS, REFUSALS, RecordScript
from bingproject.sandbox.chat.steps import PINGS_A_SECOND, Close, End, Step
from bingproject.sandbox.chat.turn_words import ANSWERED

# Such turns do not count against a conversation's limit.
UNCOUNTED = frozenset({*REFUSALS, "turn-limit", "too-long", "no-result", "bare-type3", "silent", "pings-only"})
DISENGAGING = frozenset({"disengaged", "disengaged-only", "disengaged-after"})


class Script(RecordScript):
    """Plays one turn of Bing Chat."""

    def __init__(
        self,
        records: Records,
        turn: SandboxTurn,
        answer: SampleAnswer,
        knobs: Knobs,
        *,
        outcome: str = ANSWERED,
        gap: float = 0.0,
    ) -> None:
        super().__init__(records, turn, answer, knobs, outcome=outcome, gap=gap)
        # The final record repeats the messages before the answer.
        self.before: list[Values] = []

    def _play(self) -> Iterator[Step]:
        yield from self._opening()
        if self.outcome in REFUSALS:
            yield self._refusal(self._shown_id())
        elif self.outcome in _AT_ONCE:
            yield self._at_once()
        else:
            if "no-throttling" not in self.knobs:
                yield self.records.update(throttling=self.records.throttling)
            kind, _, when = self.outcome.partition("-")
            if when == "before" and kind in BREAKS:
                yield from self._break(kind)
            elif self.outcome in _WITHOUT_TEXT:
                yield from self._without_text()
            else:
                yield from self._answer()

    def _opening(self) -> Iterator[Step]:
        yield from self._delay()
        for _ in range(int((self.knobs.get("pings") or 0) * PINGS_A_SECOND)):
            yield PING
            yield 1 / PINGS_A_SECOND

    def _at_once(self) -> Step:
        if self.outcome == "silent":
            return End.SILENCE
        if self.outcome == "pings-only":
            return End.PINGS
        if self.outcome == "too-long":
            return Close(1000)
        shown = self.records.without_result() if self.outcome == "no-result" else ""
        return shown + self.records.completion()

    def _shown_id(self) -> str:
        """Return the conversation's id as a refusal names it."""
        shown = self.records.conversation_id
        return shown.replace(f"|{SIGNED_IN}|", f"|{ANONYMOUS}|") if self.outcome == "captcha-anonymous" else shown

    # -- turns without an answer ---------------------------------------------------------------------------------

    def _without_text(self) -> Iterator[Step]:
        records, name = self.records, self.outcome
        messages = {
            "disengaged": [records.disengaged(), records.apology(self.message_id)],
            "disengaged-only": [records.disengaged()],
            "apology": [records.apology(self.message_id)],
            "turn-limit": [records.limiter()],
            "card-only": [records.card()],
            "blank-answer": [records.answer("", self.message_id)],
            "empty-answer": [],
        }[name]
        for message in messages:
            yield records.update(message)
        yield records.final([records.user(self.turn.text), *messages]) + records.completion()

    # -- turns with one ------------------------------------------------------------------------------------------

    def _answer(self) -> Iterator[Step]:
        kind, _, when = self.outcome.partition("-")
        is_cut = when.startswith("after")
        yield from self._before_text()
        yield from self._texts(self.answer.half if is_cut or "tail" in self.knobs else len(self.answer.ends))
        if not is_cut:
            yield from self._ending()
        elif kind in BREAKS:
            yield from self._break(kind)
        elif kind in ("silent", "pings"):
            yield End.SILENCE if kind == "silent" else End.PINGS
        else:
            yield from self._withdraw()

    def _before_text(self) -> Iterator[Step]:
        records = self.records
        if "user-echo" in self.knobs:
            yield records.update(records.user(self.turn.text))
        if self.is_searching:
            self.before += records.search(self.query)
        if "picture" in self.knobs:
            self.before.append(records.picture(self.query))
        for message in self.before:
            yield records.update(message)
            if self.gap:
                yield self.gap

    def _texts(self, count: int) -> Iterator[Step]:
        """Send the first `count` chunks; each update holds all of the text so far."""
        if "final-only" in self.knobs:
            return
        answer, change = self.answer, self.answer.half
        start, message_id = 0, self.message_id
        noise = cycle(self._noise()) if {"garbage", "unknown-type"} & self.knobs.keys() else None
        head, tail = self._around(message_id)
        yield self._first_update(answer.text[: answer.ends[0]])
        for index in range(1, count):
            if self.gap:
                yield self.gap
            if index == change and {"id-change", "id-repeat"} & self.knobs.keys():
                start = answer.escaped_ends[index - 1] if "id-change" in self.knobs else 0
                head, tail = self._around(self._second_id())
            if noise is not None:
                yield next(noise)
            yield head + answer.escaped[start : answer.escaped_ends[index]] + tail

    def _first_update(self, text: str) -> str:
        message = self.records.answer(text, self.message_id, with_picture="image-card" in self.knobs)
        block = 1 if "image-card" in self.knobs else 0
        cursor = {"j": f"$['{self.message_id}'].adaptiveCards[0].body[{block}].text", "p": -1}
        return self.records.update(message, cursor=cursor)

    def _around(self, message_id: str) -> tuple[str, str]:
        if "several" not in self.knobs:
            return self.records.text_update(message_id)
        progress = self.records.message(messageType="Progress", text="…", messageId=f"p-{message_id}")
        return self.records.text_update(message_id, before=[progress], after=[progress | {"text": "more"}])

    def _second_id(self) -> str:
        return self.message_id.replace("b-", "b2-", 1)

    def _strange(self, message: Values) -> list[str]:
        return [
            encode({"type": 42, "arguments": [{"messages": [message]}]}),
            encode({"type": 1, "target": "castle", "arguments": [{"messages": [message]}]}),
            encode({"type": 1, "target": "update", "arguments": []}),
            encode({"type": 1, "target": "update", "arguments": [{"messages": None}]}),
        ]

    def _withdraw(self) -> Iterator[Step]:
        """Replace what was shown, or stop, as the outcome says."""
        records, shown = self.records, self.answer.text[: self.answer.ends[self.answer.half - 1]]
        answer = records.answer(shown, self.message_id)
        if self.outcome == "apology-after":
            messages = [records.apology(self.message_id)]
        elif self.outcome == "apology-after-new":
            messages = [answer, records.apology(self._second_id())]
        else:
            messages = [answer, records.disengaged()]
        yield records.update(messages[-1])
        yield records.final([records.user(self.turn.text), *messages]) + records.completion()

    def _ending(self) -> Iterator[Step]:
        records, messages = self.records, self._final_messages()
        if "final-only" not in self.knobs and self._has_closing_update():
            yield records.update(messages[-1])
        if "card" in self.knobs or self.is_searching:
            messages.append(records.card())
            if "card" in self.knobs:
                yield records.update(messages[-1])
        if self.outcome == "no-type2":
            yield records.completion()
            return
        final = records.final([records.user(self.turn.text), *self._search_results(), *self.before, *messages])
        if "no-type3" in self.knobs:
            yield final
        elif "late-type3" in self.knobs:
            yield final
            yield End.SAID
            yield float(self.knobs["late-type3"] or 0)
            yield records.completion()
        else:
            yield final + records.completion()

    def _has_closing_update(self) -> bool:
        return self.is_searching or bool({"suggestions", "shrink"} & self.knobs.keys())

    def _final_messages(self) -> list[Values]:
        """Return the final answer; after a change of messageId it is two messages."""
        text, message_id, messages = self._last_words(), self.message_id, []
        if len(self.answer.ends) > 1 and {"id-change", "id-repeat"} & self.knobs.keys():
            message_id = self._second_id()
            if "id-change" in self.knobs:
                end = self.answer.ends[self.answer.half - 1]
                messages.append(self.records.answer(self.answer.text[:end], self.message_id))
                text = self.answer.text[end:]
        extras: Values = {}
        if self.is_searching:
            extras["sourceAttributions"] = self.records.attributions(self.query)
        if self.is_searching or "suggestions" in self.knobs:
            extras["suggestedResponses"] = self.records.suggestions()
        with_picture = "image-card" in self.knobs
        return [*messages, self.records.answer(text, message_id, with_picture=with_picture, **extras)]

    def _search_results(self) -> list[Values]:
        return self._padding(messageType="InternalSearchResult", hiddenText="")


_AT_ONCE = frozenset({"silent", "pings-only", "too-long", "bare-type3", "no-result"})
_WITHOUT_TEXT = frozenset(
    {
        "disengaged",
        "disengaged-only",
        "apology",
        "turn-limit",
        "card-only",
        "blank-answer",
        "empty-answer",
    }
)

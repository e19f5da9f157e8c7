"""One turn as a list of steps: what is sent, how long nothing is, and how it ends. No socket is touched here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from bingproject.sandbox.chathub_answers import Answer, Knobs, query, wants_search
from bingproject.sandbox.chathub_records import PING, SEPARATOR, Records, Values, encode
from bingproject.sandbox.chathub_state import ANONYMOUS, SIGNED_IN, Turn
from bingproject.sandbox.steps import (
    PINGS_A_SECOND,
    Close,
    End,
    Step,
    cut_anywhere,
    fragmented,
    in_one_frame,
)
from bingproject.sandbox.turn_words import ANSWERED

IDX = (
    "Token issued by https://sydney.bing.com/sydney is invalid (IDX10223: Lifetime validation failed. "
    "The token is expired.)"
)
NO_SIGNATURE = "The conversationSignature is not set. IsAuthenticated=False"
GONE = "Conversation '{}' doesn't exist or has expired. Conversations expire after 06:00:00."
# name → value, message, whether the key `error` comes along
REFUSALS: dict[str, tuple[str, str, bool]] = {
    "throttled": ("Throttled", "Request is throttled.", True),
    "captcha": ("CaptchaChallenge", "User needs to solve CAPTCHA to continue.", True),
    "captcha-anonymous": ("CaptchaChallenge", "User needs to solve CAPTCHA to continue.", True),
    "invalid-session": ("InvalidSession", GONE, False),
    "token-expired": ("UnauthorizedRequest", IDX, True),
    "signature-not-set": ("UnauthorizedRequest", NO_SIGNATURE, True),
    "unknown-result": ("SandWasBlown", "Nobody has seen this value before.", True),
}
BREAKS = frozenset({"cut", "close", "fail", "type7", "error3"})
# Such turns do not count against a conversation's limit.
UNCOUNTED = frozenset({*REFUSALS, "turn-limit", "too-long", "no-result", "bare-type3", "silent", "pings-only"})
DISENGAGING = frozenset({"disengaged", "disengaged-only", "disengaged-after"})
GARBAGE = ('{"type":1,"target":"upd', "nothing like JSON", "null", "[1]", '"a text"', "{}", '{"type":"1"}', "")


class Script:
    """Plays one turn: `outcome` says what becomes of it, `knobs` how its records come."""

    def __init__(
        self, records: Records, turn: Turn, answer: Answer, knobs: Knobs, *, outcome: str = ANSWERED, gap: float = 0.0
    ) -> None:
        self.records = records
        self.turn = turn
        self.answer = answer
        self.outcome = outcome
        self.knobs = knobs
        self.gap = float(knobs.get("gap") or gap)
        self.is_searching = wants_search(turn, knobs)
        self.query = query(turn)
        self.message_id = f"b-{turn.request_id}"
        # What came before the answer, for the final record.
        self.before: list[Values] = []

    def steps(self) -> Iterator[Step]:
        """Yield the turn's steps."""
        steps = self._play()
        if "many-records" in self.knobs:
            steps = in_one_frame(steps)
        if "split-records" in self.knobs:
            steps = cut_anywhere(steps)
        if "split-utf8" in self.knobs:
            steps = fragmented(steps)
        return steps

    def _play(self) -> Iterator[Step]:
        yield from self._opening()
        if self.outcome in REFUSALS:
            yield self._refusal() + self.records.completion()
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
        if "delay" in self.knobs:
            yield float(self.knobs["delay"] or 0)
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

    def _refusal(self) -> str:
        value, message, with_error = REFUSALS[self.outcome]
        shown = self.records.conversation_id
        if self.outcome == "captcha-anonymous":
            shown = shown.replace(f"|{SIGNED_IN}|", f"|{ANONYMOUS}|")
        return self.records.refusal(value, message.format(shown), with_error=with_error, conversation_id=shown)

    def _break(self, kind: str) -> Iterator[Step]:
        if kind == "cut":
            yield End.CUT
        elif kind == "error3":
            yield self.records.completion("The sandbox failed.")
        elif kind == "type7":
            yield self.records.close()
            yield Close(1000)
        else:
            yield Close(1011 if kind == "fail" else 1000)

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

    def _noise(self) -> list[str]:
        noise = []
        if "garbage" in self.knobs:
            noise += [line + SEPARATOR for line in GARBAGE]
        if "unknown-type" in self.knobs:
            strange = self.records.message(messageType="SandCastle", text="not the answer", messageId="x")
            noise += [
                self.records.update(strange),
                encode({"type": 42, "arguments": [{"messages": [strange]}]}),
                encode({"type": 1, "target": "castle", "arguments": [{"messages": [strange]}]}),
                encode({"type": 1, "target": "update", "arguments": []}),
                encode({"type": 1, "target": "update", "arguments": [{"messages": None}]}),
            ]
        return noise

    def _withdraw(self) -> Iterator[Step]:
        """Take back what was shown, or stop, as the outcome says."""
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
        final = records.final([records.user(self.turn.text), *self._padding(), *self.before, *messages])
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
        """The answer as it finally stands, after a changed messageId in two messages."""
        text, message_id, messages = self.answer.text, self.message_id, []
        if "shrink" in self.knobs:
            text = "In short: " + text[: max(1, len(text) // 3)].rstrip()
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

    def _padding(self) -> list[Values]:
        """What makes a final record big: in life these are search results."""
        if "big" not in self.knobs:
            return []
        text = "sand " * int((self.knobs["big"] or 0) * (1 << 20) / 5)
        return [self.records.message(messageType="InternalSearchResult", text=text, messageId="big", hiddenText="")]


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

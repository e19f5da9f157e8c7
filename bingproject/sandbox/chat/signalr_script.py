"""The behaviour of turns that both SignalR services share: how records are split, how turns break, and noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from bingproject.sandbox.chat.chat_state import SandboxTurn
from bingproject.sandbox.chat.sample_text import Knobs, SampleAnswer, query, wants_search
from bingproject.sandbox.chat.signalr_records import SEPARATOR, Records, Values
from bingproject.sandbox.chat.steps import Close, End, Step, cut_anywhere, fragmented, in_one_frame
from bingproject.sandbox.chat.turn_words import ANSWERED

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
GARBAGE = ('{"type":1,"target":"upd', "nothing like JSON", "null", "[1]", '"a text"', "{}", '{"type":"1"}', "")
SAND = "sand "


class RecordScript(ABC):
    """Play one turn: `outcome` decides its end, `knobs` how its records are sent."""

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
        self.records = records
        self.turn = turn
        self.answer = answer
        self.outcome = outcome
        self.knobs = knobs
        self.gap = float(knobs.get("gap") or gap)
        self.is_searching = wants_search(turn, knobs)
        self.query = query(turn)
        self.message_id = f"b-{turn.request_id}"

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

    @abstractmethod
    def _play(self) -> Iterator[Step]:
        """Yield the steps before they are split."""

    def _delay(self) -> Iterator[Step]:
        if "delay" in self.knobs:
            yield float(self.knobs["delay"] or 0)

    def _refusal(self, conversation_id: str) -> str:
        value, message, with_error = REFUSALS[self.outcome]
        shown = message.format(conversation_id)
        refusal = self.records.refusal(value, shown, with_error=with_error, conversation_id=conversation_id)
        return refusal + self.records.completion()

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

    def _noise(self) -> list[str]:
        """Return records that may come between good ones and are not part of the answer."""
        noise = [line + SEPARATOR for line in GARBAGE] if "garbage" in self.knobs else []
        if "unknown-type" in self.knobs:
            strange = self.records.message(messageType="SandCastle", text="not the answer", messageId="x")
            noise += [self.records.update(strange), *self._strange(strange)]
        return noise

    @abstractmethod
    def _strange(self, message: Values) -> list[str]:
        """Return records of unknown types, some with messages of unknown types."""

    def _last_words(self) -> str:
        """Return the final text of the answer."""
        text = self.answer.text
        return f"In short: {text[: max(1, len(text) // 3)].rstrip()}" if "shrink" in self.knobs else text

    def _padding(self, **fields: str) -> list[Values]:
        """Return padding for a large final record, which in reality has search results."""
        if "big" not in self.knobs:
            return []
        text = SAND * int((self.knobs["big"] or 0) * (1 << 20) / len(SAND))
        return [self.records.message(text=text, messageId="big", **fields)]

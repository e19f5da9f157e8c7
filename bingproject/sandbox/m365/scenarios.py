"""The named behaviours of Microsoft 365 Copilot's chat beside those it shares with the other chats.

Each line: name → (row of docs/wire/m365.md or the setting it stands for, effect, and, where `=N` has a meaning of its
own, the N of a prompt that gives none).
"""

from __future__ import annotations

from bingproject.sandbox.core.scenario import answer_scenarios, turn_scenarios

TURN: dict[str, tuple[str, str]] = {
    "rate-text": ("27", "a sentence about too many requests, as if it were the answer"),
    "no-allowance": ("10", "metering says that nothing is left, and the result is Throttled"),
    "out-of-credits": ("10", "the result is OutOfCredits, and a meter says that it is full again in two hours"),
    "daily-limit": ("27", "the daily-limit sentence with a clock time, as if it were the answer"),
    "token-dies": ("18", "TCP cut after half of the text; from then on the token is refused"),
}
ANSWER: dict[str, tuple[str, str, float | None]] = {
    "deltas-only": ("3.3", "text comes by writeAtCursor alone, and whole at the end", None),
    "snapshots-only": ("3.3", "text comes by snapshots alone", None),
    "tool-delta": ("3.3", "a Progress message carries a writeAtCursor that is no part of the answer", None),
    "echo-pings": ("3.3", "the server pings, and goes on only when its ping came back", None),
}
# What this chat shares with its relatives, by the same names.
SHARED_TURN = frozenset(
    {"throttled", "unknown-result", "disengaged-only", "bare-type3", "error3-before", "error3-after", "cut-before",
     "cut-after", "close-before", "close-after", "fail-before", "fail-after", "type7-before", "type7-after", "silent",
     "silent-after", "pings-only", "pings-after", "empty-answer", "invalid-session"}
)  # fmt: skip
SHARED_ANSWER = frozenset(
    {"words", "gap", "delay", "search", "suggestions", "recall", "nul", "one-char", "garbage", "unknown-type",
     "many-records", "split-records", "split-utf8", "big", "final-only", "no-type3", "think", "image", "marks",
     "shrink"}
)  # fmt: skip
SCENARIOS = (*turn_scenarios(TURN), *answer_scenarios(ANSWER))

"""The named behaviours of the consumer Copilot's chat beside those it shares with Bing Chat.

Each line: name → (row of docs/wire/copilot.md or the setting it stands for, effect, and, where `=N` has a meaning of
its own, the N of a prompt that gives none).
"""

from __future__ import annotations

from bingproject.sandbox.core.scenario import Scenario, Stage, answer_scenarios, turn_scenarios

CLEARANCE: dict[str, tuple[str, str]] = {
    "create-clearance": ("22", "REST: 403 with Cloudflare's page, the clearance is gone"),
    "socket-clearance": ("22", "upgrade: 403 with Cloudflare's page"),
    "socket-region": ("25", "upgrade: 403, not available in this region"),
    "create-blocked": ("5", "start and conversations: isBlocked, with the end of the ban"),
}
TURN: dict[str, tuple[str, str]] = {
    "challenge": ("22", "a challenge without method, then silence"),
    "challenge-cloudflare": ("22", "a challenge by Cloudflare, then silence"),
    "challenge-hashcash": ("23", "a challenge by proof of work, then silence"),
    "challenge-copilot": ("23", "a challenge of Copilot's own, then silence"),
    "challenge-strange": ("23", "a challenge by a method nobody knows, then silence"),
    "challenge-after": ("22", "a challenge after half of the text"),
    "banned": ("5", "banned"),
    "invalid-event": ("24", "the error invalid-event"),
    "unavailable": ("25", "the error chat-service-unavailable"),
    "text-too-long": ("14", "the error text-too-long"),
    "unknown-error": ("generic", "an error code nobody knows"),
    "unknown-error-after": ("generic", "the same after half of the text"),
    "message-error": ("17", "chatMessageError before any text"),
    "message-error-after": ("18", "chatMessageError after half of the text"),
    "disconnecting": ("17", "disconnecting, then close 1000, before any text"),
}
ANSWER: dict[str, tuple[str, str, float | None]] = {
    "think": ("2.4", "thinks aloud first", None),
    "replace": ("2.4", "replaceText repeats the text so far and goes on", None),
    "replace-other": ("2.4", "replaceText puts another wording in the text's place", None),
    "image": ("T10", "makes a picture: announced, with two previews (Microsoft 365: none), then there", None),
    "image-empty": ("2.4", "the picture's address is empty", None),
    "image-failed": ("2.4", "the picture fails", None),
    "marks": ("3.3", "citation marks of private-use characters, cut in two", None),
    "fraction-ids": ("2.4", "control events with fractional ids between the good ones", None),
    "no-followups": ("2.4", "neither a title nor suggestions after done", None),
    "late-followups": ("2.4", "suggestions come N (0.3) seconds after done", 0.3),
}
# What this chat shares with Bing Chat's, by the same names.
SHARED_TURN = frozenset(
    {"cut-before", "cut-after", "close-before", "close-after", "fail-before", "fail-after", "silent", "silent-after",
     "empty-answer"}
)  # fmt: skip
SHARED_ANSWER = frozenset(
    {"words", "gap", "delay", "search", "suggestions", "recall", "nul", "one-char", "garbage", "unknown-type"}
)
SCENARIOS = (
    *(
        Scenario(name, Stage.CREATE if name.startswith("create") else Stage.SOCKET, row, effect, status=403)
        for name, (row, effect) in CLEARANCE.items()
    ),
    *turn_scenarios(TURN),
    *answer_scenarios(ANSWER),
)

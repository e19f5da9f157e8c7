"""The named behaviours of Bing Chat: tables, and the scenarios made of them.

Each line: name → (row of docs/wire/chathub.md or the setting it stands for, effect, and, where `=N` has a meaning of
its own, the N of a prompt that gives none).
"""

from __future__ import annotations

from typing import Any

from bingproject.sandbox.core.exchange import Fault
from bingproject.sandbox.core.scenario import Scenario, Stage, answer_scenarios, turn_scenarios

# Each of these also as create-N, socket-N and kblob-N.
STATUSES = (400, 401, 403, 404, 413, 429, 500, 502, 503, 504)

# No prompt is known yet when a conversation is opened: these hold by rules only.
CREATE: dict[str, tuple[str, str]] = {
    "create-html": ("3", "create: 200 with a page of HTML"),
    "create-redirect": ("3", "create: 302 to another region's host"),
    "create-signin": ("3", "create: 302 to a sign-in page"),
    "create-unauthorized": ("4", "create: UnauthorizedRequest, sign in first"),
    "create-stale": ("4", "create: UnauthorizedRequest, the status of the user cannot be had"),
    "create-forbidden": ("5", "create: Forbidden, the account is blocked"),
    "create-no-signature": ("6", "create: Success, but no signature in body or headers"),
    "create-unknown-result": ("generic", "create: a result value nobody knows"),
    "create-garbage": ("6", "create: 200, JSON that stops half-way"),
    "create-list": ("6", "create: 200, JSON that is no object"),
    "create-anonymous": ("11", "create: Success with the id of somebody who is not signed in"),
    "create-new-cookie": ("1.1", "create: Success, and a cookie that has another value each time"),
    "create-429-retry-after": ("2", "create: 429, Retry-After: 7"),
    "create-cut": ("1", "create: the connection is cut"),
    "create-cut-body": ("1", "create: cut within the body"),
    "create-stall": ("20", "create: no answer ever comes"),
}
# Nor when the socket opens.
SOCKET: dict[str, tuple[str, str]] = {
    "socket-200": ("7", "upgrade: 200 instead of 101"),
    "socket-429-retry-after": ("8", "upgrade: 429, Retry-After: 7"),
    "socket-cut": ("1", "upgrade: the connection is cut"),
    "socket-stall": ("20", "upgrade: no answer ever comes"),
    "handshake-error": ("9", "the handshake is answered by an error"),
    "handshake-silent": ("9", "the handshake is never answered"),
    "handshake-cut": ("17", "cut before the handshake is answered"),
    "handshake-ping": ("framing", "the answer to the handshake and a ping share a frame"),
}
UPLOAD: dict[str, tuple[str, str]] = {
    "kblob-refused": ("28", "upload: 200 with an empty blobId"),
    "kblob-no-id": ("28", "upload: 200 without a blobId"),
    "kblob-html": ("28", "upload: 200 with a page of HTML"),
    "kblob-cut": ("1", "upload: the connection is cut"),
    "kblob-stall": ("20", "upload: no answer ever comes"),
}
# What becomes of a turn. `=N`: for the first N turns with that prompt.
TURN: dict[str, tuple[str, str]] = {
    "throttled": ("10", "Throttled"),
    "captcha": ("11", "CaptchaChallenge"),
    "captcha-anonymous": ("11", "CaptchaChallenge, with the id of somebody who is not signed in"),
    "invalid-session": ("12", "InvalidSession, without the key error"),
    "token-expired": ("12", "UnauthorizedRequest with IDX10223"),
    "signature-not-set": ("4", "UnauthorizedRequest: the signature is not set, IsAuthenticated=False"),
    "unknown-result": ("generic", "a result value nobody knows"),
    "no-result": ("21", "a type 2 without a result"),
    "turn-limit": ("13", "the TurnLimiter says that the conversation is full"),
    "last-turn": ("13", "a good answer, but num==max: the conversation is full afterwards"),
    "too-long": ("14", "close 1000 without an answer"),
    "disengaged": ("15", "Disengaged, then an apology, before any text; the conversation is closed"),
    "disengaged-only": ("15", "Disengaged and nothing else"),
    "disengaged-after": ("16", "Disengaged after half of the text"),
    "apology": ("15", "an apology before any text"),
    "apology-after": ("16", "an apology over half of the text, same messageId"),
    "apology-after-new": ("16", "an apology after half of the text, another messageId"),
    "cut-before": ("17", "TCP cut (1006) before any text"),
    "cut-after": ("18", "TCP cut (1006) after half of the text"),
    "close-before": ("17", "close 1000 before any text"),
    "close-after": ("18", "close 1000 after half of the text"),
    "fail-before": ("17", "close 1011 before any text"),
    "fail-after": ("18", "close 1011 after half of the text"),
    "type7-before": ("17", "type 7 with an error, then close, before any text"),
    "type7-after": ("18", "the same after half of the text"),
    "error3-before": ("17", "type 3 with an error, no type 2, before any text"),
    "error3-after": ("18", "the same after half of the text"),
    "empty-answer": ("19", "Success without a message from the bot"),
    "blank-answer": ("19", "Success, the bot's text is empty"),
    "card-only": ("19", "Success, the bot's only message is a card request"),
    "bare-type3": ("19", "type 3 at once: no type 2, no text"),
    "no-type2": ("knob", "the whole text, then type 3 without a type 2"),
    "silent": ("20", "nothing ever comes after the invocation"),
    "silent-after": ("20", "nothing more comes after half of the text"),
    "pings-only": ("20", "pings for ever, nothing else"),
    "pings-after": ("20", "pings for ever after half of the text"),
}
# How an answer comes. `=N` as the text says.
ANSWER: dict[str, tuple[str, str, float | None]] = {
    "words": ("length", "an answer of N (100) words, a chunk for each", 100),
    "gap": ("speed", "N (0.02) seconds between chunks", 0.02),
    "delay": ("speed", "N (3) seconds of silence before the first record", 3),
    "pings": ("speed", "only pings for N (5) seconds before the first record, ten a second", 5),
    "search": ("T2", "searches first, with citations and suggestions, unless the turn forbids searching", None),
    "suggestions": ("T2", "suggestions without a search", None),
    "picture": ("1.5", "announces a picture by GenerateContentQuery, then the answer", None),
    "recall": ("T3", "says as JSON what it knows: the turn's number and what was told before", None),
    "nul": ("knob", "U+0000 within the answer's text", None),
    "one-char": ("chunking", "one-character deltas", None),
    "many-records": ("chunking", "all records in one frame", None),
    "split-records": ("chunking", "records cut anywhere, also within an escape, over many text messages", None),
    "split-utf8": ("chunking", "each record fragmented within a character, by continuation frames", None),
    "big": ("chunking", "a final record of N (5) MB", 5),
    "several": ("chunking", "several messages in each update", None),
    "no-throttling": ("chunking", "no update with throttling alone at the start", None),
    "garbage": ("21", "records that are no JSON, or no object, between the good ones", None),
    "unknown-type": ("21", "unknown messageTypes, record types and targets between the good ones", None),
    "user-echo": ("1.5", "an update carries the user's own message", None),
    "id-change": ("knob", "messageId changes half-way and the text starts anew", None),
    "id-repeat": ("knob", "messageId changes half-way, the text repeats all so far", None),
    "shrink": ("knob", "the last update is shorter and reworded", None),
    "tail": ("knob", "the updates stop early; the final record has the whole text", None),
    "final-only": ("knob", "the text comes in the final record alone", None),
    "card": ("knob", "a RenderCardRequest after the answer, updates and final record alike", None),
    "image-card": ("knob", "adaptiveCards[0].body begins with an Image block", None),
    "no-type3": ("knob", "type 2 ends it, no type 3 comes", None),
    "late-type3": ("knob", "type 3 comes N (1) seconds after type 2", 1),
}
_ANSWERS: dict[str, dict[str, Any]] = {
    "create-html": {"page": "home_anonymous.html"},
    "create-redirect": {"status": 302, "headers": ((b"location", b"https://cn.bing.com/turing/conversation/create"),)},
    "create-signin": {"status": 302},
    "create-list": {"page": "chat/list.json"},
    "create-429-retry-after": {"status": 429, "headers": ((b"retry-after", b"7"),)},
    "create-cut": {"fault": Fault.CUT},
    "create-cut-body": {"fault": Fault.CUT_BODY},
    "create-stall": {"fault": Fault.STALL},
    "socket-429-retry-after": {"status": 429, "headers": ((b"retry-after", b"7"),)},
    "socket-cut": {"fault": Fault.CUT},
    "socket-stall": {"fault": Fault.STALL},
    "kblob-html": {"page": "home_anonymous.html"},
    "kblob-cut": {"fault": Fault.CUT},
    "kblob-stall": {"fault": Fault.STALL},
}
_STATUS_ROWS = {"create-404": "2", "create-403": "3", "create-401": "4", "socket-401": "4", "socket-403": "7",
                     "socket-429": "8", "kblob-429": "8"}  # fmt: skip


def _build() -> tuple[Scenario, ...]:
    scenarios = turn_scenarios(TURN) + answer_scenarios(ANSWER)
    for stage, table in ((Stage.CREATE, CREATE), (Stage.SOCKET, SOCKET), (Stage.UPLOAD, UPLOAD)):
        scenarios += [
            Scenario(name, stage, row, effect, **_ANSWERS.get(name, {})) for name, (row, effect) in table.items()
        ]
    for stage, word, what in ((Stage.CREATE, "create", "create"), (Stage.SOCKET, "socket", "upgrade"),
                              (Stage.UPLOAD, "kblob", "upload")):  # fmt: skip
        for status in STATUSES:
            row = _STATUS_ROWS.get(f"{word}-{status}", "status")
            scenarios.append(Scenario(f"{word}-{status}", stage, row, f"{what}: status {status}", status=status))
    return tuple(scenarios)


SCENARIOS = _build()

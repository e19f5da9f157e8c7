"""The catalogue of scenarios: name, effect, and the row of docs/wire that each emulates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bingproject.sandbox.chathub import scenarios as chathub_scenarios
from bingproject.sandbox.copilot import scenarios as copilot_scenarios
from bingproject.sandbox.core.exchange import Fault, Header
from bingproject.sandbox.core.templates import read_page
from bingproject.sandbox.m365 import scenarios as m365_scenarios


class Stage(StrEnum):
    """Where a scenario takes effect: at a submit, during or at the end of a generation, or at one kind of GET; in a
    chat, when a conversation or socket is opened, at an upload, and during or at the end of a turn."""

    SUBMIT = "submit"
    GENERATION = "generation"
    POLL = "poll"
    HOME = "home"
    MEDIA = "media"
    CREATE = "create"
    SOCKET = "socket"
    UPLOAD = "upload"
    TURN = "turn"
    ANSWER = "answer"


@dataclass(frozen=True)
class Scenario:
    """One named behaviour.

    `row` is the dossier's (a letter: the table of refused submits; a word: another section); `page` a file under
    `pages/`; `accepts` says that a generation exists whatever the answer says; `number` is what stands for `=N`
    when the prompt gives none; `apostrophe` replaces the straight one of the page.
    """

    name: str
    stage: Stage
    row: str
    effect: str
    page: str = ""
    status: int = 200
    headers: tuple[Header, ...] = ()
    fault: Fault = Fault.NONE
    accepts: bool = False
    number: float | None = None
    apostrophe: str = "'"


STATUSES = (400, 401, 403, 404, 429, 500, 502, 503, 504)

_REFUSED = {
    "block": ("a", "policy block, told by a data-clarity-tag"),
    "block-icon": ("b", "policy block, told by the class block_icon"),
    "dq-err": ("c", "policy block, told by the attribute dq-err"),
    "dq-err-empty": ("c", "the same attribute with an empty value"),
    "blocked-text": ("d", "policy block, told by its heading"),
    "review": ("e", "held for review, beside the hidden overload heading that must not be read"),
    "warning": ("f", "content warning"),
    "vague": ("g", "a more descriptive prompt is wanted"),
    "language": ("h", "the prompt's language is not supported"),
    "busy": ("i", "too many creations are running"),
    "overload": ("j", "overload, in a heading that can be seen"),
    "region": ("k", "not offered in this region"),
    "panda": ("l", "the page with the panda: this client, network or language is suspected"),
    "no-coins-ever": ("m", "no boosts, whichever lane is asked for"),
    "no-fast-video": ("m", "no fast video credits are left, whichever lane is asked for"),
    "outage": ("n", "Bing says that it is not available"),
    "problem": ("o", "Bing says that there was a problem"),
    "no-coins": ("m", "no boosts in the fast lane; the standard lane takes the prompt"),
}
_RESULTS = {
    "unsafe": ("poll/unsafe.html", "rejected: unsafe, by words and by picture"),
    "unsafe-text": ("poll/unsafe-text.html", "rejected: unsafe, by words alone"),
    "unsafe-picture": ("poll/unsafe-picture.html", "rejected: unsafe, by its well-known picture alone"),
    "poll-block": ("submit/block.html", "rejected by the markers of row a"),
    "poll-block-icon": ("submit/block-icon.html", "rejected by the markers of row b"),
    "poll-dq-err": ("submit/dq-err.html", "rejected by the markers of row c"),
    "poll-overload": ("poll/poll-overload.html", "overload, by words"),
    "overload-picture": ("poll/overload-picture.html", "overload, by its well-known picture alone"),
    "come-back": ("poll/come-back.html", "a text asking to come back later"),
    "poll-outage": ("submit/outage.html", "the outage of row n, on a poll"),
    "error-message": ("poll/error-message.json", "JSON with another errorMessage than Pending"),
    "no-images": ("poll/no-images.html", "a finished page without a picture"),
    "poll-nul": ("poll/nul.html", "a whole page without a result, with U+0000 among its first characters"),
    "poll-drift": ("poll/drift.html", "a signed-in, finished-looking page without any known marker"),
    "video-went-wrong": ("poll/video-went-wrong.html", "video failure text"),
    "video-try-later": ("poll/video-try-later.html", "video failure text"),
    "video-could-not": ("poll/video-could-not.html", "video failure text"),
    "video-error": ("poll/video-error.html", "video failure text"),
    "video-unable": ("poll/video-unable.html", "video failure text"),
    "video-too-many": ("poll/video-too-many.html", "video failure text of a limit"),
    "video-rate-limit": ("poll/video-rate-limit.html", "video failure text of a limit"),
    "video-concurrent": ("poll/video-concurrent.html", "video failure text of a limit"),
}
_COURSE: dict[str, tuple[str, str, float | None]] = {
    "slow": ("progress", "ready after N seconds (60)", 60),
    "seconds": ("progress", "ready after N seconds (10), exactly", 10),
    "instant": ("progress", "ready at once", None),
    "after-polls": ("progress", "ready at the poll after N (3) pending ones", 3),
    "never-ready": ("pending", "pending for ever", None),
    "pending-empty": ("pending", "pending is always an empty body", None),
    "pending-newline": ("pending", "pending is always one line end", None),
    "pending-json": ("pending", "pending is always JSON", None),
    "pending-still": ("pending", "pending is always JSON with the longer message", None),
    "pending-status-page": ("pending", "pending is always the status page", None),
    "preview": ("streaming preview", "every pending poll shows a preview, whichever the model", None),
    "preview-only": ("streaming preview", "previews for ever, never a picture", None),
    "images-bare": ("ready", "finished pictures as plain img elements, their addresses /th/id/ alone", None),
    "images-show-content": ("ready", "finished pictures as HTML in a JSON's showContent", None),
    "images-records": ("ready", "finished pictures as the JSON of the newer door", None),
    "records-unsafe": ("rejected", "the JSON of the newer door: status 3, errorType 16", None),
    "images-unknown": ("ready", "JSON whose showContent holds nothing known, for ever", None),
    "fewer-images": ("extraction", "only N (2) pictures", 2),
    "duplicate-images": ("extraction", "each picture stands twice on the page, on two hosts", None),
    "video-a": ("ready A", "finished video as JSON with its address", None),
    "video-a-html": ("ready A", "finished video as JSON with a piece of HTML", None),
    "video-a-flag": ("ready A", "JSON with showContent true and no address, for ever", None),
    "video-a-bare": ("ready A", "finished video as JSON with the address of an .mp4 without pid", None),
    "video-a-tag": ("ready A", "finished video as JSON with a video element and the same address", None),
    "video-a-unknown": ("ready A", "JSON whose showContent holds nothing known, for ever", None),
    "video-b-bare": ("ready B", "finished video as HTML with ourl, its address without pid", None),
    "video-b": ("ready B", "finished video as HTML with ourl", None),
    "video-c": ("ready C", "finished video as a card, the address on the detail route", None),
    "expire-mid": ("expired", "the cookie dies when the generation is taken", None),
    "expire-then-back": ("expired", "the same, and it lives again after N (1) anonymous home pages", 1),
    "tse-403": ("file download", "pictures are refused on the tse hosts", None),
}
_ALIASES = {"reject": "block", "throttle": "busy"}


_ANONYMOUS = "home_anonymous.html"
_AFTER_7: tuple[Header, ...] = ((b"retry-after", b"7"),)
_AFTER_60: tuple[Header, ...] = ((b"retry-after", b"60"),)
_IN_9999: tuple[Header, ...] = ((b"retry-after", b"Fri, 31 Dec 9999 23:59:59 GMT"),)
_SPECIAL_ANSWERS = (
    Scenario("home", Stage.SUBMIT, "p", "the signed-in home page, no reason given", page="home.html"),
    Scenario("home-gallery", Stage.SUBMIT, "p", "the same with a gallery picture whose pid= is bait", page="home.html"),
    Scenario("home-signed-out", Stage.SUBMIT, "p", "the anonymous home page", page=_ANONYMOUS),
    Scenario("home-expired", Stage.SUBMIT, "p", "the same, and the cookie is dead from now on", page=_ANONYMOUS),
    Scenario("signin", Stage.SUBMIT, "auth", "302 to a sign-in page whose client_id= is bait", status=302),
    Scenario("no-location", Stage.SUBMIT, "q", "302 without a Location", status=302),
    Scenario("location-no-id", Stage.SUBMIT, "q", "302 to the creator, without an id", status=302),
    Scenario("drift", Stage.SUBMIT, "drift", "200, signed in, no other known marker", page="drift.html"),
    Scenario("unknown", Stage.SUBMIT, "drift", "200, no known marker at all", page="unknown.html"),
    Scenario("truncated", Stage.SUBMIT, "drift", "200, a page that stops half-way", page="home.html"),
    Scenario("empty", Stage.SUBMIT, "drift", "200, nothing in it"),
    Scenario("http-429-retry-after", Stage.SUBMIT, "q", "429 with Retry-After: 7", status=429, headers=_AFTER_7),
    Scenario("http-429-retry-after-60", Stage.SUBMIT, "q", "429 with Retry-After: 60", status=429, headers=_AFTER_60),
    Scenario("http-429-in-9999", Stage.SUBMIT, "q", "429, Retry-After: a date in 9999", status=429, headers=_IN_9999),
    Scenario("cut", Stage.SUBMIT, "network", "not taken; cut before the answer", fault=Fault.CUT),
    Scenario(
        "cut-body", Stage.SUBMIT, "network", "not taken; cut within a page", page="home.html", fault=Fault.CUT_BODY
    ),
    Scenario("stall", Stage.SUBMIT, "network", "not taken; no answer ever comes", fault=Fault.STALL),
    Scenario("cut-accepted", Stage.SUBMIT, "network", "taken; cut before the answer", fault=Fault.CUT, accepts=True),
    Scenario("stall-accepted", Stage.SUBMIT, "network", "taken; no answer comes", fault=Fault.STALL, accepts=True),
    Scenario("no-nfy", Stage.SUBMIT, "accepted", "taken; the Location lacks &nfy=1", accepts=True),
    Scenario(
        "body-id", Stage.SUBMIT, "accepted", "taken; 200, the id is in the page", page="result.html", accepts=True
    ),
)


def _submit_answers() -> list[Scenario]:
    pages = {"no-coins-ever": "no-coins"}
    refused = [
        Scenario(name, Stage.SUBMIT, row, effect, page=f"submit/{pages.get(name, name)}.html")
        for name, (row, effect) in _REFUSED.items()
    ]
    return refused + list(_SPECIAL_ANSWERS)


def _apostrophe_variants(answers: list[Scenario]) -> list[Scenario]:
    """Return each page that has an apostrophe in all three kinds that Bing uses."""
    variants = []
    for answer in answers:
        if answer.page.startswith("submit/") and "'" in read_page(answer.page):
            for suffix, apostrophe in (("entity", "&#39;"), ("curly", "’")):  # noqa: RUF001 - this very character is meant
                effect = f"{answer.name}, its apostrophes written {apostrophe}"
                variants.append(replace(answer, name=f"{answer.name}-{suffix}", effect=effect, apostrophe=apostrophe))
    return variants


def _line_faults() -> list[Scenario]:
    """Return statuses and broken connections for each kind of GET, and statuses for the submit."""
    scenarios = [
        Scenario(f"http-{status}", Stage.SUBMIT, "q", f"status {status}, not taken", status=status)
        for status in STATUSES
    ]
    kinds = {Stage.POLL: "poll", Stage.HOME: "bootstrap page", Stage.MEDIA: "file"}
    for stage, kind in kinds.items():
        scenarios += [
            Scenario(f"{stage}-http-{status}", stage, "status", f"{kind}: status {status}", status=status)
            for status in STATUSES
        ]
        scenarios += [
            Scenario(f"{stage}-cut", stage, "network", f"{kind}: the connection is cut", fault=Fault.CUT),
            Scenario(f"{stage}-cut-body", stage, "network", f"{kind}: cut within the body", fault=Fault.CUT_BODY),
            Scenario(f"{stage}-stall", stage, "network", f"{kind}: no answer ever comes", fault=Fault.STALL),
        ]
    return scenarios


_LOOKS = (
    Scenario(
        "poll-http-429-retry-after", Stage.POLL, "status", "poll: 429, Retry-After: 7", status=429, headers=_AFTER_7
    ),
    Scenario("poll-signin", Stage.POLL, "auth", "poll: 302 to a sign-in page", status=302),
    Scenario("poll-unknown", Stage.POLL, "drift", "poll: a page without any known marker", page="unknown.html"),
    Scenario("poll-truncated", Stage.POLL, "drift", "poll: a finished page that stops half-way", page="pictures.html"),
    Scenario(
        "session-lost", Stage.POLL, "T21", "poll: the signed-in home page with a gallery picture", page="home.html"
    ),
    Scenario("session-lost-anonymous", Stage.POLL, "T21", "poll: the anonymous home page", page=_ANONYMOUS),
    Scenario("home-anonymous", Stage.HOME, "expired", "bootstrap page: not signed in", page=_ANONYMOUS),
    Scenario("home-no-ig", Stage.HOME, "bootstrap", "bootstrap page: signed in, without IG", page="home_no_ig.html"),
    Scenario("home-drift", Stage.HOME, "drift", "bootstrap page: signed in, no other known marker", page="drift.html"),
    Scenario("home-unknown", Stage.HOME, "drift", "bootstrap page: no known marker at all", page="unknown.html"),
    Scenario("home-outage", Stage.HOME, "n", "bootstrap page: Bing says it is not available", page="outage.html"),
    Scenario("home-panda", Stage.HOME, "l", "bootstrap page: the panda page", page="submit/panda.html"),
    Scenario("home-truncated", Stage.HOME, "drift", "bootstrap page: it stops half-way", page="home.html"),
    Scenario("home-empty", Stage.HOME, "drift", "bootstrap page: 200, nothing in it"),
    Scenario("home-signin", Stage.HOME, "auth", "bootstrap page: 302 to a sign-in page", status=302),
)


_CHAT_LOOKS: dict[str, dict[str, Any]] = {
    "create-html": {"page": _ANONYMOUS},
    "create-redirect": {"status": 302, "headers": ((b"location", b"https://cn.bing.com/turing/conversation/create"),)},
    "create-signin": {"status": 302},
    "create-list": {"page": "chat/list.json"},
    "create-429-retry-after": {"status": 429, "headers": _AFTER_7},
    "create-cut": {"fault": Fault.CUT},
    "create-cut-body": {"fault": Fault.CUT_BODY},
    "create-stall": {"fault": Fault.STALL},
    "socket-429-retry-after": {"status": 429, "headers": _AFTER_7},
    "socket-cut": {"fault": Fault.CUT},
    "socket-stall": {"fault": Fault.STALL},
    "kblob-html": {"page": _ANONYMOUS},
    "kblob-cut": {"fault": Fault.CUT},
    "kblob-stall": {"fault": Fault.STALL},
}
_CHAT_STATUS_ROWS = {"create-404": "2", "create-403": "3", "create-401": "4", "socket-401": "4", "socket-403": "7",
                     "socket-429": "8", "kblob-429": "8"}  # fmt: skip


def _chat() -> list[Scenario]:
    """Return the scenarios of Bing Chat from its own tables."""
    scenarios = []
    tables = {
        Stage.CREATE: chathub_scenarios.CREATE,
        Stage.SOCKET: chathub_scenarios.SOCKET,
        Stage.UPLOAD: chathub_scenarios.UPLOAD,
        Stage.TURN: chathub_scenarios.TURN,
    }
    for stage, table in tables.items():
        scenarios += [
            Scenario(name, stage, row, effect, **_CHAT_LOOKS.get(name, {})) for name, (row, effect) in table.items()
        ]
    for stage, word, what in ((Stage.CREATE, "create", "create"), (Stage.SOCKET, "socket", "upgrade"),
                              (Stage.UPLOAD, "kblob", "upload")):  # fmt: skip
        for status in chathub_scenarios.STATUSES:
            name = f"{word}-{status}"
            row = _CHAT_STATUS_ROWS.get(name, "status")
            scenarios.append(Scenario(name, stage, row, f"{what}: status {status}", status=status))
    return scenarios + _courses(chathub_scenarios.ANSWER)


def _courses(table: dict[str, tuple[str, str, float | None]]) -> list[Scenario]:
    return [Scenario(name, Stage.ANSWER, row, effect, number=number) for name, (row, effect, number) in table.items()]


def _relatives() -> list[Scenario]:
    """Return the additional scenarios of the two other chats."""
    scenarios = [
        Scenario(name, Stage.CREATE if name.startswith("create") else Stage.SOCKET, row, effect, status=403)
        for name, (row, effect) in copilot_scenarios.CLEARANCE.items()
    ]
    for module in (copilot_scenarios, m365_scenarios):
        scenarios += [Scenario(name, Stage.TURN, row, effect) for name, (row, effect) in module.TURN.items()]
        scenarios += _courses(module.ANSWER)
    return scenarios


def _build() -> dict[str, Scenario]:
    answers = _submit_answers()
    scenarios = answers + _apostrophe_variants(answers) + _line_faults() + list(_LOOKS)
    scenarios += [
        Scenario(name, Stage.GENERATION, "poll", effect, page=page) for name, (page, effect) in _RESULTS.items()
    ]
    scenarios += [
        Scenario(name, Stage.GENERATION, row, effect, number=number) for name, (row, effect, number) in _COURSE.items()
    ]
    scenarios += _chat() + _relatives()
    catalogue = {scenario.name: scenario for scenario in scenarios}
    for alias, name in _ALIASES.items():
        catalogue[alias] = replace(catalogue[name], effect=f"another word for {name}")
    return catalogue


CATALOGUE = _build()

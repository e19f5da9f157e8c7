"""Every behaviour that can be asked for, by name: what it does and which recorded row it emulates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from bingproject.sandbox.exchange import Fault, Header
from bingproject.sandbox.templates import read_page


class Stage(StrEnum):
    """Where a behaviour shows: in the answer to a submit, in a generation's course and end, or on one kind of GET."""

    SUBMIT = "submit"
    GENERATION = "generation"
    POLL = "poll"
    HOME = "home"
    MEDIA = "media"


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
    "fewer-images": ("extraction", "only N (2) pictures", 2),
    "duplicate-images": ("extraction", "each picture stands twice on the page, on two hosts", None),
    "video-a": ("ready A", "finished video as JSON with its address", None),
    "video-a-html": ("ready A", "finished video as JSON with a piece of HTML", None),
    "video-a-flag": ("ready A", "JSON with showContent true and no address, for ever", None),
    "video-b": ("ready B", "finished video as HTML with ourl", None),
    "video-c": ("ready C", "finished video as a card, the address on the detail route", None),
    "expire-mid": ("expired", "the cookie dies when the generation is taken", None),
    "expire-then-back": ("expired", "the same, and it lives again after N (1) anonymous home pages", 1),
    "tse-403": ("file download", "pictures are refused on the tse hosts", None),
}
_ALIASES = {"reject": "block", "throttle": "busy"}


def _submit_answers() -> list[Scenario]:
    stage = Stage.SUBMIT
    pages = {"no-coins-ever": "no-coins"}
    answers = [
        Scenario(name, stage, row, effect, page=f"submit/{pages.get(name, name)}.html")
        for name, (row, effect) in _REFUSED.items()
    ]
    seven, sixty = ((b"retry-after", b"7"),), ((b"retry-after", b"60"),)
    answers += [
        Scenario("home", stage, "p", "the signed-in home page, no reason given", page="home.html"),
        Scenario("home-gallery", stage, "p", "the same with a gallery picture, whose pid= is bait", page="home.html"),
        Scenario("home-signed-out", stage, "p", "the anonymous home page", page="home_anonymous.html"),
        Scenario("home-expired", stage, "p", "the same, and the cookie is dead from now on", page="home_anonymous.html"),
        Scenario("signin", stage, "auth", "302 to a sign-in page, whose client_id= is bait", status=302),
        Scenario("no-location", stage, "q", "302 without a Location", status=302),
        Scenario("location-no-id", stage, "q", "302 to the creator, without an id", status=302),
        Scenario("no-nfy", stage, "accepted", "taken; the Location lacks &nfy=1", status=302, accepts=True),
        Scenario("body-id", stage, "accepted", "taken; 200, the id is in the page", page="result.html", accepts=True),
        Scenario("drift", stage, "drift", "200, a signed-in page without any known marker", page="drift.html"),
        Scenario("truncated", stage, "drift", "200, a page that stops half-way", page="home.html"),
        Scenario("empty", stage, "drift", "200, nothing in it"),
        Scenario("cut", stage, "network", "not taken; the connection is cut before the answer", fault=Fault.CUT),
        Scenario("cut-accepted", stage, "network", "taken; the connection is cut before the answer", status=302,
                 fault=Fault.CUT, accepts=True),
        Scenario("cut-body", stage, "network", "not taken; the connection is cut within a 200 page", page="home.html",
                 fault=Fault.CUT_BODY),
        Scenario("stall", stage, "network", "not taken; no answer ever comes", fault=Fault.STALL),
        Scenario("stall-accepted", stage, "network", "taken; no answer ever comes", status=302, fault=Fault.STALL,
                 accepts=True),
        Scenario("http-429-retry-after", stage, "q", "429 with Retry-After: 7", status=429, headers=seven),
        Scenario("http-429-retry-after-60", stage, "q", "429 with Retry-After: 60", status=429, headers=sixty),
    ]  # fmt: skip
    return answers


def _apostrophe_variants(answers: list[Scenario]) -> list[Scenario]:
    """Texts occur with three kinds of apostrophe: every page that has one comes in all of them."""
    variants = []
    for answer in answers:
        if answer.page.startswith("submit/") and "'" in read_page(answer.page):
            for suffix, apostrophe in (("entity", "&#39;"), ("curly", "’")):  # noqa: RUF001 - this very character is meant
                effect = f"{answer.name}, its apostrophes written {apostrophe}"
                variants.append(replace(answer, name=f"{answer.name}-{suffix}", effect=effect, apostrophe=apostrophe))
    return variants


def _line_faults() -> list[Scenario]:
    """Statuses and broken lines, for each kind of GET and, for statuses, for the submit."""
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


def _look_answers() -> list[Scenario]:
    poll, home = Stage.POLL, Stage.HOME
    seven = ((b"retry-after", b"7"),)
    return [
        Scenario(
            "poll-http-429-retry-after", poll, "status", "poll: 429 with Retry-After: 7", status=429, headers=seven
        ),
        Scenario("poll-signin", poll, "auth", "poll: 302 to a sign-in page", status=302),
        Scenario("session-lost", poll, "T21", "poll: the signed-in home page with a gallery picture", page="home.html"),
        Scenario("session-lost-anonymous", poll, "T21", "poll: the anonymous home page", page="home_anonymous.html"),
        Scenario("poll-truncated", poll, "drift", "poll: a finished page that stops half-way", page="pictures.html"),
        Scenario("home-anonymous", home, "expired", "bootstrap page: not signed in", page="home_anonymous.html"),
        Scenario("home-no-ig", home, "bootstrap", "bootstrap page: signed in, without IG", page="home_no_ig.html"),
        Scenario("home-drift", home, "drift", "bootstrap page: no known marker but the sign-in one", page="drift.html"),
        Scenario("home-panda", home, "l", "bootstrap page: the panda page", page="submit/panda.html"),
        Scenario("home-truncated", home, "drift", "bootstrap page: it stops half-way", page="home.html"),
        Scenario("home-empty", home, "drift", "bootstrap page: 200, nothing in it"),
        Scenario("home-signin", home, "auth", "bootstrap page: 302 to a sign-in page", status=302),
    ]


def _build() -> dict[str, Scenario]:
    answers = _submit_answers()
    scenarios = answers + _apostrophe_variants(answers) + _line_faults() + _look_answers()
    scenarios += [
        Scenario(name, Stage.GENERATION, "poll", effect, page=page) for name, (page, effect) in _RESULTS.items()
    ]
    scenarios += [
        Scenario(name, Stage.GENERATION, row, effect, number=number) for name, (row, effect, number) in _COURSE.items()
    ]
    catalogue = {scenario.name: scenario for scenario in scenarios}
    for alias, name in _ALIASES.items():
        catalogue[alias] = replace(catalogue[name], effect=f"another word for {name}")
    return catalogue


CATALOGUE = _build()

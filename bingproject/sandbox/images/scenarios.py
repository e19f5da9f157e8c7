"""The named behaviours of Bing's image and video creator: tables, and the scenarios made of them.

Source: docs/wire/image_creator.md; a row is a letter of its table of refused submits, or a section.
"""

from __future__ import annotations

from dataclasses import replace

from bingproject.sandbox.core.exchange import Fault, Header
from bingproject.sandbox.core.scenario import Scenario, Stage
from bingproject.sandbox.core.templates import read_page

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
# Other words for scenarios.
ALIASES = {"reject": "block", "throttle": "busy"}


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


_GET_ANSWERS = (
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


def _build() -> tuple[Scenario, ...]:
    answers = _submit_answers()
    scenarios = answers + _apostrophe_variants(answers) + _line_faults() + list(_GET_ANSWERS)
    scenarios += [
        Scenario(name, Stage.GENERATION, "poll", effect, page=page) for name, (page, effect) in _RESULTS.items()
    ]
    scenarios += [
        Scenario(name, Stage.GENERATION, row, effect, number=number) for name, (row, effect, number) in _COURSE.items()
    ]
    return tuple(scenarios)


SCENARIOS = _build()

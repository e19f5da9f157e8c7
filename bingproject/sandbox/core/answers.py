"""Scenarios and accounts turned into replies: home pages, refusals, and the faults every kind of GET can show."""

from __future__ import annotations

from bingproject.sandbox.catalogue import Scenario
from bingproject.sandbox.exchange import HTML, JSON, Fault, Header, Reply
from bingproject.sandbox.state import Account
from bingproject.sandbox.templates import fill, read_page

ANONYMOUS_IG = "0" * 32
SIGN_IN = b"https://login.live.com/oauth20_authorize.srf?client_id=00000000-aaaa&scope=x"
# One cookie of the sandbox's own, tied to its account: carried with another's request it proves that two jars met.
SESSION_COOKIE = b"SANDBOX_SESSION"
COINS = 15


def session_cookie(account: Account) -> Header:
    """The cookie by which a mixed-up jar is found out."""
    return b"set-cookie", SESSION_COOKIE + b"=" + account.ig.encode() + b"; path=/"


def home(account: Account | None, extra: str = "") -> Reply:
    """The creator's page, signed in for a live account, anonymous for everybody else."""
    if account is None or not account.is_alive:
        return Reply(fill("home_anonymous.html", ig=ANONYMOUS_IG))
    return Reply(_signed_in(account, extra), headers=(session_cookie(account),))


def home_with_gallery(account: Account | None) -> Reply:
    """The same with a gallery picture, which is neither a result nor an id."""
    return home(account, read_page("gallery.html"))


def _signed_in(account: Account, extra: str = "") -> str:
    return fill("home.html", ig=account.ig, spent=max(0, COINS - account.boosts), extra=extra)


def framed(account: Account | None, content: str) -> str:
    """A notice within the creator's page, beside the hidden heading that must not be taken for it."""
    return fill("frame.html", ig=account.ig if account else ANONYMOUS_IG, content=content)


def notice(account: Account | None, name: str) -> Reply:
    """One of the refusals under `pages/submit/`."""
    return Reply(framed(account, read_page(f"submit/{name}.html")))


def sign_in() -> Reply:
    """The redirect to a sign-in page, whose `client_id=` is bait for a careless id search."""
    return Reply(status=302, headers=((b"location", SIGN_IN),))


def scenario_page(scenario: Scenario, account: Account | None) -> str:
    """The page a scenario shows, whole or framed, with its kind of apostrophe."""
    page = scenario.page
    if page == "home.html":
        gallery = read_page("gallery.html") if scenario.name in ("home-gallery", "session-lost") else ""
        text = home(account, gallery).body.decode() if account is None else _signed_in(account, gallery)
    elif page == "home_anonymous.html":
        text = fill(page, ig=ANONYMOUS_IG)
    elif page.startswith("submit/"):
        text = framed(account, read_page(page).replace("'", scenario.apostrophe))
    elif page:
        text = read_page(page)
    else:
        text = ""
    return text[: len(text) // 2] if scenario.name.endswith("truncated") else text


def refused_upgrade(scenario: Scenario) -> Reply:
    """What a scenario says to a socket instead of letting it in."""
    return Reply(b"", status=scenario.status, headers=scenario.headers, fault=scenario.fault)


def answer(scenario: Scenario, account: Account | None) -> Reply:
    """What a scenario says instead of the usual answer."""
    if scenario.name.removeprefix("poll-").removeprefix("home-") == "signin":
        return sign_in()
    headers = scenario.headers
    if scenario.name == "location-no-id":
        headers = ((b"location", b"/images/create?q=a&FORM=GENCRE"),)
    text = scenario_page(scenario, account)
    if scenario.fault is Fault.CUT_BODY and not text:
        text = read_page("drift.html")
    content_type = JSON if scenario.page.endswith(".json") else HTML
    return Reply(text, status=scenario.status, headers=headers, content_type=content_type, fault=scenario.fault)

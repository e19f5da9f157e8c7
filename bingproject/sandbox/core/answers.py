"""Turn scenarios and accounts into replies: home pages, refusals, and faults that every GET can show."""

from __future__ import annotations

from bingproject.sandbox.core.exchange import HTML, JSON, Fault, Header, SandboxReply
from bingproject.sandbox.core.scenario import Scenario
from bingproject.sandbox.core.state import SESSION_COOKIE, SandboxAccount
from bingproject.sandbox.core.templates import fill, read_page

ANONYMOUS_IG = "0" * 32
SIGN_IN = b"https://login.live.com/oauth20_authorize.srf?client_id=00000000-aaaa&scope=x"
COINS = 15
VISIBLE_NUL = "\u2400"  # how a page's file writes U+0000


def session_cookie(account: SandboxAccount) -> Header:
    """Return the cookie that reveals mixed cookie jars."""
    return b"set-cookie", SESSION_COOKIE + b"=" + account.ig.encode() + b"; path=/"


def home(account: SandboxAccount | None, extra: str = "") -> SandboxReply:
    """Return the creator's page: signed in for a live account, else anonymous."""
    if account is None or not account.is_alive:
        return SandboxReply(fill("home_anonymous.html", ig=ANONYMOUS_IG))
    return SandboxReply(_signed_in(account, extra), headers=(session_cookie(account),))


def home_with_gallery(account: SandboxAccount | None) -> SandboxReply:
    """Return the same page with a gallery picture, which is neither a result nor an id."""
    return home(account, read_page("gallery.html"))


def _signed_in(account: SandboxAccount, extra: str = "") -> str:
    return fill("home.html", ig=account.ig, spent=spent(account), extra=extra)


def spent(account: SandboxAccount) -> int:
    """Return how many of a day's boosts are used, as Bing's page counts them."""
    return max(0, COINS - account.boosts)


def framed(account: SandboxAccount | None, content: str) -> str:
    """Return a notice within the creator's page, beside a hidden heading that a parser must not mistake for it."""
    return fill("frame.html", ig=account.ig if account else ANONYMOUS_IG, content=content)


def notice(account: SandboxAccount | None, name: str) -> SandboxReply:
    """Return one of the refusals under `pages/submit/`."""
    return SandboxReply(framed(account, read_page(f"submit/{name}.html")))


def sign_in() -> SandboxReply:
    """Return the redirect to a sign-in page, whose `client_id=` must not be mistaken for a request id."""
    return SandboxReply(status=302, headers=((b"location", SIGN_IN),))


def scenario_page(scenario: Scenario, account: SandboxAccount | None) -> str:
    """Return a scenario's page, whole or framed, with its kind of apostrophe."""
    page = scenario.page
    if page == "home.html":
        gallery = read_page("gallery.html") if scenario.name in ("home-gallery", "session-lost") else ""
        text = home(account, gallery).body.decode() if account is None else _signed_in(account, gallery)
    elif page == "home_anonymous.html":
        text = fill(page, ig=ANONYMOUS_IG)
    elif page.startswith("submit/"):
        text = framed(account, read_page(page).replace("'", scenario.apostrophe))
    elif page:
        text = read_page(page).replace(VISIBLE_NUL, "\0")
    else:
        text = ""
    return text[: len(text) // 2] if scenario.name.endswith("truncated") else text


def refused_upgrade(scenario: Scenario) -> SandboxReply:
    """Return the answer with which a scenario refuses a socket."""
    return SandboxReply(b"", status=scenario.status, headers=scenario.headers, fault=scenario.fault)


def answer(scenario: Scenario, account: SandboxAccount | None) -> SandboxReply:
    """Return the answer of a scenario, which replaces the usual one."""
    if scenario.name.removeprefix("poll-").removeprefix("home-") == "signin":
        return sign_in()
    headers = scenario.headers
    if scenario.name == "location-no-id":
        headers = ((b"location", b"/images/create?q=a&FORM=GENCRE"),)
    text = scenario_page(scenario, account)
    if scenario.fault is Fault.CUT_BODY and not text:
        text = read_page("drift.html")
    content_type = JSON if scenario.page.endswith(".json") else HTML
    return SandboxReply(text, status=scenario.status, headers=headers, content_type=content_type, fault=scenario.fault)

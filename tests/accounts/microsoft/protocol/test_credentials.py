"""What a paste of one of the two Copilots' sites holds: token, cookies, and who the browser was."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.microsoft.access_tokens import PERSONAL_TENANT_ID
from accounts.microsoft.protocol import describe_credentials, find_credentials
from accounts.microsoft.providers import PROVIDERS
from chat.protocol.m365 import TIERS as SPOKEN_TIERS
from tests.accounts.microsoft.jwts import COPILOT_AUDIENCE, M365_AUDIENCE, make_jwt
from tests.accounts.microsoft.pastes import AGENT, OBJECT_ID, TENANT_ID, chathub, curl, har
from tests.samples.pastes import read_sample

NOW = 1_800_000_000
COPILOT = make_jwt(exp=NOW + 3600)
M365 = make_jwt(aud=M365_AUDIENCE, scp="M365Chat.Read", exp=NOW + 3600, oid="oid-1", tid="tid-1")
ENCRYPTED = make_jwt().replace(make_jwt().split(".")[0], "eyJlbmMiOiJBMjU2R0NNIn0") + ".cccccccc.dddddddd"


def find(text: str | bytes, service: str = "copilot") -> Any:
    """What is found now."""
    return find_credentials(text, service, NOW)


@pytest.mark.parametrize(
    "paste",
    [
        curl(COPILOT),
        har(
            f"wss://copilot.microsoft.com/c/api/chat?api-version=2&accessToken={COPILOT}",
            {"User-Agent": AGENT, "Cookie": "cf_clearance=clear; MUID=1"},
        ),
        f"GET /c/api/user HTTP/1.1\nhost: copilot.microsoft.com\nauthorization: Bearer {COPILOT}\n"
        f"cookie: cf_clearance=clear; MUID=1\nuser-agent: {AGENT}\n",
        f"{curl()}\nwss://copilot.microsoft.com/c/api/chat?api-version=2&accessToken={COPILOT}",
    ],
    ids=["curl", "har", "headers", "curl and the socket's address"],
)
def test_a_request_of_the_site_holds_all(paste: str) -> None:
    """Token, cookies with the clearance, and the browser's name."""
    found = find(paste)
    assert found.token.text == COPILOT and found.token_problem == ""
    assert (found.cookies, found.user_agent) == ({"cf_clearance": "clear", "MUID": "1"}, AGENT)
    assert found.has_clearance


AGENT_156 = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36"
)
CLEARED = {"cf_clearance": "clear.ance-synthetic_1", "__Host-copilot-anon": "anon1", "MUID": "COPILOT0MUID"}


@pytest.mark.parametrize(
    ("name", "cookies", "agent"),
    [
        ("get.curl_unix.txt", CLEARED, AGENT_156),
        ("get.curl_win.txt", CLEARED, AGENT_156),  # carets before the parentheses
        ("get.powershell.txt", CLEARED, AGENT_156),
        ("get.fetch_node.txt", CLEARED, ""),
        ("socket.curl_unix.txt", CLEARED, AGENT_156),
        ("socket.curl_win.txt", CLEARED, AGENT_156),
        ("socket.powershell.txt", {}, AGENT_156),
        ("socket.fetch_node.txt", CLEARED, ""),
        ("har", CLEARED, AGENT_156),
        ("sanitized.har", {}, AGENT_156),
    ],
)
def test_what_chromium_copies_of_the_site(name: str, cookies: dict[str, str], agent: str) -> None:
    """Token, cookies, sign-in and the whole User-Agent, from a call as from the socket."""
    text = read_sample(f"copilot{'_' if name.startswith('sanitized') else '.'}{name}")
    for given in (text, text.replace("\n", "\r\n"), text.encode()):
        found = find(given)
        assert found.token is not None and found.token.audience == COPILOT_AUDIENCE
        assert (found.cookies, found.user_agent, found.identity_type) == (cookies, agent, "google")


def test_an_apostrophe_in_the_body_changes_nothing() -> None:
    """Chromium writes `$'…'` then."""
    text = curl(COPILOT, "cf_clearance=c1; a=2") + ' \\\n  --data-raw $\'{"t":"it\\\'s"}\''
    assert find(text).cookies == {"cf_clearance": "c1", "a": "2"}


@pytest.mark.parametrize(
    "paste", [curl(COPILOT)[:-1], har("https://copilot.microsoft.com/", {"authorization": f"Bearer {COPILOT}"})[:-2]]
)
def test_a_paste_that_breaks_off_is_not_half_read(paste: str) -> None:
    """Neither token nor cookies of it are taken."""
    found = find(paste)
    assert (found.token, found.cookies, found.user_agent) == (None, {}, "")
    assert "breaks off or is damaged" in found.token_problem


def test_a_ticket_of_another_site_is_not_taken() -> None:
    """It cannot be read, so nothing says that it is this service's; one that says so itself is, wherever it stands."""
    ticket = "Bearer " + "0123456789" * 6
    assert find(har("https://api.example.org/", {"authorization": ticket})).token is None
    assert find(har("https://copilot.microsoft.com/c/api/x", {"authorization": ticket})).token is not None
    assert find(har("https://login.example.org/", {"authorization": f"Bearer {COPILOT}"})).token is not None
    assert find(har("https://api.example.org/", {"authorization": "Basic abc"})).token is None


def test_a_token_in_an_answer_of_a_large_har() -> None:
    """As the sign-in's own answer has it."""
    body = '{"access_token":"' + COPILOT + '"}'
    text = har("https://login.example.org/", {"x": "y" * 70_000}, postData={"text": body})
    assert find(text).token.text == COPILOT and find(text.encode()).token.text == COPILOT


def test_the_browsers_storage() -> None:
    """Has a token and no cookies."""
    found = find('{"credentialType": "AccessToken", "secret": "' + COPILOT + '", "target": "x"}')
    assert (found.token.text, found.cookies, found.form) == (COPILOT, {}, "the browser's storage")


def test_what_is_left_out_is_said() -> None:
    """Cookies of other sites, and how many have expired."""
    cookies = [
        {"name": "a", "value": "1", "domain": "copilot.microsoft.com"},
        {"name": "_U", "value": "1", "domain": ".bing.com"},
        {"name": "old", "value": "1", "domain": ".microsoft.com", "expires": "2020-01-01T00:00:00Z"},
    ]
    found = find(har("https://copilot.microsoft.com/", {"authorization": f"Bearer {COPILOT}"}, cookies=cookies))
    assert found.cookies == {"a": "1"}
    said = describe_credentials(found, NOW)
    assert said.endswith("Left out: 1 of other sites (bing.com). Left out: 1 that have expired.")


def test_a_token_alone_is_no_cookie() -> None:
    """Nor does it say anything of a browser."""
    found = find(f" {COPILOT}\n")
    assert found.token.text == COPILOT
    assert (found.form, found.cookies, found.user_agent) == ("an access token", {}, "")


def test_a_word_alone_is_no_cookie_either() -> None:
    """It could only be the value of Bing's."""
    found = find("hello")
    assert (found.cookies, found.token_problem.split(".")[0]) == ({}, "No access token found")


def test_only_cookies_that_the_site_is_sent_count() -> None:
    """Not those of other hosts, those of Bing among them, nor what has ended; the closest domain goes first."""
    cookies = [
        {"name": "MUID", "value": "wide", "domain": ".microsoft.com"},
        {"name": "MUID", "value": "close", "domain": "copilot.microsoft.com"},
        {"name": "_U", "value": "bing", "domain": ".bing.com"},
        {"name": "other", "value": "x", "domain": "login.microsoft.com"},
        {"name": "old", "value": "x", "domain": "copilot.microsoft.com", "expires": "2020-01-01T00:00:00Z"},
    ]
    found = find(har("https://copilot.microsoft.com/", {}, cookies=cookies))
    assert found.cookies == {"MUID": "close"}
    assert found.token is None
    assert found.token_problem.startswith("Read a HAR: 1 cookie of copilot.microsoft.com, but no access token, and")
    assert find(har("https://copilot.microsoft.com/", {}, cookies=cookies), "m365").token_problem.startswith(
        "No access"
    )


@pytest.mark.parametrize(
    ("paste", "agent"),
    [
        ("curl https://x.test/ -A 'Mozilla/5.0 Edg/1'", "Mozilla/5.0 Edg/1"),
        ('curl ^"https://x.test/^" -H ^"User-Agent: Mozilla/5.0 Edg/1^"', "Mozilla/5.0 Edg/1"),
        (har("https://x.test/", {"user-agent": 'say "hi"'}), 'say "hi"'),
        ('"name": "user-agent", "value": "\\q"', ""),
        ("user-agent: Möbel", ""),
        (f"user-agent: {'x' * 301}", ""),
        ("nothing", ""),
    ],
)
def test_the_browser_is_named_where_the_form_names_it(paste: str, agent: str) -> None:
    """Only what a header can carry."""
    assert find(paste).user_agent == agent


@pytest.mark.parametrize(
    "paste",
    [
        f"wss://copilot.microsoft.com/c/api/chat?accessToken={COPILOT}&X-UserIdentityType=google",
        curl(COPILOT) + " -H 'x-useridentitytype: Google'",
        har("https://copilot.microsoft.com/", {"X-UserIdentityType": "google"}),
        har("https://copilot.microsoft.com/?X-UserIdentityType=google", {"X-UserIdentityType": "a word"}),
    ],
)
def test_how_the_sign_in_was_done(paste: str) -> None:
    """The site's word for another sign-in than Microsoft's; it means nothing to Microsoft 365."""
    assert find(paste).identity_type == "google"
    assert find(paste, "m365").identity_type == ""


@pytest.mark.parametrize(
    ("scenario", "is_edu", "tier"),
    [
        ("OfficeWebPaidConsumerCopilot", "false", "individual"),
        ("OfficeWebIncludedCopilot", "false", "included"),
        ("OfficeWebIncludedCopilot", "true", "edu"),
        ("officeweb", "false", "enterprise"),
        ("new", "false", ""),
    ],
)
def test_the_socket_of_microsoft_365_says_where_the_account_is(scenario: str, is_edu: str, tier: str) -> None:
    """Also when its token cannot be looked into."""
    found = find(chathub(ENCRYPTED, scenario, is_edu), "m365")
    assert found.token.form == "jwe"
    assert (found.object_id, found.tenant_id, found.tier) == (OBJECT_ID, TENANT_ID, tier)
    assert found.cookies == {}


def test_a_token_that_can_be_read_says_it_itself() -> None:
    """Its claims go before the address; a personal account's licence follows from its tenant."""
    found = find(chathub(M365, "new"), "m365")
    assert (found.object_id, found.tenant_id, found.tier) == ("oid-1", "tid-1", "")
    personal = make_jwt(aud=M365_AUDIENCE, tid=PERSONAL_TENANT_ID)
    assert find(personal, "m365").tier == "individual"


def test_the_licences_are_those_that_can_be_spoken() -> None:
    """Each has its words in the socket's address."""
    assert set(PROVIDERS["m365"].tiers) == set(SPOKEN_TIERS)


@pytest.mark.parametrize(
    ("paste", "words"),
    [
        (make_jwt(exp=NOW - 60), "copy a new one"),
        (M365, "This token is for Microsoft 365 Copilot, and not for Copilot"),
        ("", "No access token found."),
    ],
)
def test_tokens_that_cannot_be_used(paste: str, words: str) -> None:
    """Ended, another service's, or none: in plain words."""
    found = find(paste)
    assert found.token is None and words in found.token_problem


def test_of_several_tokens_the_last_to_end_counts() -> None:
    """A HAR may hold older ones."""
    old, new = make_jwt(exp=NOW + 10), make_jwt(exp=NOW + 20)
    assert find(f"authorization: Bearer {new}\nauthorization: Bearer {old}").token.text == new
    assert find(f"authorization: Bearer {old}\nauthorization: Bearer {new}").token.text == new


def test_what_was_found_in_plain_words() -> None:
    """Names, counts and times; never a value."""
    words = describe_credentials(find(curl(COPILOT)), NOW)
    assert words == (
        "Read a request copied as cURL. A token for Copilot (copilot.microsoft.com), with the scopes "
        "ChatAI.ReadWrite, valid until 2027-01-15 09:00 UTC. 2 cookies of copilot.microsoft.com, Cloudflare's "
        "clearance among them. Also taken from it: the browser's User-Agent."
    )
    assert describe_credentials(find("cookie: a=b"), NOW) == (
        "Read a Cookie header. 1 cookie of copilot.microsoft.com, Cloudflare's clearance not."
    )
    assert describe_credentials(find(make_jwt()), NOW).endswith("with the scopes ChatAI.ReadWrite.")
    assert COPILOT not in repr(find(curl(COPILOT))) and "clear'" not in repr(find(curl(COPILOT)))

"""What a paste of one of the two Copilots' sites holds: token, cookies, and who the browser was."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.protocol import TIERS, describe_credentials, find_credentials
from accounts.tokens import PERSONAL_TENANT_ID, Service
from chat.protocol.m365 import TIERS as SPOKEN_TIERS
from tests.accounts.jwts import M365_AUDIENCE, make_jwt
from tests.accounts.pastes import AGENT, OBJECT_ID, TENANT_ID, chathub, curl, har

NOW = 1_800_000_000
COPILOT = make_jwt(exp=NOW + 3600)
M365 = make_jwt(aud=M365_AUDIENCE, scp="M365Chat.Read", exp=NOW + 3600, oid="oid-1", tid="tid-1")
ENCRYPTED = make_jwt().replace(make_jwt().split(".")[0], "eyJlbmMiOiJBMjU2R0NNIn0") + ".cccccccc.dddddddd"


def find(text: str, service: Service = "copilot") -> Any:
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
    assert set(TIERS) == set(SPOKEN_TIERS)


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

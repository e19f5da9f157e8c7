"""Access tokens: found in what was pasted, understood without being verified, refused in plain words."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from accounts.microsoft.access_tokens import PERSONAL_TENANT_ID, describe_token, find_tokens, parse_token, read_token
from bingproject.errors import InvalidRequestError

CHAT_AUDIENCE = "140e65af-45d1-4427-bf08-3e7295db6836"
SUBSTRATE = "https://substrate.office.com/sydney"
TENANT_ID = "66666666-7777-8888-9999-000000000000"
ENDS = 1_795_543_200  # 2026-11-24 18:00 UTC


def part(value: Any) -> str:
    """One part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt(**claims: Any) -> str:
    """A token whose claims can be read."""
    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.{'s' * 43}"


JWE = f"{part({'alg': 'RSA-OAEP', 'enc': 'A256CBC-HS512'})}.{'k' * 43}.{'i' * 16}.{'c' * 80}.{'t' * 22}"
OPAQUE = "EwB4A8l6BAAU" + "x" * 60 + "+/=="
M365 = jwt(aud=SUBSTRATE, scp="M365Chat.Read sydney.readwrite", exp=ENDS, oid="oid-1", tid=TENANT_ID)
COPILOT = jwt(aud=CHAT_AUDIENCE, scp="ChatAI.ReadWrite", exp=ENDS, tid=PERSONAL_TENANT_ID)


def problem(text: str, service: Any) -> str:
    """What an operator is told of a paste that is refused."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_token(text, service)
    assert caught.value.code == "invalid_value"
    return str(caught.value)


def test_the_claims_of_a_token() -> None:
    """Audience, scopes, end, and the two ids that Microsoft 365's address needs."""
    token = parse_token(M365, "m365")
    assert (token.form, token.audience, token.scopes) == ("jwt", SUBSTRATE, ("M365Chat.Read", "sydney.readwrite"))
    assert (token.expires_unix_seconds, token.object_id, token.tenant_id) == (ENDS, "oid-1", TENANT_ID)
    assert (token.text, token.is_personal) == (M365, False)
    assert parse_token(COPILOT, "copilot").is_personal


@pytest.mark.parametrize(("text", "form"), [(JWE, "jwe"), (OPAQUE, "opaque"), ("a.b.c.d.e" * 9, "opaque")])
def test_tokens_that_say_nothing(text: str, form: str) -> None:
    """An encrypted one is known by its header, any other is a ticket."""
    token = read_token(text)
    assert (token.form, token.audience, token.scopes, token.expires_unix_seconds) == (form, "", (), 0)


def test_what_cannot_be_read_may_pass() -> None:
    """A personal account's token of Microsoft 365 is encrypted; Copilot's may be either."""
    assert parse_token(JWE, "m365").form == "jwe"
    assert parse_token(JWE, "copilot").form == "jwe"
    assert parse_token(OPAQUE, "copilot").form == "opaque"
    assert "three or five parts" in problem(OPAQUE, "m365")


@pytest.mark.parametrize(
    ("text", "service", "words"),
    [
        (M365, "copilot", "is for Microsoft 365 Copilot, and not for Copilot (copilot.microsoft.com)"),
        (COPILOT, "m365", "is for Copilot (copilot.microsoft.com), and not for Microsoft 365 Copilot"),
        (jwt(aud="https://graph.microsoft.com/"), "m365", "is for Microsoft Graph, and not"),
        (jwt(aud="https://substrate.office.com"), "m365", "not for its chat"),
        (jwt(aud="api://x"), "m365", "is for an unknown service, and not"),
        (jwt(scp="User.Read"), "copilot", "an unnamed service"),
        (jwt(aud=7, exp="soon"), "m365", "an unnamed service"),
        ("", "m365", "No access token found"),
        ("hello", "copilot", "No access token found"),
    ],
)
def test_a_token_of_another_service_is_refused(text: str, service: Any, words: str) -> None:
    """In plain words, with the audience that is wanted, and without a letter of the token."""
    told = problem(text, service)
    assert words in told
    assert "eyJ" not in told


@pytest.mark.parametrize(
    ("claims", "service"),
    [
        ({"aud": f"api://{CHAT_AUDIENCE}"}, "copilot"),
        ({"aud": SUBSTRATE + "/"}, "m365"),
        ({"scp": f"{CHAT_AUDIENCE}/ChatAI.ReadWrite"}, "copilot"),
        ({"scp": "M365Chat.Read"}, "m365"),
    ],
)
def test_a_token_fits_by_its_audience_or_its_scopes(claims: dict[str, str], service: Any) -> None:
    """Scopes count where no audience is named."""
    assert parse_token(jwt(**claims), service).form == "jwt"


@pytest.mark.parametrize(
    "paste",
    [
        M365,
        f"  {M365}\n",
        f"\ufeff'{M365}'",
        f"Bearer {M365}",
        f"authorization: bearer {M365}",
        f"curl 'https://substrate.office.com/x' -H 'Authorization: Bearer {M365}' -H 'Accept: */*'",
        f"wss://substrate.office.com/m365Copilot/Chathub/o@t?X-SessionId=s&access_token={M365}&source=%22officeweb%22",
        json.dumps({"credentialType": "AccessToken", "secret": M365, "target": "x"}),
        json.dumps({"log": {"entries": [{"text": json.dumps({"access_token": M365})}]}}),
    ],
)
def test_where_a_token_is_found(paste: str) -> None:
    """Alone, in a header, a request copied as cURL, a socket's address, a browser's storage, a HAR."""
    assert find_tokens(paste) == (M365,)


def test_a_token_in_an_address_is_unescaped() -> None:
    """As far as it stays a token: nothing that would break a header is taken."""
    escaped = OPAQUE.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    assert find_tokens(f"accessToken={escaped}&x=1 accessToken={escaped}") == (OPAQUE,)
    assert find_tokens(f"access_token={'a' * 50}%0d%0aX-Evil") == ()


def test_one_that_says_so_itself_comes_first() -> None:
    """Beside it a browser's storage has others."""
    entries = [{"secret": OPAQUE}, {"secret": M365}, {"secret": COPILOT}]
    assert parse_token(json.dumps(entries), "copilot").text == COPILOT
    assert parse_token(json.dumps(entries), "m365").text == M365


@pytest.mark.parametrize("middle", ["!!!", "AAAA", part([1]), part("x"), "5A" * 50_000])
def test_parts_that_are_no_claims(middle: str) -> None:
    """Then the token says nothing, and nothing breaks."""
    assert read_token(f"{part({'alg': 'RS256'})}.{middle}.{'s' * 43}").form == "opaque"


@pytest.mark.parametrize("expires", [None, "1", 1.5, -1, 10**15, True])
def test_ends_that_are_none(expires: Any) -> None:
    """An odd or impossible time is no time."""
    assert read_token(jwt(aud=SUBSTRATE, exp=expires)).expires_unix_seconds == 0


@pytest.mark.parametrize(
    ("text", "now", "words"),
    [
        (
            M365,
            0,
            "A token for Microsoft 365 Copilot, with the scopes M365Chat.Read, sydney.readwrite, "
            f"of tenant {TENANT_ID}, valid until 2026-11-24 18:00 UTC.",
        ),
        (COPILOT, ENDS, "of a personal account, expired at 2026-11-24 18:00 UTC."),
        (jwt(aud=SUBSTRATE), 0, "A token for Microsoft 365 Copilot."),
        (JWE, 0, "An encrypted token: it does not show which service"),
        (OPAQUE, 0, "A token that cannot be read: it does not show which service"),
    ],
)
def test_a_token_in_plain_words(text: str, now: float, words: str) -> None:
    """For which service, with which scopes, whose, and until when, as far as it says."""
    assert words in describe_token(read_token(text), now)


def test_claims_that_are_not_known_are_not_repeated() -> None:
    """Audience, scopes and tenant may be anything: they are counted, or called unknown."""
    token = jwt(aud="SECRET", scp="SECRET.Read x/M365Chat.Read", tid="SECRET")
    said = describe_token(read_token(token), 0)
    assert said == "A token for an unknown service, with the scopes M365Chat.Read and 1 other."
    assert "with 2 scopes." in describe_token(read_token(jwt(aud="SECRET", scp="SECRET a")), 0)
    assert "SECRET" not in problem(token, "copilot") + repr(read_token(token))


def test_a_token_does_not_print_itself() -> None:
    """Neither in a log nor in a traceback."""
    assert "eyJ" not in repr(read_token(M365))
    assert "Microsoft 365 Copilot" in repr(read_token(M365))

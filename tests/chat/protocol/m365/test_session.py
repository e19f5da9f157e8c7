"""The socket's address for an account and a conversation."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from chat.protocol.m365 import SOCKET_HEADERS, TIERS, build_call_url, build_socket_url, parse_upgrade_refusal
from tests.chat.protocol.m365.turns import CREDENTIALS, THREAD

BASE = "wss://substrate.office.com/m365Copilot/Chathub"


def test_the_sockets_address() -> None:
    """The path has the account; one id is sent three times; every reserved character of the token is encoded."""
    url = build_socket_url(BASE, CREDENTIALS, THREAD)
    assert url.startswith(f"{BASE}/oid-1@tid-1?chatsessionid=0000")
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}
    assert query["chatsessionid"] == query["XRoutingParameterSessionKey"] == query["clientrequestid"] == "0" * 32
    assert (query["X-SessionId"], query["ConversationId"], query["access_token"]) == ("s1", "c1", "to+ken/=")
    assert (query["product"], query["agentHost"]) == ("Office", "Bizchat.FullScreen")


def test_trap_the_source_has_quotation_marks() -> None:
    """Browsers send them."""
    assert "&source=%22officeweb%22&" in build_socket_url(BASE, CREDENTIALS, THREAD)


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        ("individual", ("Starter", "false", "web", "OfficeWebPaidConsumerCopilot")),
        ("included", ("Starter", "false", "web", "OfficeWebIncludedCopilot")),
        ("edu", ("Starter", "true", "web", "OfficeWebIncludedCopilot")),
        ("enterprise", ("Premium", "false", "work", "officeweb")),
    ],
)
def test_each_tier_has_its_words(tier: str, expected: tuple[str, ...]) -> None:
    """They are in the address."""
    query = parse_qs(urlsplit(build_socket_url(BASE, replace(CREDENTIALS, tier=tier), THREAD)).query)
    assert tuple(query[name][0] for name in ("licenseType", "isEdu", "agent", "scenario")) == expected
    assert tier in TIERS


def test_ids_cannot_leave_the_path() -> None:
    """Whatever an operator typed."""
    url = build_socket_url(BASE + "/", replace(CREDENTIALS, object_id="../a?b", tenant_id="c#d"), THREAD)
    assert urlsplit(url).path == "/m365Copilot/Chathub/..%2Fa%3Fb@c%23d"


@pytest.mark.parametrize(
    ("base", "calls"), [(BASE, "https://substrate.office.com"), ("ws://127.0.0.1:7861/x/y", "http://127.0.0.1:7861")]
)
def test_calls_go_to_the_sockets_host(base: str, calls: str) -> None:
    """Over http for a ws address, over https for a wss one."""
    assert build_call_url(base) == calls
    assert SOCKET_HEADERS == {"Origin": "https://m365.cloud.microsoft"}


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "cookie_expired"), (403, "upstream_refused"), (200, "upstream_refused"), (429, "throttled"),
     (503, "upstream_unreachable")],
)  # fmt: skip
def test_rows_4_7_8_refused_upgrades(status: int, code: str) -> None:
    """The status decides the error, and a header says when to try again."""
    error = parse_upgrade_refusal(status, {"retry-after": "11"})
    assert (error.code, error.retry_after) == (code, 11 if status in (429, 503) else None)


def test_a_token_is_not_in_the_repr() -> None:
    """So neither a log nor a traceback shows it."""
    assert "ken" not in repr(CREDENTIALS)

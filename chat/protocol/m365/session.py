"""Where Microsoft 365's Chathub is spoken to, and as whom.

Source: docs/wire/m365.md, sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from bingproject.errors import ServiceError
from chat.protocol.failures import BackEnd

M365 = BackEnd(
    "Microsoft 365 Copilot",
    "Microsoft 365 Copilot no longer takes the account's access token. The operator must paste a new one.",
)
ORIGIN = "https://m365.cloud.microsoft"
SOCKET_HEADERS = {"Origin": ORIGIN}


@dataclass(frozen=True, slots=True)
class Tier:
    """How an account may use Microsoft 365 Copilot, in the words of the socket's address."""

    license_type: str
    is_edu: str
    agent: str
    scenario: str


# Seen with one account of each kind; a wrong row shows as an answer that is empty at once.
TIERS = {
    "individual": Tier("Starter", "false", "web", "OfficeWebPaidConsumerCopilot"),
    "included": Tier("Starter", "false", "web", "OfficeWebIncludedCopilot"),
    "edu": Tier("Starter", "true", "web", "OfficeWebIncludedCopilot"),
    "enterprise": Tier("Premium", "false", "work", "officeweb"),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks.

    Shape: `object_id` and `tenant_id` are claims of a token that can be read, and the operator's word for one that
    cannot; `tier` is a key of `TIERS`.
    """

    token: str = field(repr=False)
    object_id: str
    tenant_id: str
    tier: str


@dataclass(frozen=True, slots=True)
class Thread:
    """One upstream conversation. All of it is ours to choose; the same again goes on with it.

    Shape: `conversation_id` and `session_id` are UUIDs, `routing_key` is 32 hex digits.
    """

    conversation_id: str
    session_id: str
    routing_key: str


def build_socket_url(base_url: str, credentials: Credentials, thread: Thread) -> str:
    """The socket's address. It holds the token: never log it.

    Shape: `base_url` ends in `/m365Copilot/Chathub`.
    """
    tier = TIERS[credentials.tier]
    query = {
        "chatsessionid": thread.routing_key,
        "XRoutingParameterSessionKey": thread.routing_key,
        "clientrequestid": thread.routing_key,
        "X-SessionId": thread.session_id,
        "ConversationId": thread.conversation_id,
        "access_token": credentials.token,
        "source": '"officeweb"',  # with its quotation marks, as browsers send it
        "product": "Office",
        "agentHost": "Bizchat.FullScreen",
        "licenseType": tier.license_type,
        "isEdu": tier.is_edu,
        "agent": tier.agent,
        "scenario": tier.scenario,
    }
    owner = f"{quote(credentials.object_id, safe='')}@{quote(credentials.tenant_id, safe='')}"
    return f"{base_url.rstrip('/')}/{owner}?{urlencode(query)}"


def build_call_url(socket_base_url: str) -> str:
    """Where the calls beside the socket go: `wss://host/m365Copilot/Chathub` → `https://host`."""
    parts = urlsplit(socket_base_url)
    return f"{parts.scheme.replace('ws', 'http', 1)}://{parts.netloc}"


def parse_upgrade_refusal(status: int, headers: Mapping[str, str]) -> ServiceError:
    """What a refused upgrade means; the error is returned for the client to raise."""
    return M365.refuse(status, headers, "upgrade")

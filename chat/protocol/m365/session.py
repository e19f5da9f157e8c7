"""The address of Microsoft 365's ChatHub for an account and a conversation.

Source: docs/wire/m365.md, sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from bingproject.errors import ServiceError
from chat.protocol.failures import ErrorFactory

M365_ERRORS = ErrorFactory(
    "Microsoft 365 Copilot",
    "Microsoft 365 Copilot no longer accepts the account's access token. The operator must paste a new one.",
)
# One client was refused without an Origin; two others send none and succeed (section 2.4).
ORIGIN = "https://m365.cloud.microsoft"
SOCKET_HEADERS = {"Origin": ORIGIN}


@dataclass(frozen=True, slots=True)
class Tier:
    """An account's licence, in the words of the socket's address."""

    license_type: str
    is_edu: str
    agent: str
    scenario: str


# Each row was seen with one account. A wrong row gives an empty answer at once.
TIERS = {
    "individual": Tier("Starter", "false", "web", "OfficeWebPaidConsumerCopilot"),
    "included": Tier("Starter", "false", "web", "OfficeWebIncludedCopilot"),
    "edu": Tier("Starter", "true", "web", "OfficeWebIncludedCopilot"),
    "enterprise": Tier("Premium", "false", "work", "officeweb"),
}


@dataclass(frozen=True, slots=True)
class M365Credentials:
    """The account that asks.

    Attributes:
        token: An access token for the ChatHub.
        object_id: The claim `oid` of a JWT. For an opaque token the operator enters it.
        tenant_id: The claim `tid`, likewise.
        tier: A key of `TIERS`.
    """

    token: str = field(repr=False)
    object_id: str
    tenant_id: str
    tier: str


@dataclass(frozen=True, slots=True)
class Thread:
    """One upstream conversation. The client chooses all three ids, and repeats them to continue.

    Attributes:
        conversation_id: A UUID.
        session_id: A UUID.
        routing_key: 32 hex digits.
    """

    conversation_id: str
    session_id: str
    routing_key: str


def build_socket_url(base_url: str, credentials: M365Credentials, thread: Thread) -> str:
    """Return the socket's address. It includes the token: never log it.

    Args:
        base_url: Ends in `/m365Copilot/Chathub`.
        credentials: The account.
        thread: The upstream conversation.
    """
    tier = TIERS[credentials.tier]
    query = {
        # Browsers send the same 32 hex digits under three names (section 2.2).
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
    # Encoded, since an operator may have typed the ids.
    owner = f"{quote(credentials.object_id, safe='')}@{quote(credentials.tenant_id, safe='')}"
    return f"{base_url.rstrip('/')}/{owner}?{urlencode(query)}"


def build_call_url(socket_base_url: str) -> str:
    """Return the base address of calls beside the socket: `wss://host/m365Copilot/Chathub` → `https://host`."""
    parts = urlsplit(socket_base_url)
    return f"{parts.scheme.replace('ws', 'http', 1)}://{parts.netloc}"


def parse_upgrade_refusal(status: int, headers: Mapping[str, str]) -> ServiceError:
    """Return the error that a refused upgrade means, for the client to raise."""
    return M365_ERRORS.from_status(status, headers, "upgrade")

"""Access tokens as Microsoft's sign-in issues them, for the demo and for tests, and checked as strictly as there.

Source: docs/wire/copilot.md and docs/wire/m365.md, their sections on tokens.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any

COPILOT, M365 = "copilot", "m365"
AUDIENCES = {COPILOT: "140e65af-45d1-4427-bf08-3e7295db6836", M365: "https://substrate.office.com/sydney"}
SCOPES = {COPILOT: "ChatAI.ReadWrite", M365: "M365Chat.Read sydney.readwrite"}
TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
LIFE_SECONDS = 3600.0
# Opaque tokens: a personal account's for the consumer service, and one of five parts for Microsoft 365.
OPAQUE_HEAD = "EwB"
_ENCRYPTED_HEAD = {"alg": "RSA-OAEP", "enc": "A256CBC-HS512"}


@dataclass(frozen=True)
class SandboxToken:
    """The content of a token: account, service and expiry; `object_id` names the account in addresses."""

    account: str
    audience: str
    expires_at: float
    object_id: str
    tenant_id: str

    def fits(self, service: str, now: float) -> bool:
        """True if the token is valid for that service now."""
        return self.audience == AUDIENCES[service] and now < self.expires_at


def object_id(account: str) -> str:
    """Return the account's id, the same in all of its tokens."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sandbox:{account}"))


def make_token(service: str, account: str, expires_at: float, *, audience: str = "", is_opaque: bool = False) -> str:
    """Return a token of the account; `audience` replaces that of the service."""
    claims = {
        "aud": audience or AUDIENCES[service],
        "scp": SCOPES[service],
        "exp": int(expires_at),
        "oid": object_id(account),
        "tid": TENANT,
        "name": account,
    }
    body = _pack(claims)
    if not is_opaque:
        head = _pack({"alg": "RS256", "typ": "JWT"})
        return f"{head}.{body}.{_seal(body)}"
    if service == COPILOT:
        return f"{OPAQUE_HEAD}{body}.{_seal(body)}".replace(".", "_-_")
    return f"{_pack(_ENCRYPTED_HEAD)}.{_seal('key')}.{_seal('iv')}.{body}.{_seal(body)}"


def read_token(text: str) -> SandboxToken | None:
    """Parse a token of either form; return None if it is damaged or not one of this sandbox."""
    parts = text.removeprefix(OPAQUE_HEAD).split("_-_") if text.startswith(OPAQUE_HEAD) else text.split(".")
    body, seal = (parts[-2], parts[-1]) if len(parts) in (2, 3, 5) else ("", "")
    if not body or seal != _seal(body):
        return None
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return SandboxToken(claims["name"], claims["aud"], float(claims["exp"]), claims["oid"], claims["tid"])


def _pack(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def _seal(body: str) -> str:
    digest = hashlib.sha256(f"sandbox token|{body}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=").replace("_", "-")

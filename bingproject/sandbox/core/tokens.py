"""Access tokens as Microsoft's sign-in issues them, for the demo and for tests, and checked as strictly as there.

Source: the sections on tokens of the pages in docs/wire/; each service has its own rules in its `site.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any

TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
LIFE_SECONDS = 3600.0
# How the opaque tokens of personal accounts begin.
OPAQUE_HEAD = "EwB"
_ENCRYPTED_HEAD = {"alg": "RSA-OAEP", "enc": "A256CBC-HS512"}


@dataclass(frozen=True)
class SandboxTokenRules:
    """The tokens of one service. Its opaque ones are those of personal accounts, or encrypted ones of five parts."""

    audience: str
    scope: str
    is_personal: bool = False


@dataclass(frozen=True)
class SandboxToken:
    """The content of a token: account, service and expiry; `object_id` names the account in addresses."""

    account: str
    audience: str
    expires_at: float
    object_id: str
    tenant_id: str

    def fits(self, rules: SandboxTokenRules, now: float) -> bool:
        """True if the token is valid for that service now."""
        return self.audience == rules.audience and now < self.expires_at


def object_id(account: str) -> str:
    """Return the account's id, the same in all of its tokens."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sandbox:{account}"))


def make_token(
    rules: SandboxTokenRules, account: str, expires_at: float, *, audience: str = "", is_opaque: bool = False
) -> str:
    """Return a token of the account; `audience` replaces that of the service."""
    claims = {
        "aud": audience or rules.audience,
        "scp": rules.scope,
        "exp": int(expires_at),
        "oid": object_id(account),
        "tid": TENANT,
        "name": account,
    }
    body = _pack(claims)
    if not is_opaque:
        head = _pack({"alg": "RS256", "typ": "JWT"})
        return f"{head}.{body}.{_sign(body)}"
    if rules.is_personal:
        return f"{OPAQUE_HEAD}{body}.{_sign(body)}".replace(".", "_-_")
    return f"{_pack(_ENCRYPTED_HEAD)}.{_sign('key')}.{_sign('iv')}.{body}.{_sign(body)}"


def read_token(text: str) -> SandboxToken | None:
    """Parse a token of either form; return None if it is damaged or not one of this sandbox."""
    parts = text.removeprefix(OPAQUE_HEAD).split("_-_") if text.startswith(OPAQUE_HEAD) else text.split(".")
    body, signature = (parts[-2], parts[-1]) if len(parts) in (2, 3, 5) else ("", "")
    if not body or signature != _sign(body):
        return None
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return SandboxToken(claims["name"], claims["aud"], float(claims["exp"]), claims["oid"], claims["tid"])


def _pack(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def _sign(body: str) -> str:
    digest = hashlib.sha256(f"sandbox token|{body}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=").replace("_", "-")

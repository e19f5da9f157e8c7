"""Access tokens pasted by an operator or printed by a token command: what one is, and for which service. All pure.

Nothing here verifies a signature: the service does that. Claims are read to tell an operator what they pasted.
Source: docs/wire/copilot.md, section 1; docs/wire/m365.md, section 1.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

from bingproject.errors import InvalidRequestError

Service = Literal["copilot", "m365"]
# "jwt" has claims that can be read; "jwe" is encrypted and "opaque" is a ticket: neither says anything.
Form = Literal["jwt", "jwe", "opaque"]

SERVICE_NAMES: dict[Service, str] = {"copilot": "Copilot (copilot.microsoft.com)", "m365": "Microsoft 365 Copilot"}
# What names each service, as the audience or before a scope. Seen, and not documented by Microsoft.
AUDIENCES: dict[Service, tuple[str, ...]] = {
    "copilot": ("140e65af-45d1-4427-bf08-3e7295db6836",),
    "m365": ("https://substrate.office.com/sydney",),
}
SCOPES: dict[Service, tuple[str, ...]] = {
    "copilot": ("chatai.readwrite",),
    "m365": ("m365chat.read", "sydney.readwrite"),
}
# Other audiences an operator may well come upon, in words.
KNOWN_AUDIENCES = {
    "00000003-0000-0000-c000-000000000000": "Microsoft Graph",
    "https://graph.microsoft.com": "Microsoft Graph",
    "https://outlook.office.com": "Outlook",
    "https://outlook.office365.com": "Outlook",
    "https://substrate.office.com": "Microsoft 365's Substrate, but not for its chat",
}
# The tenant of all personal Microsoft accounts.
PERSONAL_TENANT_ID = "9188040d-6c67-4c5b-b112-36a304b66dad"

_JWT_PARTS, _JWE_PARTS = 3, 5
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=!*$-]{40,}")  # what may stand in a header, and no token is shorter
# Where a token stands in a socket's address, a header, a browser's storage, a HAR or a request copied as cURL.
_PLACES = re.compile(
    r"""(?:access_?token=|bearer\s+|"(?:secret|access_token|accessToken)\\?"\s*:\s*\\?")([A-Za-z0-9._~+/=!*$%-]{40,})""",
    re.IGNORECASE,
)
_LATEST_UNIX_SECONDS = 253_402_300_799  # the last second datetime can hold


@dataclass(frozen=True, slots=True)
class Token:
    """A token and what it says of itself; empty where it says nothing.

    Units: `expires_unix_seconds`, 0 when not known. `object_id` and `tenant_id` go into Microsoft 365's address.
    """

    text: str
    form: Form
    audience: str = ""
    scopes: tuple[str, ...] = ()
    expires_unix_seconds: int = 0
    object_id: str = ""
    tenant_id: str = ""

    @property
    def is_personal(self) -> bool:
        """Whether it is a personal account's, as far as it says."""
        return self.tenant_id == PERSONAL_TENANT_ID

    def __repr__(self) -> str:
        return f"Token(form={self.form!r}, audience={self.audience!r})"


def find_tokens(text: str) -> tuple[str, ...]:
    """The tokens in whatever was pasted, each once.

    Shape: a token alone, with or without "Bearer", or a socket's address, a request copied as cURL, a HAR, or the
    entry of a browser's storage that holds one.
    """
    text = text.strip().removeprefix("\ufeff").strip()
    alone = re.sub(r"^bearer\s+", "", text.strip("\"'"), flags=re.IGNORECASE).strip()
    if _TOKEN.fullmatch(alone) and not alone.lower().startswith(("access_token=", "accesstoken=")):
        return (alone,)
    return tuple(dict.fromkeys(filter(_TOKEN.fullmatch, map(unquote, _PLACES.findall(text)))))


def parse_token(text: str, service: Service) -> Token:
    """The token of the text that is this service's, or could be.

    Raises: InvalidRequestError that says in plain words what was pasted instead, and repeats nothing of a token.
    """
    tokens = [read_token(found) for found in find_tokens(text)]
    # One that says so itself comes first: beside it a browser's storage holds others that say nothing. Of several the
    # last to end: a HAR may hold older ones.
    tokens.sort(key=lambda token: (token.form != "jwt", -token.expires_unix_seconds))
    problem = f"No access token found. Paste the access token of {SERVICE_NAMES[service]}, or a request that has one."
    for token in tokens:
        problem = _explain(token, service)
        if not problem:
            return token
    raise InvalidRequestError(problem, code="invalid_value")


def read_token(text: str) -> Token:
    """What a token says of itself, unverified."""
    parts = text.split(".")
    header = _read_part(parts[0])
    if len(parts) == _JWE_PARTS and "enc" in header:
        return Token(text, "jwe")
    claims = _read_part(parts[1]) if len(parts) == _JWT_PARTS and header else {}
    if not claims:
        return Token(text, "opaque")
    expires = claims.get("exp")
    return Token(
        text,
        "jwt",
        audience=_string(claims, "aud"),
        scopes=tuple(_string(claims, "scp").split()),
        expires_unix_seconds=expires if type(expires) is int and 0 < expires <= _LATEST_UNIX_SECONDS else 0,
        object_id=_string(claims, "oid"),
        tenant_id=_string(claims, "tid"),
    )


def describe_token(token: Token, now_unix_seconds: float) -> str:
    """A token in plain words for an operator, without the token.

    Shape: "A token for …, with the scopes …, of tenant …, valid until 2026-11-24 18:00 UTC."
    """
    if token.form != "jwt":
        kind = "An encrypted token" if token.form == "jwe" else "A token that cannot be read"
        return f"{kind}: it does not say for which service it is, nor when it ends."
    said = [f"A token for {_name(token.audience)}"]
    said += [f"with the scopes {', '.join(token.scopes)}"] if token.scopes else []
    if token.is_personal:
        said.append("of a personal account")
    elif token.tenant_id:
        said.append(f"of tenant {token.tenant_id}")
    if token.expires_unix_seconds:
        ends = datetime.fromtimestamp(token.expires_unix_seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
        said.append(f"{'valid until' if token.expires_unix_seconds > now_unix_seconds else 'ended at'} {ends}")
    return ", ".join(said) + "."


def _explain(token: Token, service: Service) -> str:
    """Why a token is none of this service's; "" when it could be one."""
    if token.form == "opaque" and service == "m365":
        return f"This is no token of {SERVICE_NAMES[service]}: those have three or five parts, joined by dots."
    if token.form != "jwt" or _fits(token, service):
        return ""
    return (
        f"This token is for {_name(token.audience)}, and not for {SERVICE_NAMES[service]}. Paste the one whose "
        f"audience is {AUDIENCES[service][0]}."
    )


def _fits(token: Token, service: Service) -> bool:
    if token.audience.removeprefix("api://").rstrip("/").lower() in AUDIENCES[service]:
        return True
    # A scope may carry its audience before it; alone it counts where the token names no audience.
    scopes = {scope.rsplit("/", maxsplit=1)[-1].lower() for scope in token.scopes}
    return not token.audience and not scopes.isdisjoint(SCOPES[service])


def _name(audience: str) -> str:
    plain = audience.removeprefix("api://").rstrip("/").lower()
    for service, audiences in AUDIENCES.items():
        if plain in audiences:
            return SERVICE_NAMES[service]
    # What a token says of itself is shown to an operator: no more of it than an audience's length.
    return KNOWN_AUDIENCES.get(plain, audience[:100] or "a service it does not name")


def _read_part(part: str) -> dict[str, Any]:
    """The JSON object in one part of a token; empty when it is none."""
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        read: object = msgspec.json.decode(decoded)
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _string(claims: dict[str, Any], key: str) -> str:
    value = claims.get(key)
    return value if isinstance(value, str) else ""

"""Find access tokens in a paste or a program's output, and tell which service they are for. All functions are pure.

Nothing here verifies a signature, which is the service's task: claims are read to tell operators what they pasted.
`accounts.microsoft.providers` defines which tokens each service accepts.
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

from accounts.microsoft.providers import TOKEN_RULES, TokenRules
from bingproject.errors import InvalidRequestError

# Only a "jwt" has readable claims: a "jwe" is encrypted, and "opaque" is any other string.
Form = Literal["jwt", "jwe", "opaque"]

# Names of other audiences that operators easily paste.
KNOWN_AUDIENCES = {
    "00000003-0000-0000-c000-000000000000": "Microsoft Graph",
    "https://graph.microsoft.com": "Microsoft Graph",
    "https://outlook.office.com": "Outlook",
    "https://outlook.office365.com": "Outlook",
}
# The tenant of all personal Microsoft accounts.
PERSONAL_TENANT_ID = "9188040d-6c67-4c5b-b112-36a304b66dad"

_KNOWN_SCOPES = {scope for rules in TOKEN_RULES.values() for scope in rules.scopes}
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_JWT_PARTS, _JWE_PARTS = 3, 5
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=!*$-]{40,}")  # the characters that a header allows; no token is shorter
# What precedes a token in a socket's address, a header, a browser's storage, a HAR or a request copied as cURL.
_PLACES = re.compile(
    r"""(?:access_?token=|bearer\s+|"(?:secret|access_token|accessToken)\\?"\s*:\s*\\?")([A-Za-z0-9._~+/=!*$%-]{40,})""",
    re.IGNORECASE,
)
_LATEST_UNIX_SECONDS = 253_402_300_799  # the last second that datetime can hold


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its claims; a claim that it lacks is empty.

    Attributes:
        text: The token itself.
        form: How it is encoded.
        audience: The service that it was issued for.
        scopes: The permissions that it grants.
        expires_unix_seconds: When it expires; 0 if unknown.
        object_id: The account's id in a socket's address.
        tenant_id: The account's tenant there.
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
        """True if its tenant is that of personal accounts; False also if it names none."""
        return self.tenant_id == PERSONAL_TENANT_ID

    def __repr__(self) -> str:
        return f"Token(form={self.form!r}, audience={_name(self.audience)!r})"


def find_tokens(text: str) -> tuple[str, ...]:
    """Return the different tokens in a paste.

    The paste is a token alone, with or without "Bearer", or a text that contains tokens: a socket's address, a request
    copied as cURL, a HAR, or an entry of a browser's storage.
    """
    text = text.strip().removeprefix("\ufeff").strip()
    alone = re.sub(r"^bearer\s+", "", text.strip("\"'"), flags=re.IGNORECASE).strip()
    if _TOKEN.fullmatch(alone) and not alone.lower().startswith(("access_token=", "accesstoken=")):
        return (alone,)
    return tuple(dict.fromkeys(filter(_TOKEN.fullmatch, map(unquote, _PLACES.findall(text)))))


def parse_token(text: str, service: str) -> Token:
    """Return the token in the text that is, or may be, the service's.

    Args:
        text: A paste, or the output of a token command.
        service: An account kind.

    Raises:
        InvalidRequestError: There is none. The message says what was pasted instead, and repeats no part of a token.
    """
    rules = TOKEN_RULES[service]
    tokens = [read_token(found) for found in find_tokens(text)]
    # Prefer readable tokens, since a browser's storage has unreadable ones beside them; and of these the one that
    # expires last, since a HAR may have older ones.
    tokens.sort(key=lambda token: (token.form != "jwt", -token.expires_unix_seconds))
    problem = f"No access token found. Paste the access token of {rules.name}, or a request that has one."
    for token in tokens:
        problem = _explain(token, rules)
        if not problem:
            return token
    raise InvalidRequestError(problem, code="invalid_value")


def read_token(text: str) -> Token:
    """Read a token's claims without verifying them."""
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
    """Describe a token to an operator without repeating it.

    Example: "A token for …, with the scopes …, of tenant …, valid until 2026-11-24 18:00 UTC."
    """
    if token.form != "jwt":
        kind = "An encrypted token" if token.form == "jwe" else "A token that cannot be read"
        return f"{kind}: it does not show which service it is for, or when it expires."
    said = [f"A token for {_name(token.audience)}"]
    said += [f"with {_list_scopes(token.scopes)}"] if token.scopes else []
    if token.is_personal:
        said.append("of a personal account")
    elif _ID.fullmatch(token.tenant_id):
        said.append(f"of tenant {token.tenant_id}")
    if token.expires_unix_seconds:
        ends = datetime.fromtimestamp(token.expires_unix_seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
        said.append(f"{'valid until' if token.expires_unix_seconds > now_unix_seconds else 'expired at'} {ends}")
    return ", ".join(said) + "."


def _explain(token: Token, rules: TokenRules) -> str:
    """Return why a token is not the service's; "" if it may be."""
    if token.form == "opaque" and not rules.can_be_opaque:
        return f"This is not a token of {rules.name}: those have three or five parts, joined by dots."
    if token.form != "jwt" or _fits(token, rules):
        return ""
    return (
        f"This token is for {_name(token.audience)}, and not for {rules.name}. Paste the one whose "
        f"audience is {rules.audiences[0]}."
    )


def _fits(token: Token, rules: TokenRules) -> bool:
    if token.audience.removeprefix("api://").rstrip("/").lower() in rules.audiences:
        return True
    # A scope may have its audience as a prefix. Scopes decide only if the token names no audience.
    scopes = {scope.rsplit("/", maxsplit=1)[-1].lower() for scope in token.scopes}
    return not token.audience and not scopes.isdisjoint(rules.scopes)


def _name(audience: str) -> str:
    plain = audience.removeprefix("api://").rstrip("/").lower()
    for rules in TOKEN_RULES.values():
        if plain in rules.audiences:
            return rules.name
        if plain in rules.near_audiences:
            return rules.near_audiences[plain]
    # Never repeat an unknown audience: a token may claim anything.
    return KNOWN_AUDIENCES.get(plain, "an unknown service" if audience else "an unnamed service")


def _list_scopes(scopes: tuple[str, ...]) -> str:
    """Return `the scopes Chat.Read, Chat.Write and 2 others`: the known ones by name, the others as a number."""
    names = [scope.rsplit("/", maxsplit=1)[-1] for scope in scopes]
    known = [name for name in names if name.lower() in _KNOWN_SCOPES]
    others = len(scopes) - len(known)
    if not known:
        return f"{others} scope{'' if others == 1 else 's'}"
    more = f" and {others} other{'' if others == 1 else 's'}" if others else ""
    return f"the scopes {', '.join(known)}{more}"


def _read_part(part: str) -> dict[str, Any]:
    """Decode the JSON object in one part of a token; return an empty one if there is none."""
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        read: object = msgspec.json.decode(decoded)
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _string(claims: dict[str, Any], key: str) -> str:
    value = claims.get(key)
    return value if isinstance(value, str) else ""

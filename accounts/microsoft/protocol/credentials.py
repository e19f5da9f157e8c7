"""Read what an operator pasted for an account that signs in with a token: token, cookies and the browser's headers.

`accounts.microsoft.providers` defines what each service needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from accounts.microsoft.access_tokens import (
    Token,
    describe_token,
    find_tokens,
    parse_token,
    read_token,
)
from accounts.microsoft.protocol.cookies import LeftOut, describe_left_out, pick_cookies
from accounts.microsoft.protocol.paste_formats import BARE_VALUE, Paste, PastedRequest, read_paste
from accounts.microsoft.providers import TOKEN_RULES
from bingproject.errors import InvalidRequestError

CLEARANCE_COOKIE = "cf_clearance"
# Undocumented: Cloudflare's clearance has been seen to last this long.
CLEARANCE_MINUTES = 30
_TOKEN_ALONE = "an access token"
_IDENTITY = re.compile(r"[?&]x-useridentitytype=([A-Za-z]{1,12})\b", re.IGNORECASE)
_IDENTITY_NAME = re.compile(r"[A-Za-z]{1,12}")
_LONGEST_AGENT = 300
_LONGEST_TOKEN_ALONE = 64 * 1024
# In a large file, tokens also appear in response bodies and in a page's storage. Only the text after these words is
# searched, up to this length.
_TOKEN_WORDS = (b"access_token", b"accessToken", b"Bearer ", b"bearer ", b'"secret', b'\\"secret')
_WINDOW_BYTES = 16 * 1024
_MOST_WINDOWS = 200


@dataclass(frozen=True, slots=True)
class FoundCredentials:
    """The credentials in a paste for one service; "" or empty where the paste has none.

    Attributes:
        form: The paste's form, in words.
        token: The token, if one is usable.
        token_problem: A sentence on why no token is usable; "" if one is.
        cookies: The service's cookies by name.
        user_agent: The browser's User-Agent.
        identity_type: The site's word for how the user signed in.
        object_id: The account's id in a socket's address.
        tenant_id: The account's tenant there.
        tier: The account's licence.
        left_out: The cookies that are not used.
        host: The service's host.
    """

    form: str
    token: Token | None = field(repr=False)
    token_problem: str
    cookies: dict[str, str] = field(repr=False)
    user_agent: str
    identity_type: str
    object_id: str
    tenant_id: str
    tier: str
    left_out: tuple[LeftOut, ...] = ()
    host: str = ""

    @property
    def has_clearance(self) -> bool:
        """True if the cookies include Cloudflare's clearance."""
        return CLEARANCE_COOKIE in self.cookies


def find_credentials(given: str | bytes, service: str, unix_seconds: float) -> FoundCredentials:
    """Find one service's credentials in a paste or a file: a HAR, a copied request, headers, or a token alone.

    A paste that cannot be read gives no token and no cookies, and `token_problem` says why.

    Args:
        given: The pasted text, or the bytes of a file.
        service: An account kind with a token.
        unix_seconds: When the credentials must still be valid.
    """
    alone = _find_alone(given)
    paste = Paste(_TOKEN_ALONE, notes=f"Bearer {alone}") if alone else read_paste(given)
    if paste.problem:
        return FoundCredentials(paste.form, None, paste.problem, {}, "", "", "", "", "")
    rules = TOKEN_RULES[service]
    own = [request for request in paste.requests if request.host in ("", rules.host)]
    token, problem, has_token = _find_token(given, paste, own, service, unix_seconds)
    cookies: dict[str, str] = {}
    left_out: tuple[LeftOut, ...] = ()
    if rules.cookies_alone and paste.form != BARE_VALUE:  # a bare value is read as Bing's cookie _U
        cookies, left_out = pick_cookies(paste, rules.host, unix_seconds)
    if cookies and not has_token:
        problem = rules.cookies_alone.format(paste.form, _count(cookies, rules.host))
    urls = [request.url for request in paste.requests]
    ids = (rules.place and rules.place.find_ids(urls)) or ("", "")
    return FoundCredentials(
        form=paste.form,
        token=token,
        token_problem=problem,
        cookies=cookies,
        user_agent=_find_user_agent([*own, *paste.requests]),
        identity_type=_find_identity(own) if rules.has_identity_type else "",
        object_id=(token and token.object_id) or ids[0],
        tenant_id=(token and token.tenant_id) or ids[1],
        tier=rules.place.find_tier(urls, bool(token and token.is_personal)) if rules.place else "",
        left_out=left_out,
        host=rules.host,
    )


def describe_credentials(found: FoundCredentials, unix_seconds: float) -> str:
    """Describe the credentials of a paste to an operator, without any value."""
    words = [f"Read {found.form}."]
    if found.token is not None:
        words.append(describe_token(found.token, unix_seconds))
    if found.cookies:
        clearance = ", Cloudflare's clearance among them" if found.has_clearance else ", Cloudflare's clearance not"
        words.append(f"{_count(found.cookies, found.host)}{clearance}.")
    seen = [name for name, value in (
        ("the browser's User-Agent", found.user_agent), ("the object id and tenant id", found.object_id),
        ("the licence", found.tier), ("how the sign-in was done", found.identity_type),
    ) if value]  # fmt: skip
    if seen:
        words.append(f"Also taken from it: {', '.join(seen)}.")
    return " ".join([*words, *describe_left_out(found.left_out)])


def _count(cookies: dict[str, str], host: str) -> str:
    return f"{len(cookies)} cookie{'' if len(cookies) == 1 else 's'} of {host}"


def _find_alone(given: str | bytes) -> str:
    """Return the token if it is the whole paste, else ""."""
    if len(given) > _LONGEST_TOKEN_ALONE:
        return ""
    text = given.decode("utf-8", "replace") if isinstance(given, bytes) else given
    tokens = find_tokens(text)
    whole = text.strip().removeprefix("\ufeff").strip().strip("\"'")
    return tokens[0] if len(tokens) == 1 and whole.lower() in (tokens[0].lower(), f"bearer {tokens[0].lower()}") else ""


def _find_token(
    given: str | bytes, paste: Paste, own: Sequence[PastedRequest], service: str, unix_seconds: float
) -> tuple[Token | None, str, bool]:
    """Return the service's token, or what is wrong with those found, and True if any were found.

    From requests to other sites only readable tokens count: an unreadable one may be for that site, and would be sent
    to the wrong service.
    """
    texts = [*map(_token_text, own), paste.notes]
    tokens = find_tokens("\n".join(filter(None, texts)))
    if not tokens:
        mine = ("", TOKEN_RULES[service].host)
        others = "\n".join(_token_text(request) for request in paste.requests if request.host not in mine)
        elsewhere = find_tokens(others) or find_tokens(_windows(given))
        tokens = tuple(token for token in elsewhere if read_token(token).form == "jwt")
    token, problem = _choose_token(tokens, service, unix_seconds)
    return token, problem, bool(tokens)


def _token_text(request: PastedRequest) -> str:
    lines = (f"Bearer {value[7:]}" for value in request.values("authorization") if value[:7].lower() == "bearer ")
    return "\n".join((request.url, *lines))


def _windows(given: str | bytes) -> str:
    """Return the text after each word that may precede a token."""
    data = given.encode("utf-8", "replace") if isinstance(given, str) else given
    parts: list[bytes] = []
    for word in _TOKEN_WORDS:
        at = data.find(word)
        while at >= 0 and len(parts) < _MOST_WINDOWS:
            parts.append(data[max(0, at - 2) : at + _WINDOW_BYTES])  # include the quote before the word
            at = data.find(word, at + _WINDOW_BYTES)
    return b"\n".join(parts).decode("utf-8", "replace")


def _choose_token(tokens: Sequence[str], service: str, unix_seconds: float) -> tuple[Token | None, str]:
    try:
        token = parse_token("\n".join(f"Bearer {token}" for token in tokens), service)
    except InvalidRequestError as error:
        return None, error.message
    if 0 < token.expires_unix_seconds <= unix_seconds:
        said = describe_token(token, unix_seconds)
        return None, f"{said} Open {TOKEN_RULES[service].name} in the browser again and copy a new one."
    return token, ""


def _find_user_agent(requests: Iterable[PastedRequest]) -> str:
    named = next((agent for request in requests for agent in request.values("user-agent")), "").strip()
    return named if named.isascii() and named.isprintable() and len(named) <= _LONGEST_AGENT else ""


def _find_identity(requests: Sequence[PastedRequest]) -> str:
    """Return the site's word for how the user signed in, from a header or the socket's address."""
    for request in requests:
        for value in request.values("x-useridentitytype"):
            if _IDENTITY_NAME.fullmatch(value):
                return value.lower()
    found = _search(_IDENTITY, requests)
    return found[1].lower() if found else ""


def _search(pattern: re.Pattern[str], requests: Iterable[PastedRequest]) -> re.Match[str] | None:
    return next((found for request in requests if (found := pattern.search(request.url))), None)

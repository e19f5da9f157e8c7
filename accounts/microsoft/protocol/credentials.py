"""What an operator pasted for an account of consumer Copilot or Microsoft 365: token, cookies, and who the browser was.

Source: docs/wire/copilot.md, section 1; docs/wire/m365.md, sections 1 and 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

from accounts.protocol.cookies import choose_cookies
from accounts.protocol.pastes import BARE_VALUE
from accounts.tokens import SERVICE_NAMES, Service, Token, describe_token, find_tokens, parse_token
from bingproject.errors import InvalidRequestError

CLEARANCE_COOKIE = "cf_clearance"
# Nothing says how long Cloudflare's clearance lasts; this is what was seen.
CLEARANCE_MINUTES = 30
# A Microsoft 365 account's licence, by the words that name it here; which of them it is the socket's address says.
TIERS = {
    "individual": "Personal, with a Microsoft 365 subscription",
    "included": "Work, Copilot Chat that comes with it",
    "edu": "School",
    "enterprise": "Work, with a Microsoft 365 Copilot licence",
}
_TIER_BY_SCENARIO = {"officewebpaidconsumercopilot": "individual", "officewebincludedcopilot": "included",
                     "officeweb": "enterprise"}  # fmt: skip

# What is missing when there are cookies and no token: a page that was opened, and in which nobody has chatted.
_COOKIES_ALONE = (
    "Read {}: {}, but no access token, and cookies alone cannot chat. Send a message while the developer tools' "
    "Network page is open, export the HAR after that and give that one. Or give this once more and after it, in the "
    "same field, the address of the socket “chat?api-version=2…”, which has the token."
)

_HEADER = r"""(?:"name"\s*:\s*"{name}"\s*,\s*"value"\s*:\s*"((?:[^"\\]|\\.)+)"|{name}\s*:\s*([^'"\r\n^]+))"""
_USER_AGENT = re.compile(_HEADER.format(name="user-agent"), re.IGNORECASE)
_USER_AGENT_OPTION = re.compile(r"""\s(?:-A|--user-agent)\s+\^?(["'])(.+?)\^?\1""")
_IDENTITY = re.compile(
    r"""x-useridentitytype(?:=|"\s*,\s*"value"\s*:\s*"|"?\s*:\s*"?)([A-Za-z]{1,12})\b""", re.IGNORECASE
)
_PLACE = re.compile(r"/Chathub/([0-9A-Za-z-]{8,40})(?:@|%40)([0-9A-Za-z-]{8,40})", re.IGNORECASE)
_SCENARIO = re.compile(r"[?&]scenario=([A-Za-z]+)", re.IGNORECASE)
_IS_EDU = re.compile(r"[?&]isEdu=true", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FoundCredentials:
    """What a paste held for one of the two services; "" and empty where it held nothing.

    Shape: `token_problem` says in plain words why no token in it can be used, "" when one can.
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

    @property
    def has_clearance(self) -> bool:
        """Whether Cloudflare's cookie is among the cookies."""
        return CLEARANCE_COOKIE in self.cookies


def find_credentials(text: str, service: Service, unix_seconds: float) -> FoundCredentials:
    """Whatever an operator pasted, read for one service: a HAR, a request copied as cURL, headers, a token alone.

    Units: `unix_seconds`, the time at which what was pasted must still be valid.
    """
    token, problem = _find_token(text, service, unix_seconds)
    tokens = find_tokens(text)
    is_alone = tokens == (text.strip(),)
    form, cookies = ("an access token", {}) if is_alone else choose_cookies(text, _SITES[service], unix_seconds)
    place = _PLACE.search(text)
    identity = _IDENTITY.search(text) if service == "copilot" else None
    is_m365 = service == "m365"
    if is_m365 or form == BARE_VALUE:  # which would be Bing's cookie
        cookies = {}
    if cookies and not tokens:
        problem = _COOKIES_ALONE.format(form, _count(cookies))
    return FoundCredentials(
        form=form,
        token=token,
        token_problem=problem,
        cookies=cookies,
        user_agent=_find_user_agent(text),
        identity_type=identity[1].lower() if identity else "",
        object_id=(token and token.object_id) or (place[1] if place and is_m365 else ""),
        tenant_id=(token and token.tenant_id) or (place[2] if place and is_m365 else ""),
        tier=_find_tier(text, token) if is_m365 else "",
    )


def describe_credentials(found: FoundCredentials, unix_seconds: float) -> str:
    """What a paste held, in plain words; never a value."""
    words = [f"Read {found.form}."]
    if found.token is not None:
        words.append(describe_token(found.token, unix_seconds))
    if found.cookies:
        clearance = ", Cloudflare's clearance among them" if found.has_clearance else ", Cloudflare's clearance not"
        words.append(f"{_count(found.cookies)}{clearance}.")
    seen = [name for name, value in (
        ("the browser's User-Agent", found.user_agent), ("the object id and tenant id", found.object_id),
        ("the licence", found.tier), ("how the sign-in was done", found.identity_type),
    ) if value]  # fmt: skip
    if seen:
        words.append(f"Also taken from it: {', '.join(seen)}.")
    return " ".join(words)


def _count(cookies: dict[str, str]) -> str:
    return f"{len(cookies)} cookie{'' if len(cookies) == 1 else 's'} of copilot.microsoft.com"


_SITES: dict[Service, str] = {"copilot": "copilot.microsoft.com", "m365": "substrate.office.com"}


def _find_token(text: str, service: Service, unix_seconds: float) -> tuple[Token | None, str]:
    try:
        token = parse_token(text, service)
    except InvalidRequestError as error:
        return None, error.message
    if 0 < token.expires_unix_seconds <= unix_seconds:
        said = describe_token(token, unix_seconds)
        return None, f"{said} Open {SERVICE_NAMES[service]} in the browser again and copy a new one."
    return token, ""


def _find_user_agent(text: str) -> str:
    found = _USER_AGENT.search(text)
    if found is not None and found[1] is not None:
        try:
            named = msgspec.json.decode(f'"{found[1]}"', type=str)
        except msgspec.DecodeError:
            named = ""
    else:
        option = _USER_AGENT_OPTION.search(text)
        named = found[2] if found is not None else option[2] if option is not None else ""
    named = named.strip()
    return named if named.isascii() and named.isprintable() and len(named) <= 300 else ""


def _find_tier(text: str, token: Token | None) -> str:
    scenario = _SCENARIO.search(text)
    tier = _TIER_BY_SCENARIO.get(scenario[1].lower(), "") if scenario else ""
    if tier == "included" and _IS_EDU.search(text):
        return "edu"
    return tier or ("individual" if token is not None and token.is_personal else "")

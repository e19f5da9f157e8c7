"""Describe Microsoft 365's Copilot: a token and the account's ids in the socket's address; no cookies.

Source: docs/wire/m365.md, sections 1 and 2. Microsoft does not document audience and scopes: they were seen in
tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from accounts.microsoft.providers.descriptor import (
    ONCE,
    SEALED,
    TOKEN_COMMAND,
    UNREAD_FILE,
    CapabilityTerms,
    Place,
    Provider,
    RequiredField,
    TokenRules,
)

_TIER_BY_SCENARIO = {"officewebpaidconsumercopilot": "individual", "officewebincludedcopilot": "included",
                     "officeweb": "enterprise"}  # fmt: skip
_PLACE = re.compile(r"/Chathub/([0-9A-Za-z-]{8,40})(?:@|%40)([0-9A-Za-z-]{8,40})", re.IGNORECASE)
_SCENARIO = re.compile(r"[?&]scenario=([A-Za-z]+)", re.IGNORECASE)
_IS_EDU = re.compile(r"[?&]isEdu=true", re.IGNORECASE)
_IDS = "Taken from the token or the socket's address if they have it."
_NEEDS_PLACE = "This token cannot be read, or there is none yet: type it, or paste the socket's address, which has it."


def _find_ids(urls: Sequence[str]) -> tuple[str, str] | None:
    found = _search(_PLACE, urls)
    return (found[1], found[2]) if found else None


def _find_tier(urls: Sequence[str], is_personal: bool) -> str:
    sockets = [url for url in urls if _PLACE.search(url)]
    scenario = _search(_SCENARIO, sockets)
    tier = _TIER_BY_SCENARIO.get(scenario[1].lower(), "") if scenario else ""
    if tier == "included" and _search(_IS_EDU, sockets):
        return "edu"
    return tier or ("individual" if is_personal else "")


def _search(pattern: re.Pattern[str], urls: Iterable[str]) -> re.Match[str] | None:
    return next((found for url in urls if (found := pattern.search(url))), None)


M365 = Provider(
    kind="m365",
    name="Microsoft 365",
    site="m365.cloud.microsoft",
    secrets="token",
    # With more than one turn at a time the service fails: docs/wire/m365.md.
    capabilities=(CapabilityTerms("m365", "chat with Microsoft 365", limit=1),),
    token=TokenRules(
        name="Microsoft 365 Copilot",
        host="substrate.office.com",
        audiences=("https://substrate.office.com/sydney",),
        scopes=("m365chat.read", "sydney.readwrite"),
        near_audiences={"https://substrate.office.com": "Microsoft 365's Substrate, but not for its chat"},
        place=Place(_find_ids, _find_tier),
    ),
    help_texts={
        "kind": f"Chats as m365.cloud.microsoft does; needs its access token. {ONCE}",
        "new_cookies": "Sign in at m365.cloud.microsoft, open the developer tools' Network page and send a message. "
        "Then paste the address of the socket “Chathub”: token, ids and licence are in it. A HAR has it, too. The "
        f"token alone does if you type the rest. {SEALED}",
        "cookies_file": f"A HAR of up to 32 MiB. {UNREAD_FILE}",
        "user_agent": "Optional: the User-Agent of the browser that the token comes from. Taken from what you paste if "
        "that has it.",
        "object_id": _IDS,
        "tenant_id": _IDS,
        "tier": "Taken from the socket's address if that has it. With a wrong one, answers are empty at "
        "once.",
        "token_command": TOKEN_COMMAND,
    },
    credential_fields=(
        "token_shown", "new_cookies", "cookies_file", "token_command", "object_id", "tenant_id", "tier",
    ),
    paste_label="New token",
    paste_steps="open the developer tools' network page, send a message, and paste the address of the socket “Chathub” "
    "below",
    expired_note="A token lives 60 to 93 minutes; a token command can renew it.",
    required_fields=(
        RequiredField("object_id", _NEEDS_PLACE, can_wait=True),
        RequiredField("tenant_id", _NEEDS_PLACE, can_wait=True),
        RequiredField("tier", "Choose the account's licence: its address depends on it."),
    ),
    tiers={
        "individual": "Personal, with a Microsoft 365 subscription",
        "included": "Work, Copilot Chat that comes with it",
        "edu": "School",
        "enterprise": "Work, with a Microsoft 365 Copilot licence",
    },
    needs_question=True,  # no call is known that proves the account and costs nothing
    demo_model="m365",
    demo_tier="individual",
)  # fmt: skip

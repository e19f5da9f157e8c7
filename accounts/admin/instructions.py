"""What the form of an account says at its fields, to each kind by itself; and which fields only some kinds have."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.models import AccountKind

BING, COPILOT, M365 = AccountKind.BING, AccountKind.COPILOT, AccountKind.M365
_ONCE = "It cannot be changed later."
_SEALED = "Kept sealed, never shown again."
_UNREAD_FILE = "Read in memory; the file is not kept."
_TOKENS = (
    "Optional: a program that prints new tokens, since one lives for about an hour. Only the environment "
    "(TOKEN_COMMANDS) says which there are."
)
_IDS = "Taken from the token or the socket's address when they say it."
# A kind that a field has no words for has no such field: what is typed there for another kind does not count.
WORDS: dict[str, dict[AccountKind, str]] = {
    "kind": {
        BING: f"Makes pictures and videos, and chats where Bing Chat still answers; needs bing.com's cookies. {_ONCE}",
        COPILOT: f"Chats as copilot.microsoft.com does; needs its access token, and usually its cookies. {_ONCE}",
        M365: f"Chats as m365.cloud.microsoft does; needs its access token. {_ONCE}",
    },
    "new_cookies": {
        BING: "Sign in at bing.com in a browser, then paste whatever it gives: the value of the cookie _U, a Cookie "
        "header, “Copy as cURL”, a cookie editor's JSON export, a cookies.txt, a HAR. _U is enough for pictures and "
        f"videos; for chat, give all cookies. {_SEALED}",
        COPILOT: "Sign in at copilot.microsoft.com, open the developer tools' Network page and send a message. Then "
        "export a HAR “with sensitive data”: token, cookies and User-Agent are in it. Or paste “Copy as cURL (bash)” "
        "of a call below /c/api/ and, after it in the same field, the address of the socket “chat?api-version=2…”, "
        f"which has the token. {_SEALED}",
        M365: "Sign in at m365.cloud.microsoft, open the developer tools' Network page and send a message. Then paste "
        "the address of the socket “Chathub”: token, ids and licence are in it. A HAR has it, too. The token alone "
        f"does if you type the rest. {_SEALED}",
    },
    "cookies_file": {
        BING: f"A HAR, cookies.txt or JSON export of up to 32 MiB. {_UNREAD_FILE}",
        COPILOT: f"A HAR “with sensitive data” of up to 32 MiB. {_UNREAD_FILE}",
        M365: f"A HAR of up to 32 MiB. {_UNREAD_FILE}",
    },
    "user_agent": {
        BING: "Optional: that of the browser which the cookies come from.",
        COPILOT: "That of the browser which token and cookies come from: Cloudflare's clearance is bound to it. Taken "
        "from what you paste when that has it.",
        M365: "Optional: that of the browser which the token comes from. Taken from what you paste when that has it.",
    },
    "identity_type": {
        COPILOT: "Nothing for a Microsoft account's password; for another sign-in its name, e.g. google. Taken from "
        "what you paste when that has it.",
    },
    "object_id": {M365: _IDS},
    "tenant_id": {M365: _IDS},
    "tier": {
        M365: "Taken from the socket's address when that says it. A wrong one shows as answers that are empty at once.",
    },
    "token_command": {COPILOT: _TOKENS, M365: _TOKENS},
}


def explain(name: str, kind: str) -> str:
    """A field's words on the page of an account, whose kind is known."""
    return WORDS[name].get(AccountKind(kind), "")


def explain_choice(name: str) -> SafeString:
    """A field's words while the kind is being chosen: those of the chosen one; of each, by name, without scripts."""
    kinds: dict[str, list[AccountKind]] = {}
    for kind, words in WORDS[name].items():
        kinds.setdefault(words, []).append(kind)
    return format_html_join(
        "",
        '<span class="block" x-show="{}"><noscript>{}: </noscript>{}</span>',
        ((_is_chosen(of), " and ".join(str(kind.label) for kind in of), words) for words, of in kinds.items()),
    )


def conditions() -> dict[str, str]:
    """When the form for a new account shows the fields that only some kinds have, as the theme wants to be told."""
    return {name: _is_chosen(words) for name, words in WORDS.items() if len(words) < len(AccountKind)}


def fields_of_others(kind: str) -> tuple[str, ...]:
    """The fields that an account of this kind does not have; none as long as no kind is known."""
    return tuple(name for name, words in WORDS.items() if kind and kind not in words)


def _is_chosen(kinds: Iterable[AccountKind]) -> str:
    return " || ".join(f"kind == '{kind.value}'" for kind in kinds)

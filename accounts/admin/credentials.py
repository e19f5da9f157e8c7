"""What the pages say of an account's credentials: never a value, but what they are, how old, and what to do next."""

from __future__ import annotations

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince, timeuntil

from accounts.models import Account, AccountKind, AccountState
from accounts.protocol import CLEARANCE_MINUTES
from accounts.services.attention import is_ending
from accounts.tokens import describe_token, read_token
from bingproject.errors import UnopenedError

SEALED_AWAY = "sealed with a key that is not in SEAL_KEYS"
_WORDS = {
    AccountKind.BING: ("bing.com", "paste its cookies below"),
    AccountKind.COPILOT: (
        "copilot.microsoft.com",
        "open the developer tools' network page, send a message, and paste a HAR or “Copy as cURL (bash)” of a request "
        "to copilot.microsoft.com below, cookies included (“with sensitive data”), and the access token with it",
    ),
    AccountKind.M365: (
        "m365.cloud.microsoft",
        "open the developer tools' network page, send a message, and paste the address of the socket “Chathub” below",
    ),
}
_KEPT = {
    AccountKind.BING: "Meanwhile it is looked at again every 30 minutes, and at once when nothing else is usable: "
    "cookies have been seen to come back.",
    AccountKind.COPILOT: "A token lives 60 to 90 minutes; a token command can bring new ones.",
    AccountKind.M365: "A token lives 60 to 93 minutes; a token command can bring new ones.",
}


def what_to_do(account: Account) -> str:
    """The operator's next step, in their own browser."""
    kind = AccountKind(account.kind)
    site, paste = _WORDS[kind]
    if not (account.sealed_cookies or account.sealed_token or account.token_command):
        return f"Sign in at {site} with this account in a browser; {paste}."
    if account.unopened:
        what = " and ".join(account.unopened)
        return (
            f"Its {what} cannot be opened. Put the key that sealed them back at the end of SEAL_KEYS, restart, and "
            f"check the account; or give its {what} anew below."
        )
    if account.state == AccountState.CHALLENGED:
        page = "the page" if kind == AccountKind.BING else "the page and its chat"
        return (
            f"Open {site} in your own browser, over the same network as this server's and signed in with this account, "
            f"and use {page} until it asks for nothing any more. Then {paste}. Nothing here answers such a check."
        )
    if account.state == AccountState.EXPIRED:
        return f"Sign in at {site} with this account in a browser; {paste}. {_KEPT[kind]}"
    if account.state == AccountState.BLOCKED:
        return f"Sign in at account.microsoft.com with this account and see what Microsoft wants. Then {paste}."
    if account.state == AccountState.UNCHECKED:
        return (
            "Nothing: its token is in order as far as can be told, and the first question will show whether it works."
            if kind == AccountKind.M365 and account.checked_at
            else "Nothing: a worker is about to check it. If it stays so, look whether a runner is at work."
        )
    return "Nothing." if not is_ending(account, timezone.now()) else f"Soon: sign in at {site}; {paste}."


def show_token(account: Account) -> str:
    """What the token is, in plain words, and where a new one comes from."""
    by = f" New ones come from the token command {account.token_command}." if account.token_command else ""
    try:
        token = account.token
    except UnopenedError:
        return SEALED_AWAY
    if not token:
        return f"none yet.{by}" if by else "none"
    words = describe_token(read_token(token), timezone.now().timestamp())
    return f"{words}{_warning(account)}{by}"


def show_clearance(account: Account) -> str:
    """Since when Cloudflare's cookie is held, and what it is bound to."""
    if account.clearance_at is None:
        return "none pasted: Copilot may ask for a check in a browser"
    since = date_format(timezone.localtime(account.clearance_at), "DATETIME_FORMAT")
    return (
        f"since {since}, {_short(timesince(account.clearance_at))} ago; usually good for about {CLEARANCE_MINUTES} "
        "minutes, and bound to this browser's User-Agent and network"
    )


def show_cookies(account: Account) -> str:
    """`…abcd, pasted 24 November 2026 18:40`."""
    if account.cookies_at is None or not account.sealed_cookies:
        return "none"
    shown = f"…{account.cookies_tail}" if account.cookies_tail else "set"
    if account.kind != AccountKind.BING:  # each new token counts as new credentials
        return shown
    return f"{shown}, pasted {date_format(account.cookies_at, 'DATETIME_FORMAT')}"


def show_credentials(account: Account) -> str:
    """The list's column: the end of `_U`, or when the token ends and how old the clearance is."""
    if account.kind == AccountKind.BING:
        if account.cookies_at is None or not account.sealed_cookies:
            return "no cookie"
        return f"cookie …{account.cookies_tail}" if account.cookies_tail else "cookie set"
    parts = [_end(account)]
    if account.clearance_at is not None:
        parts.append(f"clearance {_short(timesince(account.clearance_at))} old")
    if account.token_command:
        parts.append(f"by {account.token_command}")
    return ", ".join(parts)


def _end(account: Account) -> str:
    now, ends = timezone.now(), account.token_expires_at
    if not account.sealed_token:
        return "no token"
    if ends is None:
        return "token, end not known"
    said = f"token ends in {_short(timeuntil(ends, now))}" if ends > now else "token has ended"
    return f"{said}: give a new one" if is_ending(account, now) else said


def _warning(account: Account) -> str:
    now, ends = timezone.now(), account.token_expires_at
    if ends is None or not is_ending(account, now):
        return ""
    return f" It ends in {_short(timeuntil(ends, now))}: give a new one." if ends > now else " Give a new one."


def _short(span: str) -> str:
    return span.split(",")[0].replace("\xa0", " ")

"""Describe an account's credentials for operators: kind, age and next step, never the value."""

from __future__ import annotations

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince, timeuntil

from accounts.microsoft.access_tokens import describe_token, read_token
from accounts.microsoft.protocol import CLEARANCE_MINUTES
from accounts.microsoft.services.needs_action import is_ending
from accounts.models import Account, AccountState
from bingproject.errors import DecryptionError

UNDECRYPTABLE = "encrypted with a key that is not in SEAL_KEYS"


def what_to_do(account: Account) -> str:
    """Return the operator's next step for this account."""
    provider = account.provider
    site, paste = provider.site, provider.paste_steps
    if not (account.encrypted_cookies or account.encrypted_token or account.token_command):
        return f"Sign in at {site} with this account in a browser; {paste}."
    if account.undecryptable:
        what = " and ".join(account.undecryptable)
        return (
            f"Its {what} cannot be decrypted. Put the key they were encrypted with back at the end of SEAL_KEYS, "
            f"restart, and check the account; or enter its {what} again below."
        )
    if account.state == AccountState.CHALLENGED:
        return (
            f"Open {site} in your own browser, over the same network as this server's and signed in with this account, "
            f"and use {provider.page_to_use} until it asks for nothing more. Then {paste}. Nothing here "
            "answers such a check."
        )
    if account.state == AccountState.EXPIRED:
        return f"Sign in at {site} with this account in a browser; {paste}. {provider.expired_note}"
    if account.state == AccountState.BLOCKED:
        return f"Sign in at account.microsoft.com with this account and do what Microsoft asks for there. Then {paste}."
    if account.state == AccountState.UNCHECKED:
        return (
            "Nothing: its token is in order as far as can be told, and the first question will show whether it works."
            if provider.needs_question and account.checked_at
            else "Nothing: a worker is about to check it. If that does not happen, see whether a runner is at work."
        )
    return "Nothing." if not is_ending(account, timezone.now()) else f"Soon: sign in at {site}; {paste}."


def show_token(account: Account) -> str:
    """Return the token's kind and expiry, and where new ones come from."""
    by = f" New ones come from the token command {account.token_command}." if account.token_command else ""
    try:
        token = account.token
    except DecryptionError:
        return UNDECRYPTABLE
    if not token:
        return f"none yet.{by}" if by else "none"
    words = describe_token(read_token(token), timezone.now().timestamp())
    return f"{words}{_warning(account)}{by}"


def show_clearance(account: Account) -> str:
    """Return when Cloudflare's cookie was pasted, and what it is bound to."""
    if account.clearance_at is None:
        return f"none pasted: {account.provider.name} may ask for a check in a browser"
    since = date_format(timezone.localtime(account.clearance_at), "DATETIME_FORMAT")
    return (
        f"since {since}, {_short(timesince(account.clearance_at))} ago; usually good for about {CLEARANCE_MINUTES} "
        "minutes, and bound to this browser's User-Agent and network"
    )


def show_cookies(account: Account) -> str:
    """Return e.g. `…abcd, pasted 24 November 2026 18:40`."""
    if account.cookies_at is None or not account.encrypted_cookies:
        return "none"
    shown = f"…{account.cookies_tail}" if account.cookies_tail else "set"
    if account.provider.token:  # each new token counts as new credentials
        return shown
    return f"{shown}, pasted {date_format(account.cookies_at, 'DATETIME_FORMAT')}"


def show_credentials(account: Account) -> str:
    """Return the list's text: the end of `_U`, or the expiry of the token and the age of the clearance."""
    if account.provider.token is None:
        if account.cookies_at is None or not account.encrypted_cookies:
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
    if not account.encrypted_token:
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

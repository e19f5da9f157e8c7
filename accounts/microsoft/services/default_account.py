"""Create the account that BING_COOKIE_U names, and give it new cookies when the variable changes."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.microsoft.protocol import parse_cookies
from accounts.microsoft.services.checks import rotate_cookies
from accounts.models import Account
from bingproject.errors import DecryptionError
from bingproject.security.encryption import digest, is_digest

DEFAULT_ACCOUNT = "default"


def ensure_default_account(cookie_u: str, now: datetime | None = None) -> Account | None:
    """Create or update the account that BING_COOKIE_U names; return None if the variable is blank.

    A value that was applied before changes nothing: a restart must not reset the state, enable a disabled account, or
    replace cookies that an operator has pasted since.

    Raises:
        InvalidRequestError: The text holds no usable cookies.
    """
    value = cookie_u.strip()
    if not value:
        return None
    moment = now or timezone.now()
    with transaction.atomic():
        account, _ = Account.objects.get_or_create(name=DEFAULT_ACCOUNT)
        if not is_digest(account.applied_digest or "", value):
            # Parse new values only: an old one may have expired since, which must not keep the server from starting.
            cookies = parse_cookies(value, moment.timestamp())
            if not _holds(account, cookies):
                rotate_cookies(account, cookies, moment)
        # Renew a known digest, too: its key may be removed from SEAL_KEYS before the next start.
        account.applied_digest = digest(value)
        account.save(update_fields=["applied_digest"])
    return account


def _holds(account: Account, cookies: dict[str, str]) -> bool:
    try:
        return account.cookies == cookies
    except DecryptionError:
        return False

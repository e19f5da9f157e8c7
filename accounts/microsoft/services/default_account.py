"""The account that the environment names: BING_COOKIE_U makes it, and changes it when the variable has changed."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Account
from accounts.protocol import parse_cookies
from accounts.services.checks import rotate_cookies
from bingproject.errors import UnopenedError
from bingproject.seals import digest, is_digest

DEFAULT_ACCOUNT = "default"


def ensure_default_account(cookie_u: str, now: datetime | None = None) -> Account | None:
    """Make or update the account that BING_COOKIE_U names; None when it is blank.

    A value that was applied before changes nothing, so a restart neither resets a state, nor enables what was disabled,
    nor takes back the cookies that an operator has pasted since.
    Raises: InvalidRequestError when the text holds no usable cookies.
    """
    value = cookie_u.strip()
    if not value:
        return None
    cookies = parse_cookies(value)
    with transaction.atomic():
        account, _ = Account.objects.get_or_create(name=DEFAULT_ACCOUNT)
        if not is_digest(account.applied_digest or "", value) and not _holds(account, cookies):
            rotate_cookies(account, cookies, now or timezone.now())
        # Also when it is known: by a key, perhaps, that will be taken out of SEAL_KEYS before the next start.
        account.applied_digest = digest(value)
        account.save(update_fields=["applied_digest"])
    return account


def _holds(account: Account, cookies: dict[str, str]) -> bool:
    try:
        return account.cookies == cookies
    except UnopenedError:
        return False

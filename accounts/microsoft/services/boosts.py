"""Keep each account's number of boosts, read from every page of Bing's that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q, Sum
from django.utils.module_loading import import_string

from accounts.models import Account, AccountKind

# An unchanged number is written at most this often, or each picture would cost a write.
SAME_SECONDS = 60


def note_boosts(account: Account, page: str, now: datetime) -> int | None:
    """Store the number of boosts that a page shows and return it; None if it shows none.

    Nothing is stored if the account's cookies have been replaced since: the page may belong to another user.
    """
    count: int | None = import_string(settings.BOOSTS_READER)(page)
    if count is not None:
        fresh = Q(boosts_left=count, boosts_at__gt=now - timedelta(seconds=SAME_SECONDS))
        rows = Account.objects.filter(pk=account.pk, cookies_at=account.cookies_at).exclude(fresh)
        rows.update(boosts_left=count, boosts_at=now)
        account.boosts_left, account.boosts_at = count, now
    return count


@dataclass(frozen=True, slots=True)
class Boosts:
    """The boosts of all enabled Bing accounts.

    Attributes:
        left: The sum of the known numbers.
        known: How many accounts have a number.
        total: How many accounts there are.
        oldest_at: When the oldest of the numbers was read.
    """

    left: int
    known: int
    total: int
    oldest_at: datetime | None


def sum_boosts() -> Boosts:
    """Sum the boosts of all enabled Bing accounts in one query."""
    found = Account.objects.filter(is_enabled=True, kind=AccountKind.BING).aggregate(
        left=Sum("boosts_left"), known=Count("boosts_left"), total=Count("pk"), oldest_at=Min("boosts_at")
    )
    return Boosts(found["left"] or 0, found["known"], found["total"], found["oldest_at"])

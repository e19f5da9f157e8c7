"""What the list of accounts says of each, beside its own columns: work in flight, checks, rests. No query per row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from unfold.views import ChangeList

from accounts import services
from accounts.admin.credentials import SEALED_AWAY, show_credentials
from accounts.models import Account, AccountCapability, AccountState, Capability
from accounts.protocol import mask_proxy
from accounts.services.attention import is_ending
from bingproject.errors import UnopenedError

OFF = "off"
STATE_COLOURS = {
    OFF: "default",
    AccountState.OK: "success",
    AccountState.UNCHECKED: "info",
    AccountState.CHALLENGED: "warning",
    AccountState.EXPIRED: "danger",
    AccountState.BLOCKED: "danger",
}
SHOWN_NOTE_CHARACTERS = 80
# The theme's own, as of its labels.
SUBTLE, WARNING = "text-subtle", "text-orange-700 dark:text-orange-400"
# On a phone it stands at the right of its column's name.
CELL = '<div class="flex flex-col min-w-0 text-right lg:text-left">{}</div>'


class AccountList(ChangeList):
    """A page of accounts, each knowing what it is doing: one query for each app that gives accounts work."""

    def get_results(self, request: HttpRequest) -> None:
        """The page's rows, with their loads."""
        super().get_results(request)
        accounts: list[Account] = list(self.result_list)  # type: ignore[has-type]  # set by the theme's own base
        loads = services.read_loads([account.pk for account in accounts], timezone.now())
        for account in accounts:
            account.loads = loads  # type: ignore[attr-defined]  # for `show_work`, as long as this page lives
        self.result_list = accounts


def show_name(account: Account) -> SafeString:
    """Its name, and below it what tells it from others: its credentials, the way out, what operators wrote."""
    warns = account.is_enabled and is_ending(account, timezone.now())
    further = [(WARNING if warns else SUBTLE, show_credentials(account))]
    further += [(SUBTLE, text) for text in (show_proxy(account), show_notes(account)) if text]
    lines = format_html_join("", '<span class="break-words font-normal {} text-xs">{}</span>', further)
    return format_html(CELL, format_html("<span>{}</span>{}", account.name, lines))


def show_work(account: Account) -> SafeString:
    """`Images 2 of 3 · worked 5 minutes ago`, a line for each capability."""
    loads: Mapping[tuple[int, str], int] = getattr(account, "loads", {})
    rows = account.capabilities.all()
    return _lines(f"{_name(row)} {in_flight(row, loads)}{_last_success(row)}" for row in rows)


def in_flight(row: AccountCapability, loads: Mapping[tuple[int, str], int]) -> str:
    """`2 of 3`: how many run, and how many may."""
    return f"{loads.get((row.account_id, row.capability), 0)} of {row.limit}" if row.limit else "switched off"


def show_checks(account: Account) -> SafeString:
    """`Images: works`, a line for each capability that was checked."""
    rows = [row for row in account.capabilities.all() if row.check_state]
    return _lines(f"{_name(row)}: {row.get_check_state_display().lower()}" for row in rows)


def show_check(row: AccountCapability) -> str:
    """`Works: Signed in, 12 boosts left.`, and since when that is known."""
    if not row.check_state:
        return "not checked yet"
    said = row.get_check_state_display()
    words = row.check_note if row.check_note.startswith(said) else f"{said}: {row.check_note}"
    when = date_format(timezone.localtime(row.checked_at), "DATETIME_FORMAT") if row.checked_at else ""
    return format_html('<div class="min-w-52">{}<br>{}</div>', words, when)


def rests_of(account: Account) -> list[str]:
    """`Videos: rest until 2026-11-24 18:40, 20 minutes (Bing asks to slow down.)`, for each that is not over."""
    now = timezone.now()
    return [f"{_name(row)}{lane}: {rest}" for row in account.capabilities.all() for lane, rest in _rests(row, now)]


def show_rests(row: AccountCapability) -> str:
    """`rest until 2026-11-24 18:40, 20 minutes (Bing asks to slow down.)`, and the same of the fast lane."""
    lines = [(f"{rest}{lane}",) for lane, rest in _rests(row, timezone.now())]
    return format_html('<div class="min-w-52">{}</div>', format_html_join("", "<p>{}</p>", lines)) if lines else "no"


def show_reason(account: Account) -> SafeString:
    """Why it is given work or not: its state's reason, and what rests until when."""
    lines = [(line,) for line in (reason_of(account), *rests_of(account)) if line]
    if not lines:
        return SafeString()
    return format_html(CELL, format_html_join("", '<span class="break-words lg:min-w-56">{}</span>', lines))


def reason_of(account: Account) -> str:
    """Why it stands so and since when; what stopped the last check, when that said nothing of the account."""
    since = f"Since {_moment(account.state_at)}." if account.state_at else ""
    disabled = "" if account.is_enabled else "Disabled by an operator."
    failed = f"Last check failed: {account.last_error}" if account.last_error else ""
    return " ".join(filter(None, (disabled, account.state_reason, since, failed)))


def show_proxy(account: Account) -> str:
    """The way out, without its password; one that cannot be opened must not take the whole list along."""
    try:
        return mask_proxy(account.proxy)
    except UnopenedError:
        return SEALED_AWAY


def show_notes(account: Account) -> str:
    """The beginning of what operators wrote."""
    return account.notes if len(account.notes) <= SHOWN_NOTE_CHARACTERS else f"{account.notes[:SHOWN_NOTE_CHARACTERS]}…"


def _name(row: AccountCapability) -> str:
    """Of the two Copilots, which have but one, the list's column for the kind says whose chat it is."""
    return "Chat" if row.capability in (Capability.COPILOT, Capability.M365) else row.get_capability_display()


def _rests(row: AccountCapability, now: datetime) -> list[tuple[str, str]]:
    """What of it rests, "" for all, and until when."""
    lines = []
    if row.cooldown_until is not None and row.cooldown_until > now:
        why = f" ({row.cooldown_reason})" if row.cooldown_reason else ""
        lines.append(("", f"{_until(row.cooldown_until, now)}{why}"))
    if row.fast_cooldown_until is not None and row.fast_cooldown_until > now:
        lines.append((", fast lane", _until(row.fast_cooldown_until, now)))
    return lines


def _last_success(row: AccountCapability) -> str:
    return f" · worked {timesince(row.last_success_at).split(',')[0]} ago" if row.last_success_at else ""


def _until(end: datetime, now: datetime) -> str:
    return f"rest until {_moment(end)}, {timeuntil(end, now).split(',')[0]}"


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "Y-m-d H:i")


def _lines(lines: Iterable[str]) -> SafeString:
    """One under the other, each on a line of its own that is not broken; nothing for none."""
    rows = [(line,) for line in lines]
    if not rows:
        return SafeString()
    return format_html(CELL, format_html_join("", '<span class="whitespace-nowrap">{}</span>', rows))

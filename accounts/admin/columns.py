"""Texts and HTML for the list of accounts: work in flight, checks, cooldowns. No query per row."""

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

from accounts.admin.credentials import UNDECRYPTABLE, show_credentials
from accounts.microsoft import services
from accounts.microsoft.protocol import mask_proxy
from accounts.microsoft.providers import PROVIDERS
from accounts.microsoft.services.needs_action import is_ending
from accounts.models import Account, AccountCapability, AccountState
from bingproject.errors import DecryptionError

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
_ONLY = {one.capabilities[0].name for one in PROVIDERS.values() if len(one.capabilities) == 1}
# The theme's classes.
SUBTLE, WARNING = "text-subtle", "text-orange-700 dark:text-orange-400"
# On a phone the cell is to the right of its column's name.
CELL = '<div class="flex flex-col min-w-0 text-right lg:text-left">{}</div>'


class AccountList(ChangeList):
    """A page of accounts with their work in flight, from one query per app that gives accounts work."""

    def get_results(self, request: HttpRequest) -> None:
        """Load the page's rows and their work in flight."""
        super().get_results(request)
        accounts: list[Account] = list(self.result_list)  # type: ignore[has-type]  # set by the theme's own base
        in_flight_counts = services.read_loads([account.pk for account in accounts], timezone.now())
        for account in accounts:
            account.in_flight_counts = in_flight_counts  # type: ignore[attr-defined]  # for `show_work`, as long as this page lives
        self.result_list = accounts


def show_name(account: Account) -> SafeString:
    """Return the name, with the credentials, the proxy and the operators' notes below it."""
    warns = account.is_enabled and is_ending(account, timezone.now())
    further = [(WARNING if warns else SUBTLE, show_credentials(account))]
    further += [(SUBTLE, text) for text in (show_proxy(account), show_notes(account)) if text]
    lines = format_html_join("", '<span class="break-words font-normal {} text-xs">{}</span>', further)
    return format_html(CELL, format_html("<span>{}</span>{}", account.name, lines))


def show_work(account: Account) -> SafeString:
    """Return one line per capability, e.g. `Images 2 of 3 · worked 5 minutes ago`."""
    in_flight_counts: Mapping[tuple[int, str], int] = getattr(account, "in_flight_counts", {})
    rows = account.capabilities.all()
    return _lines(f"{_name(row)} {in_flight(row, in_flight_counts)}{_last_success(row)}" for row in rows)


def in_flight(row: AccountCapability, in_flight_counts: Mapping[tuple[int, str], int]) -> str:
    """Return e.g. `2 of 3`: the work in flight, and the limit."""
    return (
        f"{in_flight_counts.get((row.account_id, row.capability), 0)} of {row.limit}" if row.limit else "switched off"
    )


def show_checks(account: Account) -> SafeString:
    """Return one line per checked capability, e.g. `Images: works`."""
    rows = [row for row in account.capabilities.all() if row.check_state]
    return _lines(f"{_name(row)}: {row.get_check_state_display().lower()}" for row in rows)


def show_check(row: AccountCapability) -> str:
    """Return the last check's result and time, e.g. `Works: Signed in, 12 boosts left.`"""
    if not row.check_state:
        return "not checked yet"
    said = row.get_check_state_display()
    words = row.check_note if row.check_note.startswith(said) else f"{said}: {row.check_note}"
    when = date_format(timezone.localtime(row.checked_at), "DATETIME_FORMAT") if row.checked_at else ""
    return format_html('<div class="min-w-52">{}<br>{}</div>', words, when)


def cooldowns_of(account: Account) -> list[str]:
    """Return e.g. `Videos: cooldown until 2026-11-24 18:40, 20 minutes (Bing asks to slow down.)` for each cooldown."""
    now = timezone.now()
    return [f"{_name(row)}{lane}: {text}" for row in account.capabilities.all() for lane, text in _cooldowns(row, now)]


def show_cooldowns(row: AccountCapability) -> str:
    """Return the cooldowns of the capability and its fast lane, e.g. `cooldown until 2026-11-24 18:40, 20 minutes`."""
    lines = [(f"{text}{lane}",) for lane, text in _cooldowns(row, timezone.now())]
    return format_html('<div class="min-w-52">{}</div>', format_html_join("", "<p>{}</p>", lines)) if lines else "no"


def show_reason(account: Account) -> SafeString:
    """Return why the account gets work or not: the reason of its state, and its cooldowns."""
    lines = [(line,) for line in (reason_of(account), *cooldowns_of(account)) if line]
    if not lines:
        return SafeString()
    return format_html(CELL, format_html_join("", '<span class="break-words lg:min-w-56">{}</span>', lines))


def reason_of(account: Account) -> str:
    """Return the reason and time of the account's state, and the last check's error."""
    since = f"Since {_moment(account.state_at)}." if account.state_at else ""
    disabled = "" if account.is_enabled else "Disabled by an operator."
    failed = f"Last check failed: {account.last_error}" if account.last_error else ""
    return " ".join(filter(None, (disabled, account.state_reason, since, failed)))


def show_boosts(account: Account) -> str | SafeString:
    """Return the boosts and the age of this figure; empty before the first one."""
    if account.boosts_left is None or account.boosts_at is None:
        return ""
    lines = '<span>{}</span><span class="{} text-xs">{} ago</span>'
    return format_html(CELL, format_html(lines, account.boosts_left, SUBTLE, _shortest(timesince(account.boosts_at))))


def describe_boosts(account: Account) -> str:
    """Return e.g. `12, read 2026-11-24 18:40, 5 minutes ago` for the account's own page."""
    if account.boosts_left is None or account.boosts_at is None:
        return "not known yet: no page has shown it"
    return f"{account.boosts_left}, read {_moment(account.boosts_at)}, {_short(timesince(account.boosts_at))} ago"


def _short(span: str) -> str:
    return span.split(",")[0]


def _shortest(span: str) -> str:
    """Return e.g. `5 min`, `3 h`, `2 days`: the column is narrow."""
    number, _, unit = _short(span).partition("\xa0")
    units = {"minute": "min", "minutes": "min", "hour": "h", "hours": "h"}
    return f"{number}\xa0{units.get(unit, unit)}"


def show_proxy(account: Account) -> str:
    """Return the proxy without its password; one that cannot be decrypted must not break the whole list."""
    try:
        return mask_proxy(account.proxy)
    except DecryptionError:
        return UNDECRYPTABLE


def show_notes(account: Account) -> str:
    """Return the beginning of the operators' notes."""
    return account.notes if len(account.notes) <= SHOWN_NOTE_CHARACTERS else f"{account.notes[:SHOWN_NOTE_CHARACTERS]}…"


def _name(row: AccountCapability) -> str:
    # With a single capability, the column of the account's kind already says whose chat it is.
    return "Chat" if row.capability in _ONLY else row.get_capability_display()


def _cooldowns(row: AccountCapability, now: datetime) -> list[tuple[str, str]]:
    """Return (lane, text) for each cooldown; "" is the lane of the whole capability."""
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
    return f"cooldown until {_moment(end)}, {timeuntil(end, now).split(',')[0]}"


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "Y-m-d H:i")


def _lines(lines: Iterable[str]) -> SafeString:
    """Return each text on a line of its own, without line breaks; empty for none."""
    rows = [(line,) for line in lines]
    if not rows:
        return SafeString()
    return format_html(CELL, format_html_join("", '<span class="whitespace-nowrap">{}</span>', rows))

"""The accounts' cards on the dashboard: accounts that need an operator, and boosts."""

from __future__ import annotations

from datetime import datetime

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timesince import timesince, timeuntil

from accounts.admin.columns import STATE_COLOURS
from accounts.microsoft.services.boosts import sum_boosts
from accounts.microsoft.services.needs_action import accounts_in_need, cooling_capabilities, count_accounts
from accounts.models import Account, AccountCapability, AccountState
from bingproject.operators.dashboard import Card, CardLine, Link, kept_for

VIEW = "accounts.view_account"
LINK_CLASSES = "text-primary-600 dark:text-primary-500"
SHOWN_ACCOUNTS = SHOWN_COOLDOWNS = 8


@kept_for(2)
def attention_cards(now: datetime) -> list[Card]:
    """Return the card of unusable accounts and cooldowns, or the first step if there is no account."""
    if not Account.objects.exists():
        return [_first_step()]
    needy = list(accounts_in_need()[: SHOWN_ACCOUNTS + 1])  # one more tells whether they must be counted
    cooled_down = cooling_capabilities(now, SHOWN_COOLDOWNS)
    count = len(needy) if len(needy) <= SHOWN_ACCOUNTS else accounts_in_need().count()
    lines = (
        CardLine("Need you", f"{count:,}", f"of {count_accounts():,} switched on", "danger" if count else "success"),
    )
    rows = [_needy(account, now) for account in needy[:SHOWN_ACCOUNTS]] + [
        _cooled_down(row, now) for row in cooled_down
    ]
    headers = ("state", "account", "since", "why")
    title = "Accounts that need you"
    empty = "None: all are well." if count_accounts() else "None is switched on: nothing can be made."
    return [Card(title, VIEW, lines=lines, headers=headers, rows=rows, empty=empty, is_wide=True)]


def boost_cards(now: datetime) -> list[Card]:
    """Return the card of all accounts' boosts together; none without an account of Bing's."""
    boosts = sum_boosts()
    if not boosts.total:
        return []
    if not boosts.known:
        return [Card("Boosts", VIEW, lines=(CardLine("Left", "not known", "no page has said yet"),))]
    age = f"; the oldest figure is {timesince(boosts.oldest_at, now)} old" if boosts.oldest_at else ""
    note = f"on {boosts.known:,} of {boosts.total:,} Bing accounts{age}"
    colour = "success" if boosts.left else "warning"
    return [Card("Boosts", VIEW, lines=(CardLine("Left", f"{boosts.left:,}", note, colour),))]


def _first_step() -> Card:
    links = (
        Link("Add an account", reverse("admin:accounts_account_add"), "accounts.add_account", is_main=True),
        Link("How to get a cookie", reverse("admin:accounts_account_how_to"), VIEW),
    )
    empty = (
        "There is no account yet, so nothing can be made. Add one: paste the cookie of a Microsoft account that is "
        "signed in at bing.com."
    )
    return Card("Accounts", VIEW, empty=empty, links=links, is_wide=True)


def _needy(account: Account, now: datetime) -> tuple[str, ...]:
    since = timesince(account.state_at, now) if account.state_at else "unknown"
    colour = STATE_COLOURS[AccountState(account.state)]
    return _label(colour, account.get_state_display()), _link(account), since, account.state_reason


def _cooled_down(row: AccountCapability, now: datetime) -> tuple[str, ...]:
    lanes = (
        (row.cooldown_until, row.cooldown_reason),
        (row.fast_cooldown_until, "no boosts: the fast lane has a cooldown"),
    )
    end, why = next((end, why) for end, why in lanes if end is not None and end > now)
    what = f"{row.get_capability_display()}: back in {timeuntil(end, now)}"
    return _label("warning", "Cooling down"), _link(row.account), what, why


def _label(colour: str, text: str) -> str:
    return render_to_string("unfold/helpers/label.html", {"type": colour, "text": text})


def _link(account: Account) -> str:
    address = reverse("admin:accounts_account_change", args=[account.pk])
    return format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, account.name)

"""The accounts' card on the dashboard: which of them need an operator."""

from __future__ import annotations

from datetime import datetime

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timesince import timesince, timeuntil

from accounts.admin.columns import STATE_COLOURS
from accounts.models import Account, AccountCapability, AccountState
from accounts.services.attention import accounts_in_need, count_accounts, resting_capabilities
from bingproject.dashboard import Card, Line

VIEW = "accounts.view_account"
LINK_CLASSES = "text-primary-600 dark:text-primary-500"
SHOWN_ACCOUNTS = SHOWN_RESTS = 8


def attention_cards(now: datetime) -> list[Card]:
    """Accounts that Bing does not take, and what rests until when."""
    needy = list(accounts_in_need()[: SHOWN_ACCOUNTS + 1])
    rests = resting_capabilities(now, SHOWN_RESTS)
    count = len(needy) if len(needy) <= SHOWN_ACCOUNTS else accounts_in_need().count()
    lines = (Line("Need you", f"{count:,}", f"of {count_accounts():,} switched on", "danger" if count else "success"),)
    rows = [_needy(account, now) for account in needy[:SHOWN_ACCOUNTS]] + [_resting(rest, now) for rest in rests]
    headers = ("state", "account", "since", "why")
    title, empty = "Accounts that need you", "None: all are well."
    return [Card(title, VIEW, lines=lines, headers=headers, rows=rows, empty=empty, is_wide=True)]


def _needy(account: Account, now: datetime) -> tuple[str, ...]:
    since = timesince(account.state_at, now) if account.state_at else "unknown"
    colour = STATE_COLOURS[AccountState(account.state)]
    return _label(colour, account.get_state_display()), _link(account), since, account.state_reason


def _resting(rest: AccountCapability, now: datetime) -> tuple[str, ...]:
    lanes = ((rest.cooldown_until, rest.cooldown_reason), (rest.fast_cooldown_until, "no boosts: the fast lane rests"))
    end, why = next((end, why) for end, why in lanes if end is not None and end > now)
    what = f"{rest.get_capability_display()}: back in {timeuntil(end, now)}"
    return _label("warning", "Resting"), _link(rest.account), what, why


def _label(colour: str, text: str) -> str:
    return render_to_string("unfold/helpers/label.html", {"type": colour, "text": text})


def _link(account: Account) -> str:
    address = reverse("admin:accounts_account_change", args=[account.pk])
    return format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, account.name)

"""The accounts' card: who needs an operator and why, the cooldowns, each with a link."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.admin.cards import SHOWN_ACCOUNTS, attention_cards, boost_cards
from accounts.models import Account, AccountState
from tests.factories import make_account, set_capability

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_an_account_that_needs_an_operator_has_state_reason_and_link() -> None:
    """The reason is escaped, since it is text from Bing."""
    account = make_account("anna")
    account.mark(AccountState.CHALLENGED, "<b>a puzzle</b>", NOW - timedelta(hours=3))
    (card,) = attention_cards(NOW)
    ((state, link, since, why),) = card.rows
    assert "Challenged" in state and reverse("admin:accounts_account_change", args=[account.pk]) in link
    assert (since, why) == ("3\xa0hours", "<b>a puzzle</b>")
    assert (card.lines[0].value, card.lines[0].colour) == ("1", "danger")


def test_a_cooldown_is_shown_with_its_end() -> None:
    """Of a capability, or of its fast lane only."""
    anna, bert = make_account("anna"), make_account("bert")
    set_capability(anna, "image", cooldown_until=NOW + timedelta(hours=1), cooldown_reason="throttled")
    set_capability(bert, "image", fast_cooldown_until=NOW + timedelta(hours=2))
    (card,) = attention_cards(NOW)
    found = {row[1].split(">")[1].split("<")[0]: (row[2], row[3]) for row in card.rows}
    assert found["anna"] == ("Images: back in 1\xa0hour", "throttled")
    assert found["bert"] == ("Images: back in 2\xa0hours", "no boosts: the fast lane has a cooldown")
    assert (card.lines[0].value, card.lines[0].colour) == ("0", "success")


def test_the_first_accounts_in_need_are_shown_and_all_are_counted() -> None:
    """Also one without a time of its state."""
    for _ in range(SHOWN_ACCOUNTS + 2):
        make_account(state=AccountState.EXPIRED)
    Account.objects.update(state_at=None)
    (card,) = attention_cards(NOW)
    assert (card.lines[0].value, len(card.rows), card.rows[0][2]) == (
        str(SHOWN_ACCOUNTS + 2),
        SHOWN_ACCOUNTS,
        "unknown",
    )


def test_boosts_are_summed() -> None:
    """With the number of known accounts and the figure's age; without a Bing account there is no card."""
    assert boost_cards(NOW) == []
    first, second = make_account(), make_account()
    (card,) = boost_cards(NOW)
    assert (card.lines[0].value, card.lines[0].note) == ("not known", "no page has said yet")
    Account.objects.filter(pk=first.pk).update(boosts_left=0, boosts_at=NOW - timedelta(hours=2))
    (card,) = boost_cards(NOW)
    assert (card.lines[0].value, card.lines[0].colour) == ("0", "warning")
    Account.objects.filter(pk=second.pk).update(boosts_left=1200, boosts_at=NOW)
    (card,) = boost_cards(NOW)
    assert (card.lines[0].value, card.lines[0].colour) == ("1,200", "success")
    assert card.lines[0].note == "on 2 of 2 Bing accounts; the oldest figure is 2\xa0hours old"

"""The accounts' card: who needs an operator and why, what rests until when, each with a link."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.admin.cards import SHOWN_ACCOUNTS, attention_cards
from accounts.models import Account, AccountState
from tests.factories import make_account, set_capability

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_an_account_in_need_has_its_state_reason_and_link() -> None:
    """Escaped, since the reason is Bing's."""
    account = make_account("anna")
    account.mark(AccountState.CHALLENGED, "<b>a puzzle</b>", NOW - timedelta(hours=3))
    (card,) = attention_cards(NOW)
    ((state, link, since, why),) = card.rows
    assert "Challenged" in state and reverse("admin:accounts_account_change", args=[account.pk]) in link
    assert (since, why) == ("3\xa0hours", "<b>a puzzle</b>")
    assert (card.lines[0].value, card.lines[0].colour) == ("1", "danger")


def test_a_rest_says_when_it_ends() -> None:
    """Of the capability, or of its fast lane alone."""
    anna, bert = make_account("anna"), make_account("bert")
    set_capability(anna, "image", cooldown_until=NOW + timedelta(hours=1), cooldown_reason="throttled")
    set_capability(bert, "image", fast_cooldown_until=NOW + timedelta(hours=2))
    (card,) = attention_cards(NOW)
    found = {row[1].split(">")[1].split("<")[0]: (row[2], row[3]) for row in card.rows}
    assert found["anna"] == ("Images: back in 1\xa0hour", "throttled")
    assert found["bert"] == ("Images: back in 2\xa0hours", "no boosts: the fast lane rests")
    assert (card.lines[0].value, card.lines[0].colour) == ("0", "success")


def test_of_many_in_need_some_are_shown_and_all_are_counted() -> None:
    """One whose trouble has no date is shown too."""
    for _ in range(SHOWN_ACCOUNTS + 2):
        make_account(state=AccountState.EXPIRED)
    Account.objects.update(state_at=None)
    (card,) = attention_cards(NOW)
    assert (card.lines[0].value, len(card.rows), card.rows[0][2]) == (
        str(SHOWN_ACCOUNTS + 2),
        SHOWN_ACCOUNTS,
        "unknown",
    )

"""Why no account can be given work: states by how easily they are corrected, and the shortest cooldown."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.microsoft.services.availability import (
    accounts_in_service,
    cooldown_seconds,
    find_obstacle,
    first_cooldown_end,
    read_states,
)
from accounts.models import Account, AccountState
from tests.factories import make_account, set_capability

pytestmark = pytest.mark.django_db


def test_the_obstacle_that_is_easiest_to_correct_is_named() -> None:
    """Signing in again comes before a challenge, a challenge before a block."""
    assert find_obstacle(set()) == find_obstacle({AccountState.OK}) == ""
    assert find_obstacle({AccountState.BLOCKED, AccountState.OK}) == "account_blocked"
    assert find_obstacle({AccountState.BLOCKED, AccountState.CHALLENGED}) == "challenge_required"
    assert find_obstacle(set(AccountState.values)) == "cookie_expired"


def test_only_enabled_accounts_count() -> None:
    """An account that an operator switched off has no state here; `only` asks about one account."""
    make_account(is_enabled=False, state=AccountState.BLOCKED)
    assert read_states("image") == set()
    expired, ready = make_account(state=AccountState.EXPIRED), make_account(state=AccountState.OK)
    assert read_states("image") == {AccountState.EXPIRED, AccountState.OK}
    assert read_states("image", only=expired.pk) == {AccountState.EXPIRED}
    assert read_states("image", only=ready.pk) == {AccountState.OK}


def test_the_first_cooldown_that_ends() -> None:
    """Of accounts whose state allows work; a cooldown that has ended, and that of an expired account, do not count."""
    now = timezone.now()
    first, second, expired = make_account(), make_account(), make_account(state=AccountState.EXPIRED)
    assert first_cooldown_end("image", now) is None
    for account, seconds in ((first, 60), (second, -1), (expired, 10)):
        set_capability(account, "image", cooldown_until=now + timedelta(seconds=seconds))
    assert first_cooldown_end("image", now) == now + timedelta(seconds=60)
    assert first_cooldown_end("image", now, only=second.pk) is None


def test_work_waits_for_the_shortest_cooldown_only_while_no_account_can_work(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Accounts that an operator must help do not shorten the wait; one query answers."""
    now = timezone.now()
    assert cooldown_seconds("image", now) == 0
    for seconds in (60, 20):
        set_capability(make_account(), "image", cooldown_until=now + timedelta(seconds=seconds))
    make_account(state=AccountState.EXPIRED)
    with django_assert_num_queries(1):
        assert cooldown_seconds("image", now) == 20
    ready = make_account()
    set_capability(ready, "image", cooldown_until=now)
    assert cooldown_seconds("image", now) == 0
    set_capability(ready, "image", cooldown_until=None)
    assert cooldown_seconds("image", now) == 0


def test_an_account_is_in_service_if_it_is_enabled_and_can_sign_in() -> None:
    """Its state does not matter; a token command counts as credentials."""
    expired = make_account(state=AccountState.EXPIRED)
    make_account(is_enabled=False)
    bare, renewing = make_account(), make_account(token_command="mine")
    Account.objects.filter(pk__in=(bare.pk, renewing.pk)).update(encrypted_cookies="")
    assert set(accounts_in_service()) == {expired, renewing}

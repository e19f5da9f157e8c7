"""Accounts, generations, counts and the journal they come back from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bingproject.sandbox.core.state import (
    IMAGE,
    VIDEO,
    SandboxAccount,
    SandboxGeneration,
    SandboxState,
    account_name,
    media_id,
)
from bingproject.sandbox.providers import DEFAULTS, new_state


def generation(
    state: SandboxState, account: SandboxAccount, *, kind: str = IMAGE, lane: str = "fast", ready: float = 9e9
) -> SandboxGeneration:
    """Make a generation that is ready at a time."""
    return SandboxGeneration(state.new_id(kind), "a cat", account.name, kind, 0, 1, lane, 4, "create", 1000.0, ready)


def test_an_account_is_named_by_a_plain_cookie_only() -> None:
    """A long or odd value, as real cookies are, is kept as a digest."""
    assert account_name(b"alice-1") == "alice-1"
    assert account_name(b"1" * 41).startswith("cookie-")
    assert "a b" not in account_name(b"a b")


def test_accounts_live_unless_told_otherwise() -> None:
    """Any cookie is an account, a blank one is none, `expired…` is dead; one account has one IG."""
    state = new_state(replace(DEFAULTS, boosts=2))
    assert state.account_of(None) is None
    assert state.account_of(b" ") is None
    alice = state.account_of(b"alice")
    dead = state.account_of(b"expired-1")
    assert alice is not None
    assert dead is not None
    assert (alice.is_alive, alice.boosts, dead.is_alive) == (True, 2, False)
    assert state.account_of(b"alice") is alice
    assert len(alice.ig) == 32
    assert alice.ig != dead.ig


def test_accepted_creations_run_and_spend() -> None:
    """Boosts and fast credits go down by lane, running ones are counted until they end, the highest is kept."""
    state = new_state()
    alice = state.account("alice")
    for one in (
        generation(state, alice, ready=1010.0),
        generation(state, alice, lane="standard"),
        generation(state, alice, kind=VIDEO),
    ):
        state.count_submit(one.prompt, alice, "accepted", one)
    assert (alice.boosts, alice.fast_videos) == (14, 9)
    assert (state.running(alice, IMAGE, 1005.0), state.running(alice, VIDEO, 1005.0)) == (2, 1)
    assert state.running(alice, IMAGE, 1011.0) == 1
    assert alice.max_running == {IMAGE: 2, VIDEO: 1}
    assert state.counts.submits_by_prompt == {"a cat": 3}


def test_limits_are_the_accounts_own_or_the_general_ones() -> None:
    """An account's own limit wins."""
    state = new_state(replace(DEFAULTS, image_limit=7, video_limit=2))
    alice = state.account("alice")
    assert (state.limit(alice, IMAGE), state.limit(alice, VIDEO)) == (7, 2)
    alice.image_limit, alice.video_limit = 0, 1
    assert (state.limit(alice, IMAGE), state.limit(alice, VIDEO)) == (0, 1)


def test_a_killed_sandbox_remembers_by_its_journal(tmp_path: Path) -> None:
    """Submits, generations, dead cookies and served results are there again; after a reset they are not."""
    options = replace(DEFAULTS, journal=tmp_path / "journal")
    state = new_state(options)
    alice = state.account("alice")
    taken = generation(state, alice)
    state.count_submit("a cat", alice, "accepted", taken)
    state.count_submit("a dog", alice, "busy", None)
    state.set_alive(alice, False, 2)
    state.served(taken, 1234.0)
    state.served(taken, 5678.0)
    again = new_state(options)
    assert again.generations[taken.id] == taken
    assert again.generations[taken.id].first_served_at == 1234.0
    assert again.counts.outcomes == {"accepted": 1, "busy": 1}
    assert (again.account("alice").is_alive, again.account("alice").revive_after) == (False, 2)
    assert again.account("alice").boosts == 14
    assert media_id(taken, 0) in again.media
    again.reset()
    assert new_state(options).generations == {}


def test_violations_are_counted_beyond_those_kept() -> None:
    """The last thousand are kept in words, all are counted."""
    state = new_state()
    for number in range(1001):
        state.violation("kind", str(number), account=state.account("alice"))
    assert (state.counts.violations, len(state.violations)) == (1001, 1000)
    assert state.violations[-1] == {"kind": "kind", "detail": "1000", "path": "", "account": "alice"}


def test_ids_look_like_those_of_bing() -> None:
    """Images begin with 1-, videos with 4-, then 32 hex digits; files have the model's prefix."""
    state = new_state()
    assert state.new_id(IMAGE)[:2] == "1-"
    assert len(state.new_id(VIDEO)) == 34
    made = generation(state, state.account("alice"))
    made.model = 4
    assert media_id(made, 0).startswith("OIG2.")
    made.kind = VIDEO
    assert media_id(made, 0).startswith("OIG4.")

"""Conversations that callers hold by a token: opened, signed, found again by their owner alone, pruned."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AccountState, Capability, Lease
from bingproject.errors import NotFoundError, NotWhitelistedError, ServiceError
from bingproject.sandbox.server import SandboxServer
from chat import services
from chat.models import Conversation, IdempotentAnswer, Origin, Turn
from chat.protocol.catalogue import find_model
from tests.chat.turns import answer_of, ask, make_conversation, make_turn, play, seen, turns
from tests.factories import make_account, make_user, set_capability

pytestmark = pytest.mark.django_db(transaction=True)


def start(origin: Origin = Origin.CREATED, caller_id: str = "open", user_id: str = "") -> Conversation:
    """Open one."""
    return asyncio.run(services.start_conversation(caller_id, find_model("creative"), origin, user_id))


# --- opening --------------------------------------------------------------------------------------------------------


def test_a_conversation_is_opened_and_waits_for_its_first_turn(hub: SandboxServer) -> None:
    """One create; nothing is held; the first turn goes over it, whole prompt and all."""
    account = make_account()
    row = Conversation.objects.get(pk=start().pk)
    assert (row.account, row.origin, row.model, row.create_count) == (account, Origin.CREATED, "creative", 1)
    assert (row.claim, row.encrypted_credentials != "", Lease.objects.exists()) == ("", True, False)
    assert "hello" in answer_of(ask("hello", system="Be kind.", model="creative", conversation=row))
    assert seen(hub)["creates"] == 1
    assert turns(hub)[0]["system"] == "Be kind."


@pytest.mark.parametrize("scenario", ["create-forbidden", "create-404", "create-html", "create-garbage"])
def test_what_cannot_be_opened_leaves_nothing(hub: SandboxServer, scenario: str) -> None:
    """No row, no lease, and the reason."""
    make_account()
    play(hub, scenario)
    with pytest.raises(ServiceError):
        start()
    assert not Conversation.objects.exists()
    assert not Lease.objects.exists()


def test_opening_tries_another_account_like_a_turn(hub: SandboxServer) -> None:
    """An account at fault is marked, and another one opens it."""
    first, second = make_account("first"), make_account("second")
    set_capability(second, Capability.CHAT, served_at=timezone.now())
    play(hub, "create-unauthorized", account="first")
    assert Conversation.objects.get(pk=start().pk).account == second
    first.refresh_from_db()
    assert first.state == AccountState.EXPIRED
    assert not Lease.objects.exists()


def test_without_an_account_nothing_is_opened(hub: SandboxServer) -> None:
    """no_account, at once."""
    with pytest.raises(ServiceError) as failure:
        start()
    assert failure.value.code == "no_account"
    assert seen(hub)["creates"] == 0


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_opens_its_own_conversation_for_its_own_caller() -> None:
    """Anybody else, and any other text, finds nothing."""
    row, other = make_conversation(caller_id="user:a"), make_conversation(caller_id="user:a")
    token = services.sign_conversation(row)
    assert services.find_conversation(token, "user:a") == row
    strange = (
        "", "x", token[:-1], token + "x", token.replace(".", ""), token.upper(), str(row.pk), row.pk.hex,
        other.pk.hex + token[32:], f"{uuid.uuid4().hex}{token[32:]}", "\x00", "🦊" * 40, f"{row.pk.hex}.",
    )  # fmt: skip
    for text in strange:
        with pytest.raises(NotFoundError):
            services.find_conversation(text, "user:a")
    with pytest.raises(NotFoundError):
        services.find_conversation(token, "user:b")
    row.delete()
    with pytest.raises(NotFoundError):
        services.find_conversation(token, "user:a")


def test_a_token_says_nothing_of_bing() -> None:
    """Neither its ids nor its tokens."""
    row = make_conversation(credentials={"conversation_id": "51D|BingProd|ABC", "token": "S+/abc="})
    token = services.sign_conversation(row) + services.two_call_client_id(row)
    assert "51D" not in token
    assert "abc=" not in token


def test_the_two_calls_three_strings_prove_each_other() -> None:
    """Each belongs to this conversation, and only conversations of this contract are found."""
    row = make_conversation(origin=Origin.TWO_CALL, caller_id="user:a", user_id="a")
    other = make_conversation(origin=Origin.TWO_CALL, caller_id="user:b", user_id="b")
    names = (str(row.pk), services.two_call_client_id(row), services.sign_conversation(row))
    assert services.find_two_call(*names) == row
    foreign = (str(other.pk), services.two_call_client_id(other), services.sign_conversation(other))
    for place in range(3):
        for text in (foreign[place], "", "x", names[place] + "x"):
            wrong = list(names)
            wrong[place] = text
            with pytest.raises(NotFoundError):
                services.find_two_call(*wrong)
    Conversation.objects.update(origin=Origin.CREATED)
    with pytest.raises(NotFoundError):
        services.find_two_call(*names)


def test_the_whitelist_decides_and_a_key_speaks_for_its_own_user() -> None:
    """Active users who have not expired only; with a key no other user than its own."""
    now = timezone.now()
    anna, gone = make_user("anna", expires_at=now + timedelta(hours=1)), make_user("gone", is_active=False)
    late = make_user("late", expires_at=now)
    assert services.check_whitelisted("anna", None, now) == anna
    assert services.check_whitelisted("anna", anna, now) is anna
    for user_id, own in (
        ("gone", None), ("late", None), ("nobody", None), ("", None), ("anna", late), ("gone", gone), ("late", late),
        ("bert", anna),
    ):  # fmt: skip
        with pytest.raises(NotWhitelistedError):
            services.check_whitelisted(user_id, own, now)
    assert services.two_call_caller_id("anna") == "user:anna"
    assert services.two_call_model().id == "balanced"


# --- pruning --------------------------------------------------------------------------------------------------------


def test_old_conversations_go_with_their_turns(settings: Settings) -> None:
    """Those unused for longer than they are kept, however many; not the one that a turn holds."""
    settings.CHAT_RETENTION_DAYS = 2
    now = timezone.now()
    old, fresh = now - timedelta(days=2, minutes=1), now - timedelta(days=1, hours=23)
    for _ in range(205):
        make_conversation(used_at=old)
    make_turn(Conversation.objects.latest("created_at"))
    kept = make_conversation(used_at=fresh)
    make_turn(kept)
    held = make_conversation(used_at=old)
    assert held.take("somebody", now)
    assert services.prune_conversations(now) == 205
    assert set(Conversation.objects.all()) == {kept, held}
    assert Turn.objects.count() == 1


def test_dead_leases_and_old_answers_go_along() -> None:
    """The living and the recent stay."""
    now, account = timezone.now(), make_account()
    for seconds in (-1, 20):
        Lease.objects.create(account=account, capability="chat", holder="x", until=now + timedelta(seconds=seconds))
    for hours in (23, 25):
        made = now - timedelta(hours=hours)
        IdempotentAnswer.objects.create(caller_id="x", route="x", key=str(hours), alive_until=made, created_at=made)
    assert services.prune_conversations(now) == 0
    assert Lease.objects.get().until > now
    assert IdempotentAnswer.objects.get().key == "23"


def test_both_spellings_of_an_id_are_let_in() -> None:
    """Composed and decomposed letters are one user, in both modes of access."""
    user, now = make_user("Ren\u00e9"), timezone.now()
    for own in (None, user):
        for text in ("Ren\u00e9", "Rene\u0301"):
            assert services.check_whitelisted(text, own, now) == user
        with pytest.raises(NotWhitelistedError):
            services.check_whitelisted("Rene", own, now)

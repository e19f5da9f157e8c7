"""Sign, find and prune the conversations that callers name by a token.

A token is this server's own, signed and bound to its caller; Microsoft's never leave the server.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.core.signing import Signer
from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare

from accounts.callers.services import find_users
from accounts.callers.validation import compose
from accounts.microsoft.leases import prune_leases
from accounts.models import WhitelistedUser
from bingproject.errors import NotFoundError, NotWhitelistedError
from chat.models import Conversation, IdempotentAnswer, Origin
from chat.protocol.model_spec import ChatModelSpec
from chat.services.catalogue import find_model
from chat.services.idempotency import KEPT_HOURS

DEFAULT_TWO_CALL_MODEL = "balanced"
PRUNED_AT_ONCE = 200
_signer = Signer(salt="chat.conversation")


def sign_conversation(conversation: Conversation) -> str:
    """Return the caller's token for a conversation: its id, and a signature over id and caller."""
    number = conversation.pk.hex
    signature = _signer.signature(f"{number}:{conversation.caller_id}:{conversation.user_id}")
    return f"{number}.{signature}"


def find_conversation(token: str, caller_id: str, *, user_id: str = "") -> Conversation:
    """Return the caller's conversation of this token. Raises NotFoundError for any other token."""
    number, _, _signature = token.partition(".")
    try:
        row = Conversation.objects.select_related("account").get(pk=uuid.UUID(number), caller_id=caller_id)
    except (ValueError, Conversation.DoesNotExist):
        raise NotFoundError("Conversation not found. Create a new one.") from None
    if not _is_signed(row, token):
        raise NotFoundError("Conversation not found. Create a new one.")
    return row


def _is_signed(row: Conversation, token: str) -> bool:
    """True if the token is that of this conversation and its caller."""
    return constant_time_compare(token, sign_conversation(row))


# --- two calls ---


def check_whitelisted(user_id: str, own: WhitelistedUser | None, now: datetime) -> WhitelistedUser:
    """Return the whitelisted user of this id; in `keys` mode only the key's own user is accepted.

    Raises:
        NotWhitelistedError: There is no such user, or they may not ask.
    """
    user = own or find_users([user_id]).get(compose(user_id))
    if user is None or compose(user.user_id) != compose(user_id) or not user.is_let_in(now):
        raise NotWhitelistedError
    return user


def two_call_caller_id(user_id: str) -> str:
    """Return the caller id of a two-call conversation: its user, with or without a key."""
    return f"user:{user_id}"


def find_two_call(conversation_id: str, client_id: str, signature: str) -> Conversation:
    """Return the conversation of the three strings of the contract. Raises NotFoundError if they are not valid."""
    missing = NotFoundError("Conversation not found. Create a new one.")
    try:
        row = Conversation.objects.select_related("account").get(pk=uuid.UUID(conversation_id), origin=Origin.TWO_CALL)
    except (ValueError, Conversation.DoesNotExist):
        raise missing from None
    if client_id != two_call_client_id(row) or not _is_signed(row, signature):
        raise missing
    return row


def two_call_client_id(conversation: Conversation) -> str:
    """Return the contract's opaque client id, which is derived and so needs no column."""
    return _signer.signature(f"client:{conversation.pk.hex}")[:22]


def two_call_model() -> ChatModelSpec:
    """Return the model for two-call clients, which name none."""
    return find_model(DEFAULT_TWO_CALL_MODEL)


# --- clean-up ---


def close_upstream(rows: QuerySet[Conversation], now: datetime) -> int:
    """Forget the upstream conversations of idle chats; the next turn opens another. Return how many."""
    idle = Conversation.objects.idle(now).filter(pk__in=list(rows.values_list("pk", flat=True)))
    return idle.exclude(encrypted_credentials="").update(
        encrypted_credentials="", account=None, opened_at=None, upstream_turn_count=0
    )


def delete_conversations(rows: QuerySet[Conversation], now: datetime) -> int:
    """Delete idle conversations with their texts; return how many."""
    idle = Conversation.objects.idle(now).filter(pk__in=list(rows.values_list("pk", flat=True)))
    return idle.delete()[1].get(Conversation._meta.label, 0)


def prune_conversations(now: datetime) -> int:
    """Delete chats unused for CHAT_RETENTION_DAYS, old idempotent answers and dead leases; return how many chats."""
    IdempotentAnswer.objects.filter(created_at__lt=now - timedelta(hours=KEPT_HOURS)).delete()
    prune_leases(now)
    cutoff, pruned = now - timedelta(days=settings.CHAT_RETENTION_DAYS), 0
    while True:
        old = Conversation.objects.idle(now).filter(used_at__lt=cutoff).order_by("used_at")
        ids = list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE])
        if not ids:
            return pruned
        Conversation.objects.filter(pk__in=ids).delete()
        pruned += len(ids)

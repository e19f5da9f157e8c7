"""Conversations that callers hold by a token: signed, found again, pruned.

The tokens are ours, signed, and bound to the caller; Bing's never leave the server.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.core.signing import Signer
from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare

from accounts.leases import prune_leases
from accounts.models import WhitelistedUser
from bingproject.errors import NotFoundError, NotWhitelistedError
from chat.models import Conversation, KeptAnswer, Origin
from chat.protocol.catalogue import ModelSpec
from chat.services.catalogue import find_model
from chat.services.kept import KEPT_HOURS

DEFAULT_TWO_CALL_MODEL = "balanced"
PRUNED_AT_ONCE = 200
_signer = Signer(salt="chat.conversation")


def sign_conversation(conversation: Conversation) -> str:
    """The caller's token for a conversation: its id and our signature over id and holder."""
    number = conversation.pk.hex
    signature = _signer.signature(f"{number}:{conversation.holder}:{conversation.user_id}")
    return f"{number}.{signature}"


def find_conversation(token: str, holder: str, *, user_id: str = "") -> Conversation:
    """The caller's conversation of this token. Raises: NotFoundError for any other token."""
    number, _, _signature = token.partition(".")
    try:
        row = Conversation.objects.select_related("account").get(pk=uuid.UUID(number), holder=holder)
    except (ValueError, Conversation.DoesNotExist):
        raise NotFoundError("Conversation not found. Create a new one.") from None
    if not _is_signed(row, token):
        raise NotFoundError("Conversation not found. Create a new one.")
    return row


def _is_signed(row: Conversation, token: str) -> bool:
    """Whether the token is this very conversation's, as its holder got it."""
    return constant_time_compare(token, sign_conversation(row))


# --- two calls ---


def check_whitelisted(user_id: str, own: WhitelistedUser | None, now: datetime) -> WhitelistedUser:
    """The whitelisted user of this id, if they are let in; in `keys` mode only the key's own.

    Raises: NotWhitelistedError.
    """
    user = own or WhitelistedUser.objects.filter(user_id=user_id).first()
    if user is None or user.user_id != user_id or not user.is_let_in(now):
        raise NotWhitelistedError
    return user


def two_call_holder(user_id: str) -> str:
    """The key-holder of a two-call conversation: its user, with or without a key."""
    return f"user:{user_id}"


def find_two_call(conversation_id: str, client_id: str, signature: str) -> Conversation:
    """The conversation that the three strings prove to have been opened here. Raises: NotFoundError."""
    missing = NotFoundError("Conversation not found. Create a new one.")
    try:
        row = Conversation.objects.select_related("account").get(pk=uuid.UUID(conversation_id), origin=Origin.TWO_CALL)
    except (ValueError, Conversation.DoesNotExist):
        raise missing from None
    if client_id != two_call_client_id(row) or not _is_signed(row, signature):
        raise missing
    return row


def two_call_client_id(conversation: Conversation) -> str:
    """An id for the caller's end, opaque: derived, so that it needs no column."""
    return _signer.signature(f"client:{conversation.pk.hex}")[:22]


def two_call_model() -> ModelSpec:
    """The style that two-call clients, which name none, are answered in."""
    return find_model(DEFAULT_TWO_CALL_MODEL)


# --- clean-up ---


def close_upstream(rows: QuerySet[Conversation], now: datetime) -> int:
    """Forget Bing's end of those that no turn holds: the next turn opens another and replays the history. How many."""
    idle = Conversation.objects.idle(now).filter(pk__in=list(rows.values_list("pk", flat=True)))
    return idle.exclude(sealed_credentials="").update(
        sealed_credentials="", account=None, opened_at=None, upstream_turn_count=0
    )


def delete_conversations(rows: QuerySet[Conversation], now: datetime) -> int:
    """Delete those that no turn holds, with their texts; how many."""
    idle = Conversation.objects.idle(now).filter(pk__in=list(rows.values_list("pk", flat=True)))
    return idle.delete()[1].get(Conversation._meta.label, 0)


def prune_conversations(now: datetime) -> int:
    """Delete chats unused for `CHAT_RETENTION_DAYS`, kept answers past their day, dead leases; how many chats."""
    KeptAnswer.objects.filter(created_at__lt=now - timedelta(hours=KEPT_HOURS)).delete()
    prune_leases(now)
    cutoff, pruned = now - timedelta(days=settings.CHAT_RETENTION_DAYS), 0
    while True:
        old = Conversation.objects.idle(now).filter(used_at__lt=cutoff).order_by("used_at")
        ids = list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE])
        if not ids:
            return pruned
        Conversation.objects.filter(pk__in=ids).delete()
        pruned += len(ids)

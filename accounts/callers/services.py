"""Who may call: whitelisted users and their keys."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import SCOPES, ApiKey, WhitelistedUser, find_key
from accounts.protocol import build_api_key, hash_api_key, is_api_key
from accounts.services.terms import check_expiry, check_limit, check_scopes, check_user_id
from bingproject.errors import InvalidApiKeyError, NotFoundError, NotWhitelistedError

LAST_USED_STEP_SECONDS = 60
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key's user, or, in open mode, everybody without a key together.

    Shape: `holder` is "open" or "user:<user_id>".
    """

    holder: str
    user: WhitelistedUser | None = None
    key: ApiKey | None = None
    is_authenticated: ClassVar[bool] = True


def add_whitelisted_user(user_id: str, name: str = "") -> WhitelistedUser:
    """Let somebody in, again if they were in before.

    Raises: InvalidRequestError when the id is blank, too long, or holds blanks or control characters.
    """
    user, _ = WhitelistedUser.objects.get_or_create(user_id=check_user_id(user_id), defaults={"name": name})
    if not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])
    return user


def limit_whitelisted_user(user_id: str, limits: Mapping[str, int | None]) -> WhitelistedUser:
    """Set how much they may begin on one day; those not named stay, None takes a limit away.

    Shape: `limits` by column, e.g. `{"daily_images": 10, "daily_chats": None}`.
    Raises: NotFoundError, InvalidRequestError.
    """
    return _change_user(user_id, {name: check_limit(number, name) for name, number in limits.items()})


def expire_whitelisted_user(user_id: str, expires_at: datetime | None, now: datetime) -> WhitelistedUser:
    """Set until when they are let in; None is for good. Raises: NotFoundError, InvalidRequestError."""
    return _change_user(user_id, {"expires_at": check_expiry(expires_at, now)})


def _change_user(user_id: str, changes: Mapping[str, Any]) -> WhitelistedUser:
    user = find_whitelisted_user(user_id)
    for name, value in changes.items():
        setattr(user, name, value)
    user.save(update_fields=list(changes))
    return user


def remove_whitelisted_user(user_id: str, now: datetime) -> WhitelistedUser:
    """Keep somebody out from now on; their keys are revoked for good. Raises: NotFoundError."""
    user = find_whitelisted_user(user_id)
    with transaction.atomic():
        WhitelistedUser.objects.filter(pk=user.pk).update(is_active=False)
        revoke_api_keys(user.api_keys.all(), now)
    user.is_active = False
    return user


def find_whitelisted_user(user_id: str) -> WhitelistedUser:
    """The user of this id, active or not. Raises: NotFoundError."""
    user = WhitelistedUser.objects.filter(user_id=user_id.strip()).first()
    if user is None:
        raise NotFoundError(message=f"No whitelisted user has the id {user_id.strip()[:100]!r}.")
    return user


def list_whitelisted_users() -> QuerySet[WhitelistedUser]:
    """All of them, by id."""
    return WhitelistedUser.objects.order_by("user_id")


def issue_api_key(
    user_id: str,
    *,
    label: str = "",
    scopes: Iterable[str] = tuple(SCOPES),
    per_minute: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key of a whitelisted user: the row, and the text that nobody can read again.

    Raises: NotFoundError, NotWhitelistedError, InvalidRequestError.
    """
    user, now = find_whitelisted_user(user_id), timezone.now()
    if not user.is_let_in(now):
        reason = "has expired" if user.is_active else "is not active"
        raise NotWhitelistedError(message=f"The user {user.user_id!r} {reason}.")
    text = build_api_key(secrets.token_bytes(KEY_BYTES))
    key = ApiKey(
        user=user,
        key_hash=hash_api_key(text),
        key_tail=text[-4:],
        label=label.strip()[:100],
        per_minute=check_limit(per_minute, "per_minute", least=1),
        expires_at=check_expiry(expires_at, now),
        **check_scopes(scopes),
    )
    key.save(force_insert=True)
    return key, text


def revoke_api_key(key: ApiKey, now: datetime) -> None:
    """The key opens nothing from now on."""
    revoke_api_keys(ApiKey.objects.filter(pk=key.pk), now)
    key.revoked_at = key.revoked_at or now


def revoke_api_keys(keys: QuerySet[ApiKey], now: datetime) -> int:
    """Revoke those that are not yet; how many."""
    return keys.filter(revoked_at=None).update(revoked_at=now)


def find_api_key(text: str) -> Caller:
    """Whom a key belongs to. One look-up by a unique hash, whatever the key.

    Raises: InvalidApiKeyError for a wrong, revoked or expired key; NotWhitelistedError when its user is not let in.
    """
    now = timezone.now()
    key_hash = hash_api_key(text)
    key = find_key(key_hash, now) if is_api_key(text) else None
    if key is None or not hmac.compare_digest(key.key_hash, key_hash):
        raise InvalidApiKeyError
    if not key.user.is_let_in(now):
        raise NotWhitelistedError
    _note_use(key, now)
    return Caller(holder=key.user.holder, user=key.user, key=key)


def _note_use(key: ApiKey, now: datetime) -> None:
    """Remember the use, at most once a minute: a write for each request would cost more than the request."""
    stale = now - timedelta(seconds=LAST_USED_STEP_SECONDS)
    if key.last_used_at is None or key.last_used_at <= stale:
        unused = Q(last_used_at=None) | Q(last_used_at__lte=stale)
        ApiKey.objects.filter(unused, pk=key.pk).update(last_used_at=now)

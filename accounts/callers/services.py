"""Whitelisted users and their API keys: add, change, remove, issue, revoke, find."""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.callers.key_format import build_api_key, hash_api_key, is_api_key
from accounts.callers.validation import check_expiry, check_limit, check_scopes, check_user_id, compose
from accounts.models import SCOPES, ApiKey, WhitelistedUser, find_key
from bingproject.errors import InvalidApiKeyError, NotFoundError, NotWhitelistedError

LAST_USED_STEP_SECONDS = 60
KEY_BYTES = 32
BATCH_ROWS = 500
# Columns of a key that can change after it was issued; the user and the hash cannot.
CHANGEABLE = ("label", *SCOPES.values(), "per_minute", "expires_at")


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request: a key's user or, in open mode, everybody without a key as one caller.

    Attributes:
        caller_id: "open" or "user:<user_id>"; tasks, conversations and counters carry it.
    """

    caller_id: str
    user: WhitelistedUser | None = None
    key: ApiKey | None = None
    is_authenticated: ClassVar[bool] = True


def add_whitelisted_user(user_id: str, name: str = "") -> WhitelistedUser:
    """Add a user, or activate one who was removed.

    Raises: InvalidRequestError when the id is empty or too long, or contains spaces or control characters.
    """
    checked = check_user_id(user_id)
    known = find_users([user_id]).get(checked)
    user, _ = (
        (known, False) if known else WhitelistedUser.objects.get_or_create(user_id=checked, defaults={"name": name})
    )
    if not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])
    return user


def limit_whitelisted_user(user_id: str, limits: Mapping[str, int | None]) -> WhitelistedUser:
    """Set daily limits; None removes one, and limits that are not named stay.

    Args:
        user_id: The user.
        limits: By column, e.g. `{"daily_images": 10, "daily_chats": None}`.

    Raises: NotFoundError, InvalidRequestError.
    """
    return _change_user(user_id, {name: check_limit(number, name) for name, number in limits.items()})


def expire_whitelisted_user(user_id: str, expires_at: datetime | None, now: datetime) -> WhitelistedUser:
    """Set when a user's access ends; None for never.

    Raises: NotFoundError, InvalidRequestError.
    """
    return _change_user(user_id, {"expires_at": check_expiry(expires_at, now)})


def _change_user(user_id: str, changes: Mapping[str, Any]) -> WhitelistedUser:
    user = find_whitelisted_user(user_id)
    for name, value in changes.items():
        setattr(user, name, value)
    user.save(update_fields=list(changes))
    return user


def remove_whitelisted_user(user_id: str, now: datetime) -> WhitelistedUser:
    """Deactivate a user and revoke all their keys, which adding the user again does not restore.

    Raises: NotFoundError.
    """
    user = find_whitelisted_user(user_id)
    with transaction.atomic():
        WhitelistedUser.objects.filter(pk=user.pk).update(is_active=False)
        revoke_api_keys(user.api_keys.all(), now)
    user.is_active = False
    return user


def find_whitelisted_user(user_id: str) -> WhitelistedUser:
    """Return the user of this id, active or not.

    Raises: NotFoundError.
    """
    user = find_users([user_id]).get(compose(user_id))
    if user is None:
        raise NotFoundError(message=f"No whitelisted user has the id {user_id.strip()[:100]!r}.")
    return user


def find_users(user_ids: Iterable[str]) -> dict[str, WhitelistedUser]:
    """Return the users of these ids, by the composed form of the id, in a few queries.

    Ids are stored composed (NFC) since 2026-11-30. An older decomposed one is found by either spelling and keeps its
    id, which tasks and counters carry. If both spellings are stored, the composed one wins.
    """
    spellings = {
        spelling
        for user_id in user_ids
        for spelling in (compose(user_id), unicodedata.normalize("NFD", compose(user_id)), user_id.strip())
    }
    found: dict[str, WhitelistedUser] = {}
    for user_id, user in WhitelistedUser.objects.in_bulk(spellings, field_name="user_id").items():
        composed = compose(user_id)
        if composed == user_id or composed not in found:
            found[composed] = user
    return found


def list_whitelisted_users() -> QuerySet[WhitelistedUser]:
    """Return all users, sorted by id."""
    return WhitelistedUser.objects.order_by("user_id")


def issue_api_key(
    user_id: str,
    *,
    label: str = "",
    scopes: Iterable[str] = tuple(SCOPES),
    per_minute: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Issue a key to a user: return its row, and its text, of which only the hash is stored.

    Raises: NotFoundError, NotWhitelistedError, InvalidRequestError.
    """
    user, now = find_whitelisted_user(user_id), timezone.now()
    if not user.is_let_in(now):
        reason = "has expired" if user.is_active else "is not active"
        raise NotWhitelistedError(message=f"The user {user.user_id!r} {reason}.")
    key, text = _new_key(user, _terms(label, scopes, per_minute, expires_at, now))
    key.save(force_insert=True)
    return key, text


def change_api_key(key: ApiKey, columns: Collection[str]) -> bool:
    """Write these columns of a key; return False and write nothing if it has been revoked in the meantime.

    Raises: InvalidRequestError.
    """
    changes = {name: getattr(key, name) for name in columns if name in CHANGEABLE}
    check_limit(key.per_minute, "per_minute", least=1)
    row = ApiKey.objects.filter(pk=key.pk, revoked_at=None)
    return bool(row.update(**changes)) if changes else row.exists()


def issue_api_keys(
    users: Iterable[WhitelistedUser],
    *,
    label: str = "",
    scopes: Iterable[str] = tuple(SCOPES),
    per_minute: int | None = None,
    expires_at: datetime | None = None,
) -> list[tuple[ApiKey, str]]:
    """Issue a key to each of these users who is active and not expired, in one transaction.

    Raises: InvalidRequestError.
    """
    now = timezone.now()
    terms = _terms(label, scopes, per_minute, expires_at, now)
    issued = [_new_key(user, terms) for user in users if user.is_let_in(now)]
    with transaction.atomic():
        ApiKey.objects.bulk_create([key for key, _ in issued], batch_size=BATCH_ROWS)
    return issued


def _terms(
    label: str, scopes: Iterable[str], per_minute: int | None, expires_at: datetime | None, now: datetime
) -> dict[str, Any]:
    return {
        "label": label.strip()[:100],
        "per_minute": check_limit(per_minute, "per_minute", least=1),
        "expires_at": check_expiry(expires_at, now),
        **check_scopes(scopes),
    }


def _new_key(user: WhitelistedUser, terms: Mapping[str, Any]) -> tuple[ApiKey, str]:
    text = build_api_key(secrets.token_bytes(KEY_BYTES))
    return ApiKey(user=user, key_hash=hash_api_key(text), key_tail=text[-4:], **terms), text


def revoke_api_key(key: ApiKey, now: datetime) -> None:
    """Revoke a key for good."""
    revoke_api_keys(ApiKey.objects.filter(pk=key.pk), now)
    key.revoked_at = key.revoked_at or now


def revoke_api_keys(keys: QuerySet[ApiKey], now: datetime) -> int:
    """Revoke keys and return the number of those that were not revoked yet."""
    return keys.filter(revoked_at=None).update(revoked_at=now)


def find_api_key(text: str) -> Caller:
    """Return the caller of a key, by one look-up of a unique hash.

    Raises: InvalidApiKeyError for a wrong, revoked or expired key; NotWhitelistedError if its user is inactive or
        expired.
    """
    now = timezone.now()
    key_hash = hash_api_key(text)
    key = find_key(key_hash, now) if is_api_key(text) else None
    if key is None or not hmac.compare_digest(key.key_hash, key_hash):
        raise InvalidApiKeyError
    if not key.user.is_let_in(now):
        raise NotWhitelistedError
    _note_use(key, now)
    return Caller(caller_id=key.user.caller_id, user=key.user, key=key)


def _note_use(key: ApiKey, now: datetime) -> None:
    # At most once a minute: a write per request would cost more than the request itself.
    stale = now - timedelta(seconds=LAST_USED_STEP_SECONDS)
    if key.last_used_at is None or key.last_used_at <= stale:
        unused = Q(last_used_at=None) | Q(last_used_at__lte=stale)
        ApiKey.objects.filter(unused, pk=key.pk).update(last_used_at=now)

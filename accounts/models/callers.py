"""Models of whitelisted users, API keys, usage counters and pending uploads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from django.conf import settings
from django.db import connection, models

from bingproject.database.prepared_sql import columns_of, load
from bingproject.database.text_fields import SafeCharField
from bingproject.security.encryption import EncryptedTextField


class WhitelistedUser(models.Model):
    """A user of this server, by the id that clients send or that a key belongs to."""

    user_id = SafeCharField(max_length=100, unique=True)
    name = SafeCharField(max_length=100, blank=True, default="")
    note = SafeCharField(max_length=300, blank=True, default="")
    is_active = models.BooleanField("active", default=True)
    expires_at = models.DateTimeField("expires", null=True, blank=True)
    # Limits for one UTC day; None is no limit.
    daily_images = models.PositiveIntegerField("images a day", null=True, blank=True)
    daily_videos = models.PositiveIntegerField("videos a day", null=True, blank=True)
    daily_chats = models.PositiveIntegerField("chat turns a day", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["user_id"]

    def __str__(self) -> str:
        return self.user_id

    @property
    def caller_id(self) -> str:
        """The owner's name in tasks, conversations and counters."""
        return f"user:{self.user_id}"

    def is_let_in(self, now: datetime) -> bool:
        """True if the user is active and not expired."""
        return self.is_active and (self.expires_at is None or self.expires_at > now)


# Scopes of a key by name, with their columns.
SCOPES = {"images": "can_make_images", "videos": "can_make_videos", "chat": "can_chat"}


class ApiKey(models.Model):
    """A user's API key; only its hash and its last four characters are stored."""

    user = models.ForeignKey(WhitelistedUser, on_delete=models.CASCADE, related_name="api_keys")
    key_hash = SafeCharField(max_length=64, unique=True, editable=False)
    key_tail = SafeCharField(max_length=4, editable=False)
    label = SafeCharField(max_length=100, blank=True, default="")
    # Scopes; a key without any can only read its user's tasks.
    can_make_images = models.BooleanField("images", default=True)
    can_make_videos = models.BooleanField("videos", default=True)
    can_chat = models.BooleanField("chat", default=True)
    per_minute = models.PositiveIntegerField("requests a minute", null=True, blank=True)
    expires_at = models.DateTimeField("expires", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"bp_…{self.key_tail}"

    @property
    def scopes(self) -> tuple[str, ...]:
        """The names of the key's scopes; empty for a key that only reads."""
        return tuple(name for name, column in SCOPES.items() if getattr(self, column))


class UsageCounter(models.Model):
    """One caller's use in one window: work of one kind started on a UTC day, or requests in one minute.

    Only accounts.callers.limits changes it, by single conditional statements, so that it is exact under concurrency.
    """

    caller_id = SafeCharField(max_length=120)
    kind = SafeCharField(max_length=16)
    window_at = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["caller_id", "kind", "window_at"], name="one_counter_per_window")
        ]

    def __str__(self) -> str:
        return f"{self.caller_id} {self.kind} {self.window_at:%Y-%m-%d %H:%M}"


class PendingUpload(models.Model):
    """An operator's upload between preview and confirmation: encrypted, one per operator, deleted within the hour."""

    operator = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    name = SafeCharField(max_length=32, unique=True)
    encrypted_content = EncryptedTextField()
    created_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name


# Fixed SQL: every request with a key runs it, and building the query costs more than running it.
_FIND_KEY = """
SELECT {columns}, u.user_id, u.is_active, u.expires_at, u.daily_images, u.daily_videos, u.daily_chats
FROM accounts_apikey k JOIN accounts_whitelisteduser u ON u.id = k.user_id
WHERE k.key_hash = %s AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > %s)
"""
# In the order of the model's columns, which `from_db` requires.
_KEY_USER_FIELDS = ("user_id", "is_active", "expires_at", "daily_images", "daily_videos", "daily_chats")


def find_key(key_hash: str, now: datetime) -> ApiKey | None:
    """Return the key if it is neither revoked nor expired, with its user, whose other columns are deferred."""
    text = _FIND_KEY.format(columns=columns_of(ApiKey, "k"))
    for key, found in load(ApiKey, text, [key_hash, connection.ops.adapt_datetimefield_value(now)]):
        user_id, is_active, expires_at, *limits = found
        if isinstance(expires_at, str):  # SQLite returns times as text, in UTC without an offset
            expires_at = datetime.fromisoformat(expires_at)
        if expires_at is not None and expires_at.tzinfo is None:
            expires_at = expires_at.replace(tzinfo=UTC)
        values = [key.user_id, user_id, bool(is_active), expires_at, *limits]
        key.user = WhitelistedUser.from_db(key._state.db, ["id", *_KEY_USER_FIELDS], values)
        return key
    return None

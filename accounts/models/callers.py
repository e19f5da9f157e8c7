"""Whitelisted users, their keys, what they have used, and files that operators upload: rows and look-ups of one row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from django.conf import settings
from django.db import connection, models

from bingproject.seals import SealedTextField
from bingproject.statements import columns_of, load


class WhitelistedUser(models.Model):
    """A person who may use this server: the id that clients send or that a key belongs to."""

    user_id = models.CharField(max_length=100, unique=True)
    name = models.CharField(max_length=100, blank=True, default="")
    note = models.CharField(max_length=300, blank=True, default="")
    is_active = models.BooleanField("active", default=True)
    expires_at = models.DateTimeField("expires", null=True, blank=True)
    # How many may be begun on one UTC day; none given: as many as the accounts can make.
    daily_images = models.PositiveIntegerField("images a day", null=True, blank=True)
    daily_videos = models.PositiveIntegerField("videos a day", null=True, blank=True)
    daily_chats = models.PositiveIntegerField("chat turns a day", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["user_id"]

    def __str__(self) -> str:
        return self.user_id

    @property
    def holder(self) -> str:
        """The name that their tasks, conversations and counters bear."""
        return f"user:{self.user_id}"

    def is_let_in(self, now: datetime) -> bool:
        """Whether they may use the server: active, and not expired."""
        return self.is_active and (self.expires_at is None or self.expires_at > now)


# What a key may be allowed to begin: the scope's name and its column.
SCOPES = {"images": "can_make_images", "videos": "can_make_videos", "chat": "can_chat"}


class ApiKey(models.Model):
    """A key of a whitelisted user: only its hash and its last four characters are kept."""

    user = models.ForeignKey(WhitelistedUser, on_delete=models.CASCADE, related_name="api_keys")
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    key_tail = models.CharField(max_length=4, editable=False)
    label = models.CharField(max_length=100, blank=True, default="")
    # What it may begin; with none of them it only reads its user's own tasks.
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
        """What it may begin; nothing: it only reads."""
        return tuple(name for name, column in SCOPES.items() if getattr(self, column))


class UsageCounter(models.Model):
    """How much one holder has used of one kind in one window: a UTC day of work begun, or a minute of requests.

    Changed by single conditional statements only (accounts.limits), so that it is exact whoever asks at once.
    """

    holder = models.CharField(max_length=120)
    kind = models.CharField(max_length=16)
    window_at = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["holder", "kind", "window_at"], name="one_counter_per_window")
        ]

    def __str__(self) -> str:
        return f"{self.holder} {self.kind} {self.window_at:%Y-%m-%d %H:%M}"


class PendingUpload(models.Model):
    """A file between its preview and the operator's word: sealed, one for each operator, gone within the hour."""

    operator = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    name = models.CharField(max_length=32, unique=True)
    sealed_content = SealedTextField()
    created_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name


# Fixed text: building the query costs more than running it, and every request with a key asks.
_FIND_KEY = """
SELECT {columns}, u.user_id, u.is_active, u.expires_at, u.daily_images, u.daily_videos, u.daily_chats
FROM accounts_apikey k JOIN accounts_whitelisteduser u ON u.id = k.user_id
WHERE k.key_hash = %s AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > %s)
"""
# In the order of the model's columns, as `from_db` wants them.
_KEY_USER_FIELDS = ("user_id", "is_active", "expires_at", "daily_images", "daily_videos", "daily_chats")


def find_key(key_hash: str, now: datetime) -> ApiKey | None:
    """The key that is neither revoked nor expired, with what its user may do; the user's rest on demand."""
    text = _FIND_KEY.format(columns=columns_of(ApiKey, "k"))
    for key, found in load(ApiKey, text, [key_hash, connection.ops.adapt_datetimefield_value(now)]):
        user_id, is_active, expires_at, *limits = found
        if isinstance(expires_at, str):  # SQLite's times are texts, in UTC without saying so
            expires_at = datetime.fromisoformat(expires_at)
        if expires_at is not None and expires_at.tzinfo is None:
            expires_at = expires_at.replace(tzinfo=UTC)
        values = [key.user_id, user_id, bool(is_active), expires_at, *limits]
        key.user = WhitelistedUser.from_db(key._state.db, ["id", *_KEY_USER_FIELDS], values)
        return key
    return None

"""Conversations and their turns as rows, with the claim that gives a conversation to one turn at a time.

Texts are stored only while CHAT_STORE_TEXT is on; upstream credentials are encrypted.
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import connection, models
from django.db.models import Q, Value

from accounts.models import Account
from bingproject.database.prepared_sql import columns_of, load
from bingproject.database.text_fields import SafeCharField, SafeJSONField, SafeTextField
from bingproject.security.encryption import EncryptedTextField, decrypt, encrypt

CLAIM_MARGIN_SECONDS = 60.0  # added to the longest turn: then the claim of a dead process ends


def claim_end(now: datetime) -> datetime:
    """Return the end of the claim of a turn that begins now."""
    return now + timedelta(seconds=settings.CHAT_TURN_SECONDS + CLAIM_MARGIN_SECONDS)


class Origin(models.TextChoices):
    """The contract that opened the conversation."""

    COMPLETION = "completion", "Chat completion"
    CREATED = "created", "POST create"
    TWO_CALL = "two_call", "Two calls"


# Prepared, since every turn runs these queries and building them costs many times as much as running them.
# `|| ''` keeps SQLite from using the index on the caller, which would read all of a caller's chats.
_CONTINUING = """
SELECT {columns} FROM chat_conversation c
WHERE history_key = %s AND caller_id || '' = %s AND model = %s AND (claimed_until IS NULL OR claimed_until < %s)
ORDER BY used_at DESC LIMIT 4
"""
_TAKE = """
UPDATE chat_conversation SET claim = %s, claimed_until = %s
WHERE id = %s AND used_at = %s AND (claimed_until IS NULL OR claimed_until < %s)
"""


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Queries over many conversations."""

    def idle(self, now: datetime) -> ConversationQuerySet:
        """Return the conversations without a running turn."""
        return self.filter(Q(claimed_until=None) | Q(claimed_until__lt=now))

    def continuing(self, history_key: str, caller_id: str, model: str, now: datetime) -> list[Conversation]:
        """Return a few idle conversations that this history continues, last used first, in case the first is taken."""
        adapted = connection.ops.adapt_datetimefield_value(now)
        text = _CONTINUING.format(columns=columns_of(Conversation, "c"))
        return [row for row, _ in load(Conversation, text, [history_key, caller_id, model, adapted])]


class Conversation(models.Model):
    """One chat of one caller, and its current upstream conversation if there is one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    caller_id = SafeCharField(max_length=120)
    user_id = SafeCharField(max_length=100, default="", blank=True)
    origin = SafeCharField(max_length=12, choices=Origin, default=Origin.COMPLETION)
    # Settings may add models with names of up to 60 characters.
    model = SafeCharField(max_length=80)
    # The hash that the next request of this chat will have; "" for chats that are found by id.
    history_key = SafeCharField(max_length=64, default="", db_index=True)
    encrypted_system = EncryptedTextField(default="", editable=False)
    claim = SafeCharField(max_length=36, default="", editable=False)
    claimed_until = models.DateTimeField(null=True, editable=False)

    # The upstream end. Rows of earlier releases are all Bing's, and so are those that such a process still inserts.
    back_end = SafeCharField(max_length=8, default="bing", db_default="bing")
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="conversations")
    encrypted_credentials = EncryptedTextField(default="", editable=False)
    opened_at = models.DateTimeField(null=True)
    upstream_turn_count = models.PositiveIntegerField(default=0)
    create_count = models.PositiveIntegerField(default=0)

    turn_count = models.PositiveIntegerField(default=0)
    last_error = SafeCharField(max_length=300, default="", blank=True)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField()

    objects = ConversationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-used_at"]
        indexes: ClassVar = [
            models.Index(fields=["used_at"], name="conversation_used"),
            models.Index(fields=["caller_id", "used_at"], name="conversation_caller"),
        ]

    def __str__(self) -> str:
        # Caller and time, never text: texts may be configured to be stored nowhere.
        asked_by = "no key" if self.caller_id == "open" else self.caller_id.removeprefix("user:")
        return f"{asked_by}, {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def credentials(self) -> dict[str, str]:
        """The decrypted ids and tokens of the upstream conversation; empty if none is open."""
        return dict(json.loads(decrypt(self.encrypted_credentials) or "{}"))

    @property
    def system(self) -> str:
        """The decrypted system prompt."""
        return decrypt(self.encrypted_system)

    def take(self, claim: str, now: datetime) -> bool:
        """Claim it for one turn by a conditional UPDATE; return False if it was claimed since it was read."""
        number = self._meta.pk.get_db_prep_value(self.pk, connection)
        end, used_at, at = map(connection.ops.adapt_datetimefield_value, (claim_end(now), self.used_at, now))
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, [claim, end, number, used_at, at])
            return bool(cursor.rowcount)

    def release(self, claim: str, **changes: Any) -> bool:
        """End the turn's claim and store its changes; do nothing if the claim was lost meanwhile."""
        changes |= {"claim": "", "claimed_until": None}
        fields: list[Any] = [self._meta.get_field(name) for name in changes]
        columns = ", ".join(f"{field.column} = %s" for field in fields)
        pairs = zip(fields, changes.values(), strict=True)
        values = [field.get_db_prep_save(value, connection) for field, value in pairs]
        values += [self._meta.pk.get_db_prep_value(self.pk, connection), claim]
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE chat_conversation SET {columns} WHERE id = %s AND claim = %s", values)
            return bool(cursor.rowcount)

    def set_credentials(self, credentials: dict[str, str], opened_at: datetime | None) -> None:
        """Set the upstream conversation, none without credentials; it is stored when the turn ends."""
        self.encrypted_credentials = encrypt(json.dumps(credentials)) if credentials else ""
        self.opened_at, self.upstream_turn_count = opened_at, 0


class TurnState(models.TextChoices):
    """How a turn ended."""

    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"
    LEFT = "left", "Caller left"
    CUT = "cut", "Cut at the caller's limit"


# The states in which the caller has an answer, so that the turn is part of the history.
ANSWERED = (TurnState.FINISHED, TurnState.REFUSED, TurnState.CUT)


class Turn(models.Model):
    """One question and its answer."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="turns")
    index = models.PositiveIntegerField()
    state = SafeCharField(max_length=10, choices=TurnState, default=TurnState.RUNNING)
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="chat_turns")
    prompt = SafeTextField(default="")
    answer = SafeTextField(default="")
    sources = SafeJSONField(default=list)
    suggestions = SafeJSONField(default=list)
    sent_characters = models.PositiveIntegerField(default=0)
    received_characters = models.PositiveIntegerField(default=0)
    dropped_turn_count = models.PositiveIntegerField(default=0)
    error_code = SafeCharField(max_length=40, default="")
    error_detail = SafeTextField(default="")
    request_id = SafeCharField(max_length=36, default="")
    started_at = models.DateTimeField()
    first_text_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["index", "pk"]
        indexes: ClassVar = [models.Index(fields=["started_at"], name="turn_started")]

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.index}"


class IdempotentAnswer(models.Model):
    """The encrypted answer to a request with an Idempotency-Key, for 24 h; without a status while it runs."""

    caller_id = SafeCharField(max_length=120)
    route = SafeCharField(max_length=40)
    key = SafeCharField(max_length=255)
    body_hash = SafeCharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    # A default of the database too: processes of an earlier release insert rows without it while they are replaced.
    headers = SafeJSONField(default=dict, db_default=Value({}, models.JSONField()))
    encrypted_answer = EncryptedTextField(default="")
    # Renewed while the turn runs, to tell the request of a dead process from a slow one.
    alive_until = models.DateTimeField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["caller_id", "route", "key"], name="one_answer_per_idempotency_key")
        ]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"

"""Conversations and their turns: rows, the claim that keeps two callers apart, transitions of one row.

Never a socket. Texts are kept only while CHAT_STORE_TEXT is on; upstream credentials are sealed.
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
from bingproject.seals import SealedTextField, seal, unseal
from bingproject.statements import columns_of, load

CLAIM_MARGIN_SECONDS = 60.0  # what a dead process claimed is free so long after the longest turn


def claim_end(now: datetime) -> datetime:
    """Until when a turn that begins now may hold its conversation."""
    return now + timedelta(seconds=settings.CHAT_TURN_SECONDS + CLAIM_MARGIN_SECONDS)


class Origin(models.TextChoices):
    """Which contract opened the conversation."""

    COMPLETION = "completion", "Chat completion"
    CREATED = "created", "POST create"
    TWO_CALL = "two_call", "Two calls"


# Fixed texts: building these queries costs many times what running them does, and every turn asks them.
# By the history's key alone: `|| ''` keeps SQLite from reading all chats of the holder, newest first, by their index.
_CONTINUING = """
SELECT {columns} FROM chat_conversation c
WHERE history_key = %s AND holder || '' = %s AND model = %s AND (claimed_until IS NULL OR claimed_until < %s)
ORDER BY used_at DESC LIMIT 4
"""
_TAKE = """
UPDATE chat_conversation SET claim = %s, claimed_until = %s
WHERE id = %s AND used_at = %s AND (claimed_until IS NULL OR claimed_until < %s)
"""


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Questions about many conversations."""

    def idle(self, now: datetime) -> ConversationQuerySet:
        """Those that no turn holds."""
        return self.filter(Q(claimed_until=None) | Q(claimed_until__lt=now))

    def continuing(self, history_key: str, holder: str, model: str, now: datetime) -> list[Conversation]:
        """The idle ones that stand where this history ends, last used first; a few, should the first be taken."""
        adapted = connection.ops.adapt_datetimefield_value(now)
        text = _CONTINUING.format(columns=columns_of(Conversation, "c"))
        return [row for row, _ in load(Conversation, text, [history_key, holder, model, adapted])]


class Conversation(models.Model):
    """One chat of one key-holder, and the upstream conversation it is held over at present, if any."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    holder = models.CharField(max_length=120)
    user_id = models.CharField(max_length=100, default="", blank=True)
    origin = models.CharField(max_length=12, choices=Origin, default=Origin.COMPLETION)
    model = models.CharField(max_length=40)
    # What the next request of this chat hashes to; "" for chats that are found by id.
    history_key = models.CharField(max_length=64, default="", db_index=True)
    sealed_system = SealedTextField(default="", editable=False)
    claim = models.CharField(max_length=36, default="", editable=False)
    claimed_until = models.DateTimeField(null=True, editable=False)

    # The upstream end. Rows of earlier releases are all Bing's, and so are those that such a process still inserts.
    back_end = models.CharField(max_length=8, default="bing", db_default="bing")
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="conversations")
    sealed_credentials = SealedTextField(default="", editable=False)
    opened_at = models.DateTimeField(null=True)
    upstream_turn_count = models.PositiveIntegerField(default=0)
    create_count = models.PositiveIntegerField(default=0)

    turn_count = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=300, default="", blank=True)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField()

    objects = ConversationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-used_at"]
        indexes: ClassVar = [
            models.Index(fields=["used_at"], name="conversation_used"),
            models.Index(fields=["holder", "used_at"], name="conversation_holder"),
        ]

    def __str__(self) -> str:
        # Who and when, never what: texts may be set to be kept nowhere.
        asked_by = "no key" if self.holder == "open" else self.holder.removeprefix("user:")
        return f"{asked_by}, {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def credentials(self) -> dict[str, str]:
        """The upstream conversation's ids and tokens, unsealed; empty when none is open."""
        return dict(json.loads(unseal(self.sealed_credentials) or "{}"))

    @property
    def system(self) -> str:
        """The system prompt, unsealed."""
        return unseal(self.sealed_system)

    def take(self, claim: str, now: datetime) -> bool:
        """Claim it for one turn, by one conditional UPDATE; whether nobody else had, nor has since it was read."""
        number = self._meta.pk.get_db_prep_value(self.pk, connection)
        end, used_at, at = map(connection.ops.adapt_datetimefield_value, (claim_end(now), self.used_at, now))
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, [claim, end, number, used_at, at])
            return bool(cursor.rowcount)

    def release(self, claim: str, **changes: Any) -> bool:
        """End the turn's claim and record what it changed; nothing when the claim was lost meanwhile."""
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
        """The upstream end as it is now, none with no credentials; recorded when the turn ends."""
        self.sealed_credentials = seal(json.dumps(credentials)) if credentials else ""
        self.opened_at, self.upstream_turn_count = opened_at, 0


class TurnState(models.TextChoices):
    """How a turn ended."""

    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"
    LEFT = "left", "Caller left"
    CUT = "cut", "Cut at the caller's limit"


# The caller has an answer: such turns belong to what was said before.
ANSWERED = (TurnState.FINISHED, TurnState.REFUSED, TurnState.CUT)


class Turn(models.Model):
    """One question and its answer."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="turns")
    index = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=TurnState, default=TurnState.RUNNING)
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="chat_turns")
    prompt = models.TextField(default="")
    answer = models.TextField(default="")
    sources = models.JSONField(default=list)
    suggestions = models.JSONField(default=list)
    sent_characters = models.PositiveIntegerField(default=0)
    received_characters = models.PositiveIntegerField(default=0)
    dropped_turn_count = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=40, default="")
    error_detail = models.TextField(default="")
    request_id = models.CharField(max_length=36, default="")
    started_at = models.DateTimeField()
    first_text_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["index", "pk"]
        indexes: ClassVar = [models.Index(fields=["started_at"], name="turn_started")]

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.index}"


class KeptAnswer(models.Model):
    """The answer to a request with an Idempotency-Key, sealed, for 24 h; running until it has one."""

    holder = models.CharField(max_length=120)
    route = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    # A default of the database too: processes of an earlier release insert rows without it while they are replaced.
    headers = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    sealed_answer = SealedTextField(default="")
    # Who runs the turn: renewed while it runs, so that a dead process's request can be told from a slow one.
    alive_until = models.DateTimeField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["holder", "route", "key"], name="one_answer_per_idempotency_key")
        ]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"

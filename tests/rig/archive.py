"""Fills PostgreSQL's tables as months of use would: a million tasks, a hundred thousand chats, of a thousand people.

What lies where is the same in every run: a row's number `n` decides about it, and the newest rows have the lowest. By
statements of the database's own: a million rows of the ORM would take half an hour.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Model

from accounts.models import Account, WhitelistedUser
from bingproject.security.encryption import encrypt
from chat.models import Conversation, Turn
from creator.models import Result, Task, TaskEvent

TASK_DAYS, CHAT_DAYS = 90, 30  # how long rows are kept
USERS = 1_000
TOLD_TASKS = 50_000  # so many of the newest have pictures and a story
OPEN_TASKS = 200
TURNS, LONG_CHAT_TURNS = 3, 200

_HOLDER = "CASE WHEN n % 5 = 0 THEN 'open' ELSE 'user:reader-' || lpad((n::bigint * 7919 % 1000)::text, 4, '0') END"
_NOUN = "(ARRAY['fox','lighthouse','teapot','harbour','violin','glacier','market','owl'])"
_ERROR = (
    "(ARRAY['blocked','throttled','upstream_unreachable','cookie_expired','upstream_protocol_error','timeout'])"
    "[1 + n / 10 % 6]"
)
# Nine of ten end well; of the newest some wait and some are at Bing.
_STATE = f"""
CASE WHEN n < {OPEN_TASKS} THEN CASE WHEN n % 2 = 1 THEN 'queued' ELSE 'polling' END
     WHEN n % 10 <> 0 THEN 'completed' WHEN n % 100 = 90 THEN 'cancelled' WHEN n % 100 = 80 THEN 'expired'
     ELSE 'failed' END
"""
_CODE = f"""
CASE WHEN n < {OPEN_TASKS} OR n % 10 <> 0 THEN '' WHEN n % 100 = 90 THEN 'cancelled' WHEN n % 100 = 80 THEN 'expired'
     ELSE {_ERROR} END
"""
_TASK_ID = "md5('task ' || n)::uuid"
_CHAT_ID = "md5('chat ' || n)::uuid"


def fill(task_count: int, conversation_count: int) -> dict[str, str]:
    """The rows; ids and words by which a few of them can be looked for."""
    accounts = list(Account.objects.order_by("pk").values_list("pk", flat=True))
    _insert(WhitelistedUser, f"generate_series(0, {USERS - 1}) n", user_id="'reader-' || lpad(n::text, 4, '0')",
            created_at="now()")  # fmt: skip
    _fill_tasks(task_count, f"(ARRAY{accounts})[1 + n % {len(accounts)}]")
    _fill_chats(conversation_count, f"(ARRAY{accounts})[1 + n % {len(accounts)}]")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    oldest = Task.objects.order_by("created_at", "id")[0]
    return {
        "task": str(Task.objects.filter(state="completed", kind="image").order_by("-created_at", "-id")[0].pk),
        "request_id": oldest.request_id,
        "prompt": oldest.prompt[:40],
        "account": str(accounts[-1]),
        "conversation": str(Conversation.objects.order_by("-used_at", "-id")[0].pk),
    }


def _fill_tasks(count: int, account: str) -> None:
    at = f"now() - interval '{TASK_DAYS} days' * n / {count}"
    is_video = "n % 12 = 0"
    _insert(
        Task, f"generate_series(0, {count - 1}) n",
        id=_TASK_ID, kind=f"CASE WHEN {is_video} THEN 'video' ELSE 'image' END",
        prompt=f"'A ' || {_NOUN}[1 + n % 8] || ' ' || n || ', painted in the evening light, with a '"
               f" || {_NOUN}[1 + n / 8 % 8] || ' behind it'",
        model=f"CASE WHEN {is_video} OR n % 10 < 7 THEN 'DALLE' WHEN n % 10 < 9 THEN 'GPT4O' ELSE 'MAI1' END",
        caller_id=_HOLDER, route="'create/image'", batch="md5('batch ' || n)::uuid", state=_STATE, error_code=_CODE,
        error_message="'As Bing put it.'", lane="'fast'", attempt_count="1",
        account_id=f"CASE WHEN ({_STATE}) = 'queued' THEN NULL ELSE {account} END",
        request_id=f"CASE WHEN ({_STATE}) = 'queued' THEN '' ELSE '1-' || md5(n::text) END",
        next_at=at, deadline_at=f"{at} + interval '1 hour'", created_at=at, submit_at=at, accepted_at=at,
        finished_at=f"CASE WHEN n < {OPEN_TASKS} THEN NULL ELSE {at} + interval '1 second' * (10 + n * 7 % 50) END",
    )  # fmt: skip
    told = f"generate_series({OPEN_TASKS}, {min(TOLD_TASKS, count) - 1}) n"
    made = f"{told} CROSS JOIN generate_series(0, 3) i WHERE n % 10 <> 0 AND n % 12 <> 0"
    address = "'https://th.bing.com/th/id/OIG1.' || md5(n::text || i) || '?pid=ImgGn'"
    _insert(Result, made, task_id=_TASK_ID, index="i", url=address)
    for step in ("'accepted'", "'claimed'", "'submitted'", "CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'completed' END"):
        _insert(TaskEvent, told, task_id=_TASK_ID, at=at, kind=step, text="'as it was'")


def _fill_chats(count: int, account: str) -> None:
    at = f"now() - interval '{CHAT_DAYS} days' * n / {count}"
    is_open, encrypted = "n % 4 = 0", encrypt("x" * 600)
    _insert(
        Conversation, f"generate_series(0, {count - 1}) n",
        id=_CHAT_ID, caller_id=_HOLDER, origin="(ARRAY['completion','created','two_call'])[1 + n % 3]",
        model="(ARRAY['balanced','creative','precise'])[1 + n % 3]", history_key="md5(n::text) || md5(n::text)",
        account_id=f"CASE WHEN {is_open} THEN {account} END",
        encrypted_credentials=f"CASE WHEN {is_open} THEN '{encrypted}' ELSE '' END", turn_count=str(TURNS),
        last_error="CASE WHEN n % 50 = 0 THEN 'throttled' ELSE '' END", created_at=at, used_at=at,
    )  # fmt: skip
    last = f"CASE WHEN n = 0 THEN {LONG_CHAT_TURNS} ELSE {TURNS} END - 1"
    is_bad = "n % 50 = 0 AND i = 2"
    _insert(
        Turn, f"generate_series(0, {count - 1}) n CROSS JOIN LATERAL generate_series(0, {last}) i",
        conversation_id=_CHAT_ID, index="i", state=f"CASE WHEN {is_bad} THEN 'failed' ELSE 'finished' END",
        error_code=f"CASE WHEN {is_bad} THEN 'throttled' ELSE '' END", account_id=account,
        prompt="repeat('What of it, and why? ', 5)", answer="repeat('Because it is so. ', 40)",
        sources="""'[{"title": "A source", "url": "https://source.example"}]'""", suggestions="""'["And then?"]'""",
        started_at=at, first_text_at=f"{at} + interval '1 second'",
        finished_at=f"{at} + interval '1 second' * (3 + i % 9)",
    )  # fmt: skip


def _insert(model: type[Model], source: str, /, **expressions: str) -> None:
    """Rows of a model, one for each of the source's; columns that nothing is said of get the model's own default."""
    columns, values, defaults = [], [], list[Any]()
    for field in model._meta.local_concrete_fields:
        if field.column in expressions:
            columns.append(f'"{field.column}"')
            values.append(expressions[field.column])
        elif not field.primary_key and not field.null:
            columns.append(f'"{field.column}"')
            values.append("%s")
            defaults.append(field.get_db_prep_save(field.get_default(), connection))
    # Two statements' worth of percent signs: what is no mark is doubled.
    texts = [value if value == "%s" else value.replace("%", "%%") for value in values]
    sql = f'INSERT INTO "{model._meta.db_table}" ({", ".join(columns)}) SELECT {", ".join(texts)} '
    with connection.cursor() as cursor:
        cursor.execute(sql + f"FROM {source.replace('%', '%%')}", defaults)

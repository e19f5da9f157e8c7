"""Opens operators' pages as a browser would and says of each how long the server took and what it asked the database.

Within this process, through Django's test client: every middleware, view and template, no network. The environment says
which database; what was seen is printed as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from bingproject.operators.base_admin import NewestPaginator
from chat.models import Conversation
from creator.models import Task
from tests.rig.archive import fill

Pages = dict[str, tuple[str, dict[str, str]]]


class Counter:
    """How many statements went to the database."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        """Count and go on."""
        self.count += 1
        return execute(sql, parameters, many, context)


def pages(known: dict[str, str]) -> Pages:
    """What is opened: every list, each filter and search of the long ones, a page of each, the dashboard."""
    found: Pages = {"dashboard, nothing cached": (reverse("admin:index"), {})}
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        title = f"{model._meta.app_label}: {model._meta.verbose_name_plural}"
        found[f"list of {title}"] = (reverse(f"admin:{name}_changelist"), {})
    tasks, chats = reverse("admin:creator_task_changelist"), reverse("admin:chat_conversation_changelist")
    found |= {f"tasks, {name}": (tasks, query) for name, query in _of_tasks(known).items()}
    found |= {f"conversations, {name}": (chats, query) for name, query in _of_chats(known).items()}
    found["a task"] = (reverse("admin:creator_task_change", args=[known["task"]]), {})
    found["a conversation"] = (reverse("admin:chat_conversation_change", args=[known["conversation"]]), {})
    return found


def _last_page(model: type[Model]) -> str:
    """The last one that a list has, by the rows it knows of."""
    page = admin.site._registry[model]
    return str(NewestPaginator(model._default_manager.all(), page.list_per_page).num_pages)


def _between(field: str, first_days_ago: int, last_days_ago: int) -> dict[str, str]:
    now = timezone.now()
    ends = {"from": now - timedelta(days=first_days_ago), "to": now - timedelta(days=last_days_ago)}
    return {f"{field}_{end}_0": f"{at:%Y-%m-%d}" for end, at in ends.items()}


def _of_tasks(known: dict[str, str]) -> dict[str, dict[str, str]]:
    return {
        "last page": {"p": _last_page(Task)},
        "oldest first": {"o": "8"},
        **{f"state {state}": {"state__exact": state} for state in ("queued", "uncertain", "completed", "expired")},
        "kind video": {"kind__exact": "video"},
        "model MAI1": {"model": "MAI1"},
        "account": {"account__id__exact": known["account"]},
        "error any": {"error": "any"},
        "error blocked": {"error": "blocked"},
        "error of none": {"error": "account_blocked"},
        "user": {"user": "reader-0007"},
        "user unknown": {"user": "nobody"},
        "without a key": {"user": "open"},
        "two days a month ago": _between("created_at", 32, 30),
        "failed videos of an account": {
            "state__exact": "failed", "kind__exact": "video", "account__id__exact": known["account"],
        },
        "blocked a month ago": {"error": "blocked", **_between("created_at", 32, 30)},
        "search id": {"q": known["task"]},
        "search request id": {"q": known["request_id"]},
        "search prompt": {"q": known["prompt"]},
        "search prompt of an eighth": {"q": "a fox"},
        "search prompt of none": {"q": "zebra crossing"},
        "search user": {"q": "reader-0007"},
    }  # fmt: skip


def _of_chats(known: dict[str, str]) -> dict[str, dict[str, str]]:
    return {
        "last page": {"p": _last_page(Conversation)},
        **{f"state {state}": {"state": state} for state in ("answering", "open", "closed")},
        "model creative": {"model": "creative"},
        "account": {"account__id__exact": known["account"]},
        "two-call": {"origin__exact": "two_call"},
        "user": {"user": "reader-0007"},
        "two days a fortnight ago": _between("used_at", 16, 14),
        "failed": {"failed": "yes"},
        "search id": {"q": known["conversation"]},
        "search user": {"q": "reader-0007"},
        "search of none": {"q": "nobody at all"},
    }


def measure(client: Client, path: str, query: dict[str, str], times: int) -> tuple[list[float], int]:
    """Milliseconds of each of so many requests, and the queries of the last one."""
    address = f"{path}?{urlencode(query)}" if query else path
    took: list[float] = []
    counter = Counter()
    for number in range(times + 1):  # the first one loads templates and plans
        cache.clear()
        counter.count = 0
        began = time.perf_counter()
        with connection.execute_wrapper(counter):
            answer = client.get(address)
        if number:
            took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{address} answered {answer.status_code}")
    return took, counter.count


def main() -> None:
    """Fill the tables, open the pages."""
    parser = argparse.ArgumentParser()
    for name in ("tasks", "conversations", "times"):
        parser.add_argument(f"--{name}", type=int, required=True)
    wanted = parser.parse_args()
    known = fill(wanted.tasks, wanted.conversations)
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.create_superuser("console"))
    seen = {name: measure(client, path, query, wanted.times) for name, (path, query) in pages(known).items()}
    json.dump(seen, sys.stdout)

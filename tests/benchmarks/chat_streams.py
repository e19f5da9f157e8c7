"""Streams held: a word a second each, a hundred new ones a second, on one process and on two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import uvloop

from tests.benchmarks.back_ends import BACK_ENDS, BackEnd
from tests.benchmarks.chat_callers import Call, ask, at_intervals, question
from tests.benchmarks.chat_system import ChatSystem, chat_plan
from tests.benchmarks.figures import Figure, percentile

PER_PROCESS, QUICK_PER_PROCESS = 1000, 100
NEW_EACH_SECOND = 100
HOLD_SECONDS = 10


def run(database: str, *, is_quick: bool, kind: str) -> list[Figure]:
    """One process first, then two that share the accounts."""
    count, back_end = QUICK_PER_PROCESS if is_quick else PER_PROCESS, BACK_ENDS[kind]
    figures = [figure for servers in (1, 2) for figure in _hold(database, back_end, servers, count * servers)]
    return [replace(figure, of=back_end.title) for figure in figures]


def _hold(database: str, back_end: BackEnd, servers: int, count: int) -> list[Figure]:
    plan = chat_plan(database, back_end, accounts=-(-count // back_end.limit) + 10, gap=1.0)
    with ChatSystem(plan, servers=servers, has_bare=False) as system:
        system.start()
        calls, most_open = uvloop.run(_call(system, partial(question, back_end.model), count))
        system.stop()
    group = f"chat, {count:,} streams on {servers} process{'es' if servers > 1 else ''}"
    first = [call.first_ms for call in calls if call.first_at]
    mixed = sum(call.is_whole and call.prompt.split()[1] not in call.text for call in calls)
    return [
        Figure(group, "held at once", database, most_open, "", count, is_floor=True),
        Figure(group, "failed", database, sum(not call.is_whole for call in calls), "", 0),
        Figure(group, "mixed up", database, mixed, "", 0),
        Figure(group, "first text, p50", database, percentile(first, 0.5), "ms", 50),
        Figure(group, "first text, p99", database, percentile(first, 0.99), "ms", 250),
    ]


async def _call(system: ChatSystem, body: Callable[[str], dict[str, Any]], count: int) -> tuple[list[Call], int]:
    """All calls, and how many were open at once at the sandbox."""
    words = count // NEW_EACH_SECOND + HOLD_SECONDS
    targets = system.targets
    for target in targets:
        await ask(target, body("warm sandbox:words=1"))
    starts = [
        partial(ask, targets[number % len(targets)], body(f"held number-{number:05} sandbox:words={words}"))
        for number in range(count)
    ]
    calls = await at_intervals(1 / NEW_EACH_SECOND, starts)
    sockets = (await asyncio.to_thread(system.ask_chat))["sockets"]
    return calls, int(sockets["max_open"])

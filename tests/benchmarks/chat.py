"""Streams beside the bare relay: CPU for each set-up and chunk, memory, time to first text, leaving, two calls.

CPU is that of the web process alone. A set-up is a stream of one word; a chunk is what a hundred words cost more.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import aiohttp
import httpx
import uvloop

from tests.benchmarks.back_ends import BACK_ENDS, BackEnd
from tests.benchmarks.chat_callers import Call, Target, ask, ask_directly, at_intervals, question
from tests.benchmarks.chat_system import GAP_SECONDS, ChatSystem, chat_plan
from tests.benchmarks.figures import Figure, percentile
from tests.rig.servers import wait_for

STREAMS, QUICK_STREAMS = 60, 10
HELD, QUICK_HELD = 300, 30
LEAVERS = 50
CHUNKS, START_SECONDS = 100, 0.02
# Of the streams whose memory is taken: all are open a second after the last has begun, and end soon after that.
COLD_SECONDS, HELD_WORDS, HELD_GAP_SECONDS = 1.0, 20, 0.5
OURS, BARE = "server-0", "bare"
_numbers = itertools.count()


def run(database: str, *, is_quick: bool, kind: str) -> list[Figure]:
    """One run against one back end: the targets take turns in every part of it."""
    back_end = BACK_ENDS[kind]
    with ChatSystem(chat_plan(database, back_end)) as system:
        system.start()
        bench = _Bench(system, back_end, database, QUICK_STREAMS if is_quick else STREAMS)
        figures = uvloop.run(bench.measure(QUICK_HELD if is_quick else HELD))
        system.stop()
    return [replace(figure, of=back_end.title) for figure in figures]


def fresh(words: int) -> str:
    """A prompt that no other call of this run has."""
    return f"chat {next(_numbers)} sandbox:words={words}"


class _Bench:
    """One run against one system."""

    def __init__(self, system: ChatSystem, back_end: BackEnd, database: str, count: int) -> None:
        self._system, self._back_end, self._database, self._count = system, back_end, database, count
        self._question = partial(question, back_end.model)
        self._ours, self._bare = system.targets[0], system.bare
        self._figures: list[Figure] = []

    def _note(self, group: str, name: str, value: float, unit: str, goal: float | None = None) -> None:
        self._figures.append(Figure(f"chat, {group}", name, self._database, value, unit, goal))

    async def measure(self, held: int) -> list[Figure]:
        """All parts, each on a system at rest."""
        for target in (self._ours, self._bare):
            await self._cpu(target, [self._question(fresh(1)) for _ in range(self._count)])  # warm
        await self._set_ups_and_chunks()
        await self._memory(held)
        await self._first_text()
        await self._leaving()
        await asyncio.to_thread(self._two_call)
        await self._ten_turns()
        return self._figures

    # --- CPU ---

    async def _set_ups_and_chunks(self) -> None:
        new, again, chunk = {}, {}, {}
        for target in (self._ours, self._bare):
            new[target.name] = await self._cpu(target, [self._question(fresh(1)) for _ in range(self._count)])
        for target, bodies in ((self._ours, await self._continued()), (self._bare, await self._opened())):
            again[target.name] = await self._cpu(target, bodies)
        for target in (self._ours, self._bare):
            long = await self._cpu(target, [self._question(fresh(CHUNKS)) for _ in range(self._count)])
            chunk[target.name] = (long - new[target.name]) / (CHUNKS - 1)
        for group, found, goal in (
            ("CPU per set-up of a chat that goes on", again, 4.0),
            ("CPU per set-up of a new chat, create included", new, 4.0),
            ("CPU per chunk", chunk, 1.3),
        ):
            self._note(group, "ours", found[OURS] * 1e6, "µs")
            self._note(group, "bare relay", found[BARE] * 1e6, "µs")
            self._note(group, "ours over bare", found[OURS] / found[BARE], "times", goal)

    async def _cpu(self, target: Target, bodies: Sequence[dict[str, Any]]) -> float:
        """CPU seconds of each stream."""
        before = self._system.cpu_of(target)
        calls = await at_intervals(START_SECONDS, [partial(ask, target, body) for body in bodies])
        await asyncio.sleep(0.3)
        _check(calls)
        return (self._system.cpu_of(target) - before) / len(bodies)

    async def _continued(self) -> list[dict[str, Any]]:
        """Chats that have had a turn."""
        bodies = [self._question(fresh(1)) for _ in range(self._count)]
        calls = await at_intervals(START_SECONDS, [partial(ask, self._ours, body) for body in bodies])
        _check(calls)
        past = [
            [{"role": "user", "content": call.prompt}, {"role": "assistant", "content": call.text}] for call in calls
        ]
        return [self._question(fresh(1), said) for said in past]

    async def _opened(self) -> list[dict[str, Any]]:
        """Conversations that are open already, for the relay that keeps none."""
        async with aiohttp.ClientSession() as http:
            sessions = [await self._back_end.open(http, self._system.sandbox_url) for _ in range(self._count)]
        return [self._question(fresh(1), session=session) for session in sessions]

    # --- memory ---

    async def _memory(self, count: int) -> None:
        self._system.tell_sandbox("options", {"chat_gap": HELD_GAP_SECONDS})
        for target, goal in ((self._ours, 60.0), (self._bare, None)):
            before = self._system.memory_of(target)
            calls = [partial(ask, target, self._question(fresh(HELD_WORDS)), leave_after=None) for _ in range(count)]
            running = asyncio.ensure_future(at_intervals(START_SECONDS, calls))
            await asyncio.sleep(count * START_SECONDS + COLD_SECONDS)
            grown = self._system.memory_of(target) - before
            _check(await running)
            self._note("memory per open stream", "ours" if goal else "bare relay", grown / 1024 / count, "KiB", goal)
        self._system.tell_sandbox("options", {"chat_gap": GAP_SECONDS})

    # --- time ---

    async def _first_text(self) -> None:
        """Fifty are open at any time; each target's callers begin one after the other."""
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
            direct = partial(ask_directly, self._back_end, self._system.sandbox_url, http)
            ways: dict[str, Callable[[], Coroutine[Any, Any, Call]]] = {
                "direct": lambda: direct(fresh(CHUNKS)),
                "ours": lambda: ask(self._ours, self._question(fresh(CHUNKS))),
                "bare relay": lambda: ask(self._bare, self._question(fresh(CHUNKS))),
            }
            found = {}
            for name, way in ways.items():
                calls = await at_intervals(CHUNKS * GAP_SECONDS / 50, [way] * (self._count * 3))
                found[name] = [call.first_ms for call in calls]
        for share, goal in ((0.5, 10.0), (0.99, 40.0)):
            base = percentile(found["direct"], share)
            label = f"p{share * 100:.0f}"
            self._note("time to first text, 50 at once", f"direct client, {label}", base, "ms")
            for name, bound in (("bare relay", None), ("ours", goal)):
                more = percentile(found[name], share) - base
                self._note("time to first text, 50 at once", f"{name}, more at {label}", more, "ms", bound)

    async def _leaving(self) -> None:
        calls = [partial(ask, self._ours, self._question(fresh(CHUNKS)), leave_after=0.3) for _ in range(LEAVERS)]
        left = await at_intervals(START_SECONDS, calls)
        await asyncio.to_thread(wait_for, lambda: not self._sockets_open(), "the sandbox's sockets to close")
        closed = {turn["text"]: turn["closed_at"] for turn in self._system.ask_sandbox("turns")}
        waits = [(closed[call.prompt] - call.ended_at) * 1000 for call in left]
        self._note("caller leaves → socket closed", "p50", percentile(waits, 0.5), "ms")
        self._note("caller leaves → socket closed", "p99", percentile(waits, 0.99), "ms", 100.0)

    def _sockets_open(self) -> int:
        return int(self._system.ask_chat()["sockets"]["open"])

    # --- the two-call contract, and long chats ---

    def _two_call(self) -> None:
        """Of each turn's time, what is not the answer's own."""
        extra = []
        key = {"Authorization": f"Bearer {self._ours.key}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{self._ours.port}", headers=key, trust_env=False) as http:
            for _ in range(10):
                opened = http.post("/create_conversation", json={"userId": "rig-000"}).raise_for_status().json()
                body = {name: opened[name] for name in ("conversationId", "clientId", "conversationSignature")}
                body |= {"invocationId": 0, "prompt": fresh(20)}
                began = time.time()
                http.post("/chatgpt", json=body).raise_for_status()
                took = time.time() - began
                # Where there is no style to choose, a line for it stands before the prompt.
                turns = self._system.ask_sandbox("turns")
                turn = next(turn for turn in turns if turn["text"].endswith(body["prompt"]))
                extra.append((took - (turn["ended_at"] - turn["started_at"])) * 1000)
        self._note("a two-call turn", "beyond the answer's own time, p50", percentile(extra, 0.5), "ms", 50.0)

    async def _ten_turns(self) -> None:
        before = self._system.ask_chat()
        past: list[dict[str, str]] = [{"role": "system", "content": "Be brief."}]
        typed = len("Be brief.")
        for _ in range(10):
            call = await ask(self._ours, self._question(fresh(20), past))
            _check([call])
            typed += len(call.prompt)
            past += [{"role": "user", "content": call.prompt}, {"role": "assistant", "content": call.text}]
        after = self._system.ask_chat()
        self._note("ten turns", "creates", after["creates"] - before["creates"], "", 1.0)
        sent = after["characters"] - before["characters"]
        self._note("ten turns", "characters sent for each one typed, system prompt once", sent / typed, "", 1.0)


def _check(calls: Sequence[Call]) -> None:
    """No figure of a run in which something failed. Raises: RuntimeError."""
    failed = [call for call in calls if not call.is_whole]
    if failed:
        first = bytes(failed[0].received[:600])
        raise RuntimeError(f"{len(failed)} of {len(calls)} streams failed, the first: {first!r}")

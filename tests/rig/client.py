"""`python -m tests.rig.client`: callers in a process of their own; each request becomes one line of a journal.

Arrivals are a Poisson stream from a seed, until SIGTERM; then the callers that still wait are waited for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import aiohttp
import uvloop

PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Habits:
    """What the callers do: arrivals per second, and the shares of requests that do something else than wait."""

    rate: float
    async_share: float = 0.3
    video_share: float = 0.0
    cancel_share: float = 0.0
    leave_share: float = 0.0
    most: int = 10**9


class Callers:
    """Many callers over one HTTP client."""

    def __init__(self, url: str, keys: list[str], journal: TextIO, prefix: str, habits: Habits, seed: int) -> None:
        self._url, self._keys, self._journal, self._prefix = url, keys, journal, prefix
        self._habits = habits
        self._dice = random.Random(seed)
        self._is_over = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Call until told to stop, then wait for the answers that are still to come."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._is_over.set)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(self._url, connector=connector) as session:
            for number in range(self._habits.most):
                if self._is_over.is_set():
                    break
                call = asyncio.create_task(self._call(session, number, self._dice.random(), self._dice.random()))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
                await self._pause(self._dice.expovariate(self._habits.rate))
            if self._calls:
                await asyncio.wait(self._calls, timeout=PATIENCE_SECONDS)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._is_over.wait(), seconds)
        except TimeoutError:
            return

    async def _call(self, session: aiohttp.ClientSession, number: int, mode_die: float, end_die: float) -> None:
        habits = self._habits
        headers = {"Authorization": f"Bearer {self._keys[number % len(self._keys)]}"} if self._keys else {}
        kind = "video" if mode_die < habits.video_share else "image"
        is_async = kind == "image" and end_die < habits.async_share
        line: dict[str, Any] = {
            "prompt": f"{self._prefix} {number}", "kind": kind, "is_async": is_async, "sent_at": time.time()
        }  # fmt: skip
        body = {"query": line["prompt"]}
        try:
            more = {"Prefer": "respond-async"} if is_async else {}
            timeout = aiohttp.ClientTimeout(
                total=self._dice.uniform(0.3, 3.0) if end_die > 1 - habits.leave_share else None
            )
            async with session.post(f"/create/{kind}", json=body, headers=headers | more, timeout=timeout) as answer:
                line |= await _read(answer)
            task_id = line.get("task")
            if task_id and is_async and end_die < habits.async_share * habits.cancel_share:
                await asyncio.sleep(self._dice.uniform(0.0, 4.0))
                async with session.delete(f"/task/{task_id}", headers=headers) as answer:
                    line |= {"cancel_status": answer.status}
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            line |= {"error": type(error).__name__, "failed_at": time.time()}
        self._journal.write(json.dumps(line) + "\n")
        self._journal.flush()


async def _read(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """What an answer says: status, task, error code; when it was here in full."""
    body = await answer.json(content_type=None)
    found = body.get("data") or body.get("error") or {}
    return {
        "status": answer.status,
        "task": found.get("taskId"),
        "code": found.get("code"),
        "answered_at": time.time(),
    }


def main() -> None:
    """Call."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--keys", type=Path)
    parser.add_argument("--prefix", default="call")
    parser.add_argument("--seed", type=int, default=1)
    for name, default in (("rate", 5.0), ("async-share", 0.3), ("video-share", 0.0), ("cancel-share", 0.0)):
        parser.add_argument(f"--{name}", type=float, default=default)
    parser.add_argument("--leave-share", type=float, default=0.0)
    parser.add_argument("--most", type=int, default=10**9)
    wanted = parser.parse_args()
    keys = json.loads(wanted.keys.read_text()) if wanted.keys else []
    habits = Habits(
        wanted.rate, wanted.async_share, wanted.video_share, wanted.cancel_share, wanted.leave_share, wanted.most
    )

    async def call() -> None:
        with wanted.journal.open("a") as journal:
            await Callers(wanted.url, keys, journal, wanted.prefix, habits, wanted.seed).run()

    uvloop.run(call())


if __name__ == "__main__":
    main()

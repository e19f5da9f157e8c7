"""Lanes that all hang fail `/healthz` and then end the process."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from bingproject.cluster.database_identity import verify_installation
from bingproject.edge import thread_watch
from bingproject.edge.application import EdgeApplication
from bingproject.edge.thread_pool import LANE_COUNT, Lanes
from tests.rig.parts import ROOT
from tests.rig.servers import wait_for
from tests.servers import LiveServer

HANG = """
import asyncio, threading
from bingproject.edge import thread_watch
from bingproject.edge.thread_pool import Lanes
thread_watch.LOOK_SECONDS = thread_watch.END_SECONDS = 0.1
lanes = Lanes(2)
for _ in range(2):
    lanes.pick().submit(threading.Event().wait)
asyncio.run(thread_watch.end_when_stuck(lanes))
"""


@contextmanager
def hanging(lanes: Lanes, count: int) -> Iterator[None]:
    """Occupy this number of lanes while the context lasts."""
    event = threading.Event()
    calls: list[Future[Any]] = [lanes.pick().submit(event.wait) for _ in range(count)]
    try:
        yield
    finally:
        event.set()
        for call in calls:
            call.result()


def test_one_free_lane_is_enough() -> None:
    """`stuck_seconds` stays 0 while one lane is free, and starts over with each call."""
    lanes = Lanes()
    assert lanes.stuck_seconds == 0
    with hanging(lanes, LANE_COUNT - 1):
        assert lanes.stuck_seconds == 0
    with hanging(lanes, LANE_COUNT):
        wait_for(lambda: lanes.stuck_seconds > 0, "the lanes to hang")
        assert not thread_watch.is_stuck(lanes)  # not for a minute yet
    wait_for(lambda: lanes.stuck_seconds == 0, "the lanes to be free")
    lanes.close()


def test_special_lanes_that_hang_do_not_count() -> None:
    """A large body or a password that hangs does not end a process whose shared lanes serve everything else."""
    lanes, event = Lanes(), threading.Event()
    calls = [lane.submit(event.wait) for lane in (lanes.large, lanes.passwords)]
    wait_for(lambda: min(lanes.large.busy_seconds, lanes.passwords.busy_seconds) > 0, "both lanes to hang")
    assert lanes.stuck_seconds == 0
    event.set()
    for call in calls:
        call.result()
    lanes.close()


@pytest.mark.django_db(transaction=True)
def test_healthz_is_red_while_all_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 after a minute of it, green again by itself."""
    monkeypatch.setattr(thread_watch, "STUCK_SECONDS", 0.05)
    gate = EdgeApplication(start=verify_installation)
    server = LiveServer(gate).start()
    try:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            assert client.get("/healthz").status_code == 200
            with hanging(gate._lanes, LANE_COUNT):
                wait_for(lambda: client.get("/healthz").status_code == 503, "a red light")
                answer = client.get("/healthz")
                assert answer.json()["error"]["code"] == "unavailable" and "Restart" in answer.text
            wait_for(lambda: client.get("/healthz").status_code == 200, "a green light")
    finally:
        server.stop()


def test_the_process_ends() -> None:
    """With a code of its own and one line, although its threads still hang."""
    ended = subprocess.run([sys.executable, "-c", HANG], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == thread_watch.HUNG
    assert ended.stderr.count("\n") == 1 and "ends to be started again" in ended.stderr

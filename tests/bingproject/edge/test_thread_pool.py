"""Lanes: one thread each, shared fairly, closed clean."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from bingproject.edge.thread_pool import Lane, Lanes


def test_a_lane_is_one_thread() -> None:
    """Calls run one after the other, all on the same thread."""
    lane = Lane("only")
    names = {lane.submit(threading.current_thread).result().name for _ in range(20)}
    assert len(names) == 1
    lane.shutdown()


def test_a_lane_knows_what_waits_for_it() -> None:
    """Calls count from when they are given until they are done."""
    lane = Lane("counted")
    gate = threading.Event()
    futures = [lane.submit(gate.wait, 10) for _ in range(3)]
    assert lane.load == 3
    assert futures.pop().cancel()
    assert lane.load == 2
    gate.set()
    assert all(future.result() for future in futures)
    lane.shutdown()
    assert lane.load == 0


def test_work_goes_where_least_waits() -> None:
    """A lane held up by something long is passed over; idle ones take turns."""
    lanes = Lanes(3)
    assert len({id(lanes.pick()) for _ in range(3)}) == 3
    gate = threading.Event()
    held = lanes.pick()
    blocked = held.submit(gate.wait, 10)
    assert all(lanes.pick() is not held for _ in range(10))
    gate.set()
    assert blocked.result()
    lanes.close()


@pytest.mark.django_db(transaction=True)
def test_closing_closes_connections() -> None:
    """Each lane's database connection is closed in its own thread."""
    lanes = Lanes(2)

    def connect() -> object:
        connection.ensure_connection()
        return connection.connection

    opened = [lanes.pick().submit(connect).result() for _ in range(2)]
    assert len({id(one) for one in opened}) == 2
    lanes.close()
    with pytest.raises(RuntimeError):
        lanes.pick().submit(connect)

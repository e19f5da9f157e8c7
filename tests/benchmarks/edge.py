"""What strangers without a key can cost: CPU of their worst request, memory and time of bodies that stand still.

The old build stands beside this one where the repository has its history.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tests.benchmarks.builds import Build, both_builds
from tests.benchmarks.figures import Figure
from tests.benchmarks.sampling import MEBIBYTE, pids_of
from tests.rig.processes import exact_cpu_seconds, pss_bytes
from tests.rig.system import Plan, System

GOAL_MILLISECONDS, GOAL_MEBIBYTES, GOAL_SECONDS = 50, 40, 30
CONNECTIONS, QUICK_CONNECTIONS = 100, 10
BODY_BYTES = 8 * MEBIBYTE
# Where it takes longer, the figure is "more than"; the old build would take minutes.
ANSWER_SECONDS, GONE_SECONDS = 20.0, 90.0
RUNS = 3
SEND_SECONDS = 2.0
# Who asks for keys refuses such a body at once. An open server, on a loopback address only, reads as much of all bodies
# as a process keeps: what its callers hold has no goal.
ACCESSES = ("keys", "open")
FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"
LONG = 60_000  # of the 64 KiB that a head may have


class Cost(NamedTuple):
    """What a request cost; `is_ended`: it was not waited for any longer, and costs more."""

    milliseconds: float
    is_ended: bool


def requests() -> dict[str, bytes]:
    """Requests of a stranger: as long as a head may be, and as long as is let in; none hashes a password."""
    values = b"[]," * 21_000
    return {
        "form to a long admin path": _post(f"/admin/{'_' * LONG}", FORM, content=b"x=1"),
        "long unknown path": _post(f"/{'a/' * (LONG // 2)}", JSON),
        "long query": _post(f"/v1/models?{'a=b&' * (LONG // 4)}", JSON),
        "long Content-Type": _post("/admin/login/", f"Content-Type: multipart/form-data; boundary={'b' * LONG}"),
        "long Cookie": _post("/admin/login/", FORM, "Cookie: " + "a=b; " * (LONG // 5)),
        "long Accept": _post("/api/schema/", JSON, "Accept: " + "a/b, " * (LONG // 5)),
        "long Authorization": _post("/v1/models", JSON, f"Authorization: Bearer {'x' * LONG}"),
        "long Host": _post("/v1/models", JSON, host="h" * LONG),
        "many headers": _post("/v1/models", JSON, *["a: b"] * 9000),
        "many small values": _post("/v1/chat/completions", JSON, content=b'{"a": [' + values + b"1]}"),
        "many fields": _post("/admin/login/", FORM, content=b"a=b&" * 16_000),
        "admin path at its limit": _post(f"/admin/{'_' * 2040}", FORM, content=b"x=1"),
        "Content-Type at its limit": _post("/admin/login/", f"Content-Type: multipart/form-data; boundary={'b' * 226}"),
        "Cookie at its limit": _post("/admin/login/", FORM, "Cookie: " + "a=b; " * 3270),
        "Accept at its limit": _post("/api/schema/", JSON, "Accept: " + "a/b, " * 818),
    }


def _post(path: str, *headers: str, host: str = "127.0.0.1", content: bytes = b"") -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(content)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


def run(database: str, *, is_quick: bool) -> list[Figure]:
    """Each request several times, the best counts; then connections that stand still: on both builds."""
    figures: list[Figure] = []
    for build in both_builds():
        figures += _requests(database, build, 1 if is_quick else RUNS)
        for access in ACCESSES[:1] if build.is_reference else ACCESSES:
            with _started(database, build, access) as system:
                figures += _connections(database, build, system, QUICK_CONNECTIONS if is_quick else CONNECTIONS)
    return figures


@contextlib.contextmanager
def _started(database: str, build: Build, access: str = "keys") -> Iterator[System]:
    """A server that asks for keys or is open, after its first request, which loads much."""
    settings = (("ACCESS", access),)
    with System(Plan(database, accounts=1, settings=settings, root=build.root, python=build.python)) as system:
        system.start()
        _cost(system, _post("/v1/models", JSON))
        yield system


def _requests(database: str, build: Build, runs: int) -> list[Figure]:
    left, costs = requests(), dict[str, Cost]()
    while left:
        with _started(database, build) as system:
            for name in tuple(left):
                costs[name] = _best(system, left.pop(name), runs)
                if costs[name].is_ended:
                    break  # this server goes on with it for minutes
    worst = max(costs.values(), key=lambda cost: (cost.is_ended, cost.milliseconds))
    goal = None if build.is_reference else GOAL_MILLISECONDS
    return [
        Figure(
            "a stranger's request", f"{name}{build.suffix}", database, cost.milliseconds, "ms", limit,
            is_least=cost.is_ended,
        )
        for name, cost, limit in (
            ("CPU of the worst", worst, goal),
            *((name, cost, None) for name, cost in costs.items()),
        )
    ]  # fmt: skip


def _best(system: System, sent: bytes, runs: int) -> Cost:
    """The lowest cost of several, the first one where it does not end."""
    best = _cost(system, sent)
    for _ in range(0 if best.is_ended else runs - 1):
        best = min(best, _cost(system, sent), key=lambda cost: cost.milliseconds)
    return best


def _cost(system: System, sent: bytes) -> Cost:
    """CPU of the web process until the answer is there or the connection ends, for ANSWER_SECONDS at most."""
    web = pids_of(system, "bp-web")
    before = exact_cpu_seconds(web)
    is_ended = False
    with socket.create_connection(("127.0.0.1", system.port), timeout=ANSWER_SECONDS) as line:
        try:
            line.sendall(sent)
            while line.recv(65536):
                pass
        except TimeoutError:
            is_ended = True
        except OSError:
            pass  # refused while it was still being sent
    return Cost((exact_cpu_seconds(web) - before) * 1000, is_ended)


def _connections(database: str, build: Build, system: System, count: int) -> list[Figure]:
    """Large bodies without a key, all but one byte sent as far as the server takes them; then silence."""
    web = pids_of(system, "bp-web")
    before = pss_bytes(web)
    # A host that the server answers to: another is refused before any body is read.
    lines_of_head = ["POST /v1/chat/completions HTTP/1.1", "Host: 127.0.0.1", JSON, f"Content-Length: {BODY_BYTES}"]
    head = "\r\n".join([*lines_of_head, "", ""]).encode()
    lines = [socket.create_connection(("127.0.0.1", system.port), timeout=SEND_SECONDS) for _ in range(count)]
    most, began = 0, time.monotonic()
    with ThreadPoolExecutor(count) as senders:
        sending = [senders.submit(_send, line, head + b" " * (BODY_BYTES - 1)) for line in lines]
        while not all(one.done() for one in sending):
            most = max(most, pss_bytes(web) - before)
            time.sleep(0.1)
    while (left := [line for line in lines if not _is_gone(line)]) and time.monotonic() - began < GONE_SECONDS:
        most = max(most, pss_bytes(web) - before)
        time.sleep(0.5)
    seconds = time.monotonic() - began
    for line in lines:
        line.close()
    access = dict(system.plan.settings)["ACCESS"]
    what = f"{count} bodies of 8 MiB that stand still, ACCESS={access}"
    has_goals = access == "keys" and not build.is_reference
    goals = (GOAL_MEBIBYTES, GOAL_SECONDS, 0) if has_goals else (None, None, None)
    return [
        Figure(what, f"memory of the web process besides{build.suffix}", database, most / MEBIBYTE, "MiB", goals[0]),
        Figure(what, f"until the last is gone{build.suffix}", database, seconds, "s", goals[1], is_least=bool(left)),
        Figure(what, f"still held after {GONE_SECONDS:g} s{build.suffix}", database, len(left), "", goals[2]),
    ]


def _send(line: socket.socket, content: bytes) -> None:
    """As much as the server takes."""
    with contextlib.suppress(OSError):
        line.sendall(content)


def _is_gone(line: socket.socket) -> bool:
    """Whether the server has ended the connection; what it answered is read on the way."""
    line.setblocking(False)
    try:
        while line.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True

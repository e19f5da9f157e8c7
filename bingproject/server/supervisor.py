"""Keeps a machine's processes running: forks them, starts the dead again, ends all of them within seconds.

Each service is a fork of this process, so that what is loaded is shared and a new start takes no second import; each
has a session of its own, so that Ctrl-C reaches the supervisor alone. If the supervisor is killed, the kernel ends the
services with it. Knows processes, no app.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from django.db import connections

from bingproject.environment import SettingError
from bingproject.processes import bind_forks, name_process

STOP_SECONDS = 4.3
LAST_STOP_SECONDS = 0.5
STEADY_SECONDS = 5.0
PAUSES_SECONDS = (0.0, 0.25, 0.5, 1.0, 2.0)
_POLL_SECONDS = 0.1
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_log = logging.getLogger(__name__)


@dataclass
class Service:
    """One process to keep: `run` is called in the fork and returns the exit code.

    A foundation is ended last, when those that use it are gone; a `is_once` service is not started again.
    """

    name: str
    run: Callable[[], int]
    is_foundation: bool = False
    is_once: bool = False
    pid: int = 0
    started_at: float = 0.0
    start_at: float = 0.0
    failure_count: int = 0


class Supervisor:
    """Starts services and keeps them running until SIGTERM, SIGINT or SIGHUP."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._services = list(services)
        self._stop_count = 0

    def run(self) -> None:
        """Keep everything running; returns when all is stopped after a signal."""
        name_process("bp-serve")
        for number in _SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup keeps us running
                signal.signal(number, self._note_signal)
        bind_forks()
        connections.close_all()
        gc.collect()
        gc.freeze()  # what is loaded so far stays shared between the processes
        while not self._stop_count:
            self._start_due()
            time.sleep(_POLL_SECONDS)
            self._reap()
        self._stop()

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_count += 1

    def _start_due(self) -> None:
        now = time.monotonic()
        for service in self._services:
            if not service.pid and now >= service.start_at and not self._stop_count:
                service.pid, service.started_at = self._fork(service), now

    def _fork(self, service: Service) -> int:
        # A signal between the fork and the child's own handlers would be lost: it waits until they stand.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            _run_forked(service)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return pid

    def _reap(self) -> None:
        """Notice who ended, end what is left of its session, and say when it starts again."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for service in self._services:
                if service.pid == pid:
                    self._note_end(service, os.waitstatus_to_exitcode(status))

    def _note_end(self, service: Service, code: int) -> None:
        _kill_group(service.pid)
        now = time.monotonic()
        is_steady = now - service.started_at > STEADY_SECONDS
        service.failure_count = 0 if is_steady else service.failure_count + 1
        pause = PAUSES_SECONDS[min(service.failure_count, len(PAUSES_SECONDS) - 1)]
        service.pid, service.start_at = 0, float("inf") if service.is_once else now + pause
        if not service.is_once and not self._stop_count:
            _log.error("%s ended (%s); it starts again in %g s.", service.name, _in_words(code), pause)

    def _stop(self) -> None:
        """Ask everybody to stop, foundations last; who does not is killed. A second signal kills at once."""
        self._end([service for service in self._services if not service.is_foundation], STOP_SECONDS)
        self._end([service for service in self._services if service.is_foundation], LAST_STOP_SECONDS)

    def _end(self, services: list[Service], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for service in services:
            if service.pid:
                with suppress(ProcessLookupError):
                    os.kill(service.pid, signal.SIGTERM)
        while any(service.pid for service in services) and time.monotonic() < deadline and self._stop_count < 2:
            time.sleep(_POLL_SECONDS)
            self._reap()
        for service in services:
            if service.pid:
                _log.error("%s did not stop in time and is killed.", service.name)
                _kill_group(service.pid)
        self._reap()


def _run_forked(service: Service) -> None:
    """Be the service; never returns into the supervisor's own frames."""
    code = 1
    try:
        os.setsid()
        name_process(f"bp-{service.name}")
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        code = service.run()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
    except SettingError as error:
        sys.stderr.write(f"bingproject cannot start: {error}\n")
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _in_words(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"

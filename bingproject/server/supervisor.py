"""Keep the processes of `serve` running: fork them, start dead ones again, end all of them within seconds.

Each service is a fork of this process, so that loaded modules are shared and a restart imports nothing. Each has a
session of its own, so that Ctrl-C reaches the supervisor alone. If the supervisor is killed, the kernel kills the
services with it.
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

from bingproject.cluster.processes import bind_forks, name_process
from bingproject.conf.environment import SettingError

STOP_SECONDS = 4.3
LAST_STOP_SECONDS = 0.5
STEADY_SECONDS = 5.0
PAUSES_SECONDS = (0.0, 0.25, 0.5, 1.0, 2.0)
_POLL_SECONDS = 0.1
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_log = logging.getLogger(__name__)


@dataclass
class Service:
    """One process to keep running.

    Attributes:
        run: Called in the fork; returns the exit code.
        is_foundation: True for a service that others use, and that is therefore stopped last.
        is_once: True for a service that is not started again when it ends.
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

    def __init__(self, services: Iterable[Service], *, close_port: Callable[[], None] = lambda: None) -> None:
        """Call `close_port` first at a stop, so that new callers are refused and do not wait for an answer."""
        self._services = list(services)
        self._close_port = close_port
        self._stop_count = 0

    def run(self) -> None:
        """Keep everything running; return when everything has stopped after a signal."""
        name_process("bp-serve")
        for number in _SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # `nohup` ignores it on purpose
                signal.signal(number, self._note_signal)
        bind_forks()
        connections.close_all()
        gc.collect()
        gc.freeze()  # keeps the memory of loaded modules shared between the processes
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
        # A signal between the fork and the child's own handlers would be lost, so it is held until they are set.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            _run_forked(service)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return pid

    def _reap(self) -> None:
        """Note which services ended, kill the rest of their sessions, and schedule their restart."""
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
        """Stop the services, foundations last, and kill those that do not stop. A second signal kills at once."""
        self._close_port()
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
    """Run the service and exit. Never return into the supervisor's frames."""
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

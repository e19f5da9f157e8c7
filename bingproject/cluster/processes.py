"""Name processes so that others can tell whether they live, and bind children to the life of their parent."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import sys
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_parent_of_fork = 0
_are_forks_bound = False


def _process_space() -> str:
    """Name the processes visible from here by boot and process-id namespace; "" without /proc."""
    if not _BOOT_ID.exists():
        return ""
    namespace = "".join(filter(str.isdigit, os.readlink("/proc/self/ns/pid")))
    return f"{_BOOT_ID.read_text().strip()[:13]}/{namespace}"


def _started(pid: int) -> str | None:
    """Return when a process started, in clock ticks since boot; None if it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def process_identity(host: str) -> str:
    """Return a name for this process, by which others on the host can tell whether it still lives."""
    pid = os.getpid()
    return f"{host[:60]}/{_process_space() or 'unknown/0'}/{pid}/{_started(pid) or 0}/{secrets.token_hex(4)}"


def is_known_dead(identity: str, host: str) -> bool:
    """True if the named process was of this host, boot and process-id namespace, and is gone or a zombie.

    False for all others, which may be alive: only the age of their row tells.
    """
    space = _process_space()
    if not space or not identity.startswith(f"{host[:60]}/{space}/"):
        return False
    pid, started, _ = identity.rsplit("/", 3)[1:]
    return _started(int(pid)) != started


# --- children die with their parent -----------------------------------------------------------------------------------


@cache
def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent dies (Linux only).

    If the parent died before this call, the process ends here.
    """
    libc = _libc()
    if libc is None:
        return
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(1)


def bind_forks() -> None:
    """From now on, kill each process forked here, or by a child, when the process that forked it dies."""
    global _are_forks_bound
    _libc()  # loaded before the fork, since loading is not safe in a child
    if not _are_forks_bound:
        _are_forks_bound = True
        os.register_at_fork(before=_remember_parent, after_in_child=_die_with_parent)


def _remember_parent() -> None:
    global _parent_of_fork
    _parent_of_fork = os.getpid()


def _die_with_parent() -> None:
    die_with(_parent_of_fork)


def name_process(name: str) -> None:
    """Set the name that `ps -o comm` and `top` show, instead of `python` for all (Linux only).

    The kernel keeps 15 bytes.
    """
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)

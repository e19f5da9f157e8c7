"""Taking the ports to listen on. `python -m bingproject.conf.ports` tries them before anything is installed.

Standard library only: `.ci/setup` runs it with the system's Python.
"""

from __future__ import annotations

import os
import socket
import sys

BACKLOG = 2048
HOST, PORT = "127.0.0.1", 7860
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
LAST_PORT = 65_534  # the sandbox listens on the next one


class PortError(Exception):
    """A port or host that cannot be had; the text is the whole message an operator needs."""


def sandbox_host(host: str) -> str:
    """Return where the sandbox of a server on `host` listens: where others may ask, they may fetch its pictures."""
    return HOST if host in LOOPBACK_HOSTS else host


def take_port(host: str, port: int, *, for_sandbox: bool = False) -> socket.socket:
    """Listen on a port and return the socket.

    Args:
        for_sandbox: The message names PORT, whose successor this is, since nobody chose this port itself.

    Raises:
        PortError: The port or the host cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise PortError(f"HOST must be an address of this machine, not {host}, e.g. HOST=127.0.0.1.") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        what = f"The sandbox's port {port} (PORT + 1)" if for_sandbox else f"PORT {port}"
        raise PortError(
            f"{what} on {host} cannot be used ({error.strerror}): stop what listens there, "
            f"or choose another, e.g. PORT={_another(host, port - for_sandbox)}."
        ) from error
    return listener


def _another(host: str, port: int) -> int:
    """A port near this one that is free together with the next, where a sandbox would listen."""
    for candidate in range(port + 10, min(port + 500, LAST_PORT), 10):
        if _is_free(host, candidate) and _is_free(sandbox_host(host), candidate + 1):
            return candidate
    return PORT + 10


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def main() -> None:
    """Exit with one line when HOST and PORT, or the sandbox's port with SANDBOX=1, cannot be had.

    A PORT that is no number passes: the settings have the message for it.
    """
    host, port = os.environ.get("HOST", "").strip() or HOST, os.environ.get("PORT", "").strip() or str(PORT)
    if not port.isdecimal() or not 0 < int(port) <= LAST_PORT:
        return
    try:
        take_port(host, int(port)).close()
        if os.environ.get("SANDBOX", "").strip() == "1":
            take_port(sandbox_host(host), int(port) + 1, for_sandbox=True).close()
    except PortError as error:
        sys.exit(f"bingproject cannot start: {error}")


if __name__ == "__main__":
    main()

"""Open the ports to listen on. `python -m bingproject.conf.ports` tries them before anything is installed.

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
    """A port or host that cannot be used; its text is a complete message for the operator."""


def sandbox_host(host: str) -> str:
    """Return the host on which the sandbox listens: callers of other machines must be able to fetch its pictures."""
    return HOST if host in LOOPBACK_HOSTS else host


def take_port(host: str, port: int, *, for_sandbox: bool = False) -> socket.socket:
    """Listen on a port and return the socket.

    Args:
        for_sandbox: True to name PORT in the message, since the sandbox's port is PORT + 1 and not a setting.

    Raises:
        PortError: The port or the host cannot be used.
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
    """Return a nearby free port whose successor, the sandbox's, is free as well."""
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
    """Exit with one line if HOST and PORT, or with SANDBOX=1 the sandbox's port, cannot be used.

    A PORT that is not a number passes here: the settings have the message for it.
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

"""Addresses of this server: for itself, and for others on the network."""

from __future__ import annotations

import socket

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
# Reserved for documents (RFC 5737, RFC 3849): nobody is there. Connecting a datagram socket sends nothing anyway, it
# only has the system choose the address that it would send from.
_ELSEWHERE = {"0.0.0.0": "192.0.2.1", "::": "2001:db8::1"}


def build_origin(host: str, port: int) -> str:
    """Build `http://host:port`, with an IPv6 address in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def find_local_host(host: str) -> str:
    """Return the address at which this machine itself reaches a server that listens on `host`."""
    return WILDCARDS.get(host, host)


def find_reachable_host(host: str) -> str:
    """Return the address at which others reach a server that listens on `host`: of all addresses, the usual one.

    The machine's name where it has no network; `host` itself when that is one address.
    """
    if host not in WILDCARDS:
        return host
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[host], 9))
            return str(probe.getsockname()[0])
    except OSError:
        return socket.gethostname()

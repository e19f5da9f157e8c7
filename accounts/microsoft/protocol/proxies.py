"""Check and describe a proxy's address as an operator types it, without repeating its password."""

from __future__ import annotations

from urllib.parse import urlsplit

PASSWORD_MASK = "•••"
PROXY_FORM = "Give an address such as http://name:password@proxy.example.org:3128."
_SCHEMES = ("http", "https")


def mask_proxy(address: str) -> str:
    """Replace the password in a proxy's address: `http://name:secret@host:3128` → `http://name:•••@host:3128`."""
    start = address.find("://") + 3 if "://" in address else 0
    credentials, at, host = address[start:].rpartition("@")
    name, colon, password = credentials.partition(":")
    return f"{address[:start]}{name}:{PASSWORD_MASK}@{host}" if at and colon and password else address


def find_proxy_fault(address: str) -> str:
    """Return a sentence on what is wrong with an address, without repeating it; "" if nothing is."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return f"This is not an address: its host or port cannot be read. {PROXY_FORM}"
    if parts.scheme not in _SCHEMES or "://" not in address:
        return f"This does not begin with http:// or https://. {PROXY_FORM}"
    if not host:
        return f"This address names no host. {PROXY_FORM}"
    return f"No proxy listens on port 0. {PROXY_FORM}" if port == 0 else ""


def describe_proxy(address: str) -> str:
    """Describe a typed address by its host and port, and by the kind of its credentials.

    Example: `an address of proxy.example.org:3128 with a name and a password`. No part of an invalid address is shown.
    """
    if find_proxy_fault(address):
        return "something that is not a proxy's address"
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    shown = f"an address of {host}" + (f":{parts.port}" if parts.port else "")
    if parts.password:
        return f"{shown} with a name and a password"
    return f"{shown} with a name" if parts.username else shown


def holds_secret(address: str) -> bool:
    """True if a typed address must not be shown again: it has credentials, or cannot be parsed and may have some."""
    return bool(address) and (bool(find_proxy_fault(address)) or "@" in address)

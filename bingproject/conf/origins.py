"""Normalise hosts and origins to the form that browsers and clients send, so that settings match by equality.

Pure functions. A browser sends an origin in lower case, without its scheme's own port, and a name beyond
ASCII as `xn--…`; whatever an operator writes differently never matches.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
OPAQUE = "null"  # what a page without an origin sends: a file, a sandboxed frame
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
# Other schemes name what they like: a bundle, an extension's id.
_APP_HOST = re.compile(r"[a-z0-9._~-]{1,253}")


def split(text: str) -> SplitResult | None:
    """Split a URL; return None when it is invalid or when clients could read it differently."""
    if not text.isprintable() or any(sign in text for sign in " \\\"'<>"):
        return None
    try:
        parts = urlsplit(text)
        is_good = bool(parts.scheme and parts.netloc) and parts.port != 0
    except ValueError:
        return None
    return parts if is_good else None


def host_of(text: str) -> str:
    """Return a host as in `Host`: lower case, IPv6 in brackets, no final dot; "" when it is invalid."""
    name = text.lower().removesuffix(".")
    try:
        address = ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        # A name whose last part is a number would be read as an IPv4 address.
        is_name = _NAME.fullmatch(name) is not None and not name.rpartition(".")[2].isdigit()
        return name if is_name else ""
    return f"[{address.compressed}]" if isinstance(address, IPv6Address) else str(address)


def allowed_host(text: str) -> str:
    """Return an ALLOWED_HOSTS entry: a host, `.example.org` with its subdomains, or `*`; "" when invalid."""
    if text == "*":
        return text
    if text.startswith("."):
        return f".{name}" if (name := host_of(text[1:])) and not name.startswith("[") else ""
    return host_of(text)


def origin_of(text: str) -> str:
    """Return an origin as a browser sends it; "" when no browser would send it."""
    if text.lower() == OPAQUE:
        return OPAQUE
    if text.lower() == "file://":
        return "file://"
    parts = split(text)
    if parts is None or parts.path or parts.query or parts.fragment or "@" in parts.netloc or text[-1] in "?#":
        return ""
    scheme = parts.scheme.lower()
    if scheme in PORTS:
        host = host_of(parts.hostname or "")
    else:
        found = (parts.hostname or "").lower()
        host = found if _SCHEME.fullmatch(scheme) and _APP_HOST.fullmatch(found) else ""
    if not host or parts.netloc.endswith(":"):
        return ""
    port = "" if parts.port is None or parts.port == PORTS.get(scheme) else f":{parts.port}"
    return f"{scheme}://{host}{port}"


def web_origin_of(text: str) -> str:
    """Return an http or https origin, a final slash allowed; "" for anything else."""
    origin = origin_of(text.rstrip("/"))
    return origin if origin.startswith(("http://", "https://")) else ""

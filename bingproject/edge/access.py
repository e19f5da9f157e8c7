"""Which requests are let in before anybody looks at a path or a key: host, peer, origin.

In `open` mode nobody proves who they are, so only programs on this machine may ask: no other machine, nothing that came
through a proxy, and no web page of somebody else that the operator happens to visit.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from bingproject.environment import SettingError
from bingproject.errors import InvalidRequestError, NotWhitelistedError

PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def read_headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """The request's headers by lower-case name; several of one name are joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def check_access(scheme: str, peer: str, headers: Mapping[str, str]) -> None:
    """Let the request in, or say why not.

    Shape: `peer` is the address the connection comes from, empty when there is none.
    Raises: InvalidRequestError for a foreign `Host`, NotWhitelistedError `origin_not_allowed` in `open` mode.
    """
    host = headers.get("host", "")
    if not is_known_host(host, tuple(settings.ALLOWED_HOSTS)):
        raise InvalidRequestError(
            "This server does not answer to this Host header. The operator can add the name to ALLOWED_HOSTS.",
            param="Host",
        )
    if settings.ACCESS != "open":
        return
    if not is_loopback(peer) or any(name in headers for name in PROXY_HEADERS):
        raise NotWhitelistedError(code="origin_not_allowed")
    origin = headers.get("origin")
    if origin is None:
        is_foreign = headers.get("sec-fetch-site", "").strip().lower() == "cross-site"
    else:
        is_foreign = not is_allowed_origin(origin) and origin.lower() not in own_origins(scheme, host)
    if is_foreign:
        raise NotWhitelistedError(
            "This server does not answer other web pages. The operator can add their origin to CORS_ALLOWED_ORIGINS.",
            code="origin_not_allowed",
        )


@lru_cache(maxsize=256)
def is_known_host(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether the Host header names this server."""
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)


def is_allowed_origin(origin: str) -> bool:
    """Whether the operator lets pages of this origin call the API from a browser."""
    return origin.lower() in {allowed.lower() for allowed in settings.CORS_ALLOWED_ORIGINS}


def own_origins(scheme: str, host: str) -> set[str]:
    """What a browser calls pages of this server itself."""
    return {f"{scheme}://{host}".lower(), *([settings.PUBLIC_URL.lower()] if settings.PUBLIC_URL else [])}


@lru_cache(maxsize=256)
def is_loopback(peer: str) -> bool:
    """Whether the address is this machine's own."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback


@lru_cache(maxsize=256)
def is_trusted_proxy(peer: str, trusted: tuple[str, ...]) -> bool:
    """Whether the peer is a proxy whose `X-Forwarded-Proto` and `X-Forwarded-For` count.

    Raises: SettingError when TRUSTED_PROXIES holds something that is no address or network.
    """
    try:
        networks = [ip_network(text, strict=False) for text in trusted]
    except ValueError as error:
        raise SettingError("TRUSTED_PROXIES must list addresses or networks, e.g. 10.0.0.0/8.") from error
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in networks)


def seen_scheme(scheme: str, peer: str, headers: Mapping[str, str]) -> str:
    """`https` also where a trusted proxy ended TLS for us; else what the connection itself is."""
    trusted = tuple(settings.TRUSTED_PROXIES)
    if trusted and is_trusted_proxy(peer, trusted):
        forwarded = headers.get("x-forwarded-proto", "").strip().lower()
        return forwarded if forwarded in ("http", "https") else scheme
    return scheme


def caller_address(peer: str, headers: Mapping[str, str]) -> str:
    """Who asks: the peer, or whom trusted proxies name in `X-Forwarded-For`: its last entry that is none of them.

    Shape: an address without zone or port; the peer as it is when that is none.
    """
    trusted = tuple(settings.TRUSTED_PROXIES)
    address = _plain_address(peer) or peer
    for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
        named = _plain_address(hop.strip())
        if not trusted or not named or not is_trusted_proxy(address, trusted):
            break
        address = named
    return address


@lru_cache(maxsize=256)
def _plain_address(text: str) -> str:
    """IPv4 in IPv6 as IPv4, no zone; "" when the text is no address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)

"""Decide by host, peer and origin which requests are let in, before the path and the key are examined.

In `open` mode callers prove nothing, so only programs on this machine may send requests: no other machine, nothing that
came through a proxy, and no page of another site that the operator happens to visit.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from bingproject.conf.environment import SettingError
from bingproject.errors import InvalidRequestError, NotWhitelistedError

PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def read_headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers by lower-case name; several of one name are joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def check_access(scheme: str, peer: str, headers: Mapping[str, str]) -> None:
    """Let the request in, or raise why not.

    Args:
        scheme: `http` or `https`, as the caller used it.
        peer: The address that the connection comes from; "" if there is none.
        headers: As `read_headers` returns them.

    Raises:
        InvalidRequestError: `Host` is not a name of this server.
        NotWhitelistedError: `origin_not_allowed`, in `open` mode.
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
    """True if the Host header names this server."""
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)


def is_allowed_origin(origin: str) -> bool:
    """True if CORS_ALLOWED_ORIGINS has this origin."""
    return origin.lower() in {allowed.lower() for allowed in settings.CORS_ALLOWED_ORIGINS}


def own_origins(scheme: str, host: str) -> set[str]:
    """Return the origins that a browser gives to this server's own pages."""
    return {f"{scheme}://{host}".lower(), *([settings.PUBLIC_URL.lower()] if settings.PUBLIC_URL else [])}


@lru_cache(maxsize=256)
def is_loopback(peer: str) -> bool:
    """True if the address is a loopback address of this machine."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback


@lru_cache(maxsize=256)
def is_trusted_proxy(peer: str, trusted: tuple[str, ...]) -> bool:
    """True if the peer is a proxy whose `X-Forwarded-Proto` and `X-Forwarded-For` are trusted.

    Raises:
        SettingError: TRUSTED_PROXIES has something that is neither an address nor a network.
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
    """Return the scheme that the caller used: of the connection, or as a trusted proxy reports it."""
    trusted = tuple(settings.TRUSTED_PROXIES)
    if trusted and is_trusted_proxy(peer, trusted):
        forwarded = headers.get("x-forwarded-proto", "").strip().lower()
        return forwarded if forwarded in ("http", "https") else scheme
    return scheme


def caller_address(peer: str, headers: Mapping[str, str]) -> str:
    """Return the caller's address: the peer, or the last entry of `X-Forwarded-For` that is not a trusted proxy.

    Returns:
        An address without zone; the peer unchanged if it is not an address. An entry that is not an address, such as
        `unknown`, ends the search, so that log-ins are always counted for an address (decision 112).
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
    """Return the address with IPv4 in IPv6 as IPv4 and without a zone; "" if the text is not an address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)

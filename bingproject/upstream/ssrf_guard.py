"""Send requests to addresses that a person typed, without reaching private networks (SSRF).

A name may resolve to anything, also to an address of the server's own network or the cloud's metadata service. So each
request resolves the name, checks the addresses and connects only to those. It follows no redirect and uses no proxy of
the environment. Requests to Bing go through bingproject.upstream.http_client instead.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import IPv6Address, ip_address, ip_network

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings
from yarl import URL

LookUp = Callable[[str, int], Awaitable[list[str]]]

# The standard library calls these public, but they reach other addresses (mapping, tunnels) or several (multicast).
_ROUNDABOUT = tuple(
    ip_network(text)
    for text in (
        "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10",
        "ff00::/8", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4",
    )
)  # fmt: skip


class OutgoingError(Exception):
    """The request failed. The message is for operators and omits the URL, which may contain secrets."""


class ForbiddenAddressError(OutgoingError):
    """The name resolves to an address that is neither public nor allowed."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"the address leads to {address}, which is not a public one. If that is meant, name its network in "
            f"ALLOW_PRIVATE_ADDRESSES, e.g. ALLOW_PRIVATE_ADDRESSES={address}"
        )


def check_address(text: str) -> None:
    """Check that an address is public, or in a network of ALLOW_PRIVATE_ADDRESSES.

    Raises:
        ForbiddenAddressError: It is neither.
    """
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    is_public = address.is_global and not any(address in network for network in _ROUNDABOUT)
    if is_public or any(address in ip_network(text, strict=False) for text in settings.ALLOW_PRIVATE_ADDRESSES):
        return
    raise ForbiddenAddressError(str(address))


async def look_up(host: str, port: int) -> list[str]:
    """Resolve a name with the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class CheckedResolver(AbstractResolver):
    """Resolve a name, and refuse it if any one of its addresses is forbidden."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the checked addresses.

        Raises:
            ForbiddenAddressError: One of them is forbidden.
            OSError: The name cannot be resolved.
        """
        addresses = await self._look_up(host, port)
        for address in addresses:
            check_address(address)
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": socket.IPPROTO_TCP,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in addresses
        ]

    async def close(self) -> None:
        """Do nothing; the resolver holds no resources."""


async def post(
    url: str, content: bytes, headers: Mapping[str, str], *, total_seconds: float, look_up: LookUp = look_up
) -> int:
    """Send a POST and return the status; a redirect is not followed.

    Raises:
        OutgoingError: The address is forbidden, cannot be reached, or did not answer within `total_seconds`.
    """
    try:
        target = URL(url)
        _check_literal(target.raw_host or "")
        # AF_UNSPEC, so that literal addresses of both families work.
        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(look_up), use_dns_cache=False, force_close=True, family=socket.AF_UNSPEC
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=total_seconds),
            ) as session,
            session.post(target, data=content, headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status
    except TimeoutError as error:
        raise OutgoingError(f"no answer within {total_seconds:g} s") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise OutgoingError(f"it cannot be reached ({_name(error)})") from error


def _check_literal(host: str) -> None:
    """Check a literal address, which aiohttp connects to without asking the resolver."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return
    check_address(host)


def _name(error: BaseException) -> str:
    """Return the kind of failure; never the error's text, which may contain the URL."""
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ssl.SSLError):
        return "its certificate is not good" if isinstance(cause, ssl.SSLCertVerificationError) else "TLS failed"
    if isinstance(cause, socket.gaierror):
        return "its name is not known"
    return (cause.strerror if isinstance(cause, OSError) and cause.strerror else "") or type(error).__name__

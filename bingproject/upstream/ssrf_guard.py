"""Requests to addresses that people typed in: looked up, checked and used in one go.

A name may lead anywhere, also into the network that this server stands in and to the cloud's own metadata address. So
the address that was checked is the one that is connected to, for each request anew; nothing is redirected, and no
proxy of the environment comes in between. What Bing is asked goes through bingproject.upstream.
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

# Public by the standard library's word, but they lead to other addresses or to many.
_ROUNDABOUT = tuple(
    ip_network(text)
    for text in (
        "::/96", "64:ff9b::/96", "2001::/32", "2002::/16", "fec0::/10", "ff00::/8", "224.0.0.0/4", "192.88.99.0/24",
    )
)  # fmt: skip


class OutgoingError(Exception):
    """Why nothing came of it, in words for an operator; the address is not in them, since secrets may be in it."""


class ForbiddenAddressError(OutgoingError):
    """The name leads where no request may go."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"the address leads to {address}, which is not a public one. If that is meant, name its network in "
            f"ALLOW_PRIVATE_ADDRESSES, e.g. ALLOW_PRIVATE_ADDRESSES={address}"
        )


def check_address(text: str) -> None:
    """Let public addresses through, and those of the networks in ALLOW_PRIVATE_ADDRESSES.

    Raises: ForbiddenAddressError.
    """
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    is_public = address.is_global and not any(address in network for network in _ROUNDABOUT)
    if is_public or any(address in ip_network(text, strict=False) for text in settings.ALLOW_PRIVATE_ADDRESSES):
        return
    raise ForbiddenAddressError(str(address))


async def look_up(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class CheckedResolver(AbstractResolver):
    """Looks a name up and hands on only what may be connected to: one bad address spoils all of them."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses, checked. Raises: ForbiddenAddressError, OSError."""
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
        """Nothing is held."""


async def post(
    url: str, content: bytes, headers: Mapping[str, str], *, total_seconds: float, look_up: LookUp = look_up
) -> int:
    """Send it; the status that came back, a redirect's too.

    Raises: OutgoingError.
    """
    try:
        target = URL(url)
        _check_literal(target.raw_host or "")
        # AF_UNSPEC: a literal's family is what it is.
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
    """An address written out is never looked up, so the resolver would not see it."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return
    check_address(host)


def _name(error: BaseException) -> str:
    """The kind of failure; never its text, which may hold the address."""
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ssl.SSLError):
        return "its certificate is not good" if isinstance(cause, ssl.SSLCertVerificationError) else "TLS failed"
    if isinstance(cause, socket.gaierror):
        return "its name is not known"
    return (cause.strerror if isinstance(cause, OSError) and cause.strerror else "") or type(error).__name__

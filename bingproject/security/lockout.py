"""Count failed log-ins by name and address, and show the page of a locked log-in."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from bingproject.database.text_fields import clean_text

NAME_CHARACTERS = 255  # the width of axes' columns
IPV6_PREFIX = 64  # one customer has a whole /64, and could use each address once


def address_of(request: HttpRequest) -> str | None:
    """Return the address that a log-in is counted for: of IPv6 the network, None if the connection has no address.

    `edge.application` has already replaced the address of a trusted proxy.
    """
    return counted_address(request.META.get("REMOTE_ADDR", ""))


def name_of(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str | None:
    """Return the name that a log-in is counted for, cut to its column: no operator has a longer one."""
    name = (credentials or request.POST).get("username")
    return clean_text(name, NAME_CHARACTERS) if isinstance(name, str) else None


def counted_address(peer: str) -> str | None:
    """Return the address, or the network of an IPv6 address, to count tries by; None if the text is not an address."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(ip_network((address, IPV6_PREFIX), strict=False).network_address)
    return str(address)


def locked_page(request: HttpRequest, _answer: Any, _credentials: Any) -> HttpResponse:
    """Answer 429 with the duration of the lock, and who can lift it."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {**admin.site.each_context(request), "title": "Too many log-ins", "minutes": seconds // 60}
    headers = {"Retry-After": str(seconds), "Cache-Control": "no-store"}
    page = TemplateResponse(request, "bingproject/locked.html", context, status=429, headers=headers)
    return page.render()

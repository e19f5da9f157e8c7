"""Log-ins that were tried too often: whose they are counted as, and the page that says what to do."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

IPV6_PREFIX = 64  # one customer has so many addresses that each could be used once


def address_of(request: HttpRequest) -> str | None:
    """The address that a log-in is counted for; of IPv6 the network, none where the connection has no address.

    The gate has looked behind trusted proxies already.
    """
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(ip_network((address, IPV6_PREFIX), strict=False).network_address)
    return str(address)


def locked_page(request: HttpRequest, _answer: Any, _credentials: Any) -> HttpResponse:
    """429: for how long, and who can help."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {**admin.site.each_context(request), "title": "Too many log-ins", "minutes": seconds // 60}
    headers = {"Retry-After": str(seconds), "Cache-Control": "no-store"}
    page = TemplateResponse(request, "bingproject/locked.html", context, status=429, headers=headers)
    return page.render()

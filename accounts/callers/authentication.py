"""Authenticate callers by the key in `Authorization: Bearer` or `X-API-Key`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import close_old_connections
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.callers.key_format import is_api_key
from accounts.callers.services import Caller, find_api_key
from bingproject.errors import InvalidApiKeyError

OPEN_CALLER = Caller(caller_id="open", user=None, key=None)


class ApiKeyAuthentication(BaseAuthentication):
    """Make `request.user` a `Caller`. A wrong key of this server is refused in open mode, too."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        """Return the caller, or None when the server requires keys and the request has none.

        Raises: InvalidApiKeyError, NotWhitelistedError.
        """
        caller = identify(request.META.get("HTTP_AUTHORIZATION", ""), request.META.get("HTTP_X_API_KEY", ""))
        return None if caller is None else (caller, None)

    def authenticate_header(self, request: Request) -> str:
        """Return the value of `WWW-Authenticate` in a 401; without one DRF would answer 403."""
        return "Bearer"


def caller_of(request: Request) -> Caller:
    """Return the request's caller, for views: `IsCaller` has refused everybody else."""
    caller: Any = request.user
    assert isinstance(caller, Caller)
    return caller


def identify(authorization: str, api_key: str) -> Caller | None:
    """Return the caller of the two headers, or None when the server requires keys and there is none.

    Raises: InvalidApiKeyError, NotWhitelistedError.
    """
    credentials = _credentials(authorization, api_key)
    key = next((text for text in credentials if is_api_key(text)), "")
    if key:
        return find_api_key(key)
    if settings.ACCESS == "open":
        # SDKs always send some key, e.g. one of OpenAI's, which must not be refused here.
        return OPEN_CALLER
    if credentials:
        raise InvalidApiKeyError
    return None


def check_sender(headers: Mapping[str, str]) -> None:
    """Refuse a large body from an unknown sender before it is read; runs in a thread of `edge.thread_pool`.

    Raises: InvalidApiKeyError, NotWhitelistedError.
    """
    close_old_connections()  # Django does this only when the request itself starts
    if identify(headers.get("authorization", ""), headers.get("x-api-key", "")) is None:
        raise InvalidApiKeyError


def _credentials(authorization: str, api_key: str) -> list[str]:
    scheme, _, token = authorization.strip().partition(" ")
    found = [token.strip() if scheme.lower() == "bearer" else "", api_key.strip()]
    return [text for text in found if text]

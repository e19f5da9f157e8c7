"""Who asks: the key in `Authorization: Bearer` or `X-API-Key`, or nobody in particular."""

from __future__ import annotations

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.protocol import is_api_key
from accounts.services import Caller, find_api_key
from bingproject.errors import InvalidApiKeyError

OPEN_CALLER = Caller(holder="open", user=None, key=None)


class ApiKeyAuthentication(BaseAuthentication):
    """Makes `request.user` a `Caller`; a wrong key of ours is refused in every mode."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        """The caller, or None when the server asks for keys and there is none.

        Raises: InvalidApiKeyError, NotWhitelistedError.
        """
        credentials = _credentials(request.META.get("HTTP_AUTHORIZATION", ""), request.META.get("HTTP_X_API_KEY", ""))
        ours = next((text for text in credentials if is_api_key(text)), "")
        if ours:
            return find_api_key(ours), None
        if settings.ACCESS == "open":
            # SDKs always send some key; here it means nothing.
            return OPEN_CALLER, None
        if credentials:
            raise InvalidApiKeyError
        return None

    def authenticate_header(self, request: Request) -> str:
        """The scheme that a 401 names."""
        return "Bearer"


def _credentials(authorization: str, api_key: str) -> list[str]:
    scheme, _, token = authorization.strip().partition(" ")
    found = [token.strip() if scheme.lower() == "bearer" else "", api_key.strip()]
    return [text for text in found if text]

"""Who may use the API."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.services import Caller


class IsCaller(BasePermission):
    """Somebody we know: a key's user, or anybody where the server is open. An inactive user has no key that works."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether authentication found a caller."""
        return isinstance(request.user, Caller)

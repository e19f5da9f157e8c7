"""Who may use the API."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.services import Caller


class HasScope(BasePermission):
    """A key does what it was issued for; callers without a key, where the server is open, do everything."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the key has one of the scopes that the view's action names."""
        needed = getattr(view, "needs", {}).get(getattr(view, "action", ""), ())
        caller: Any = request.user
        if not needed or not isinstance(caller, Caller) or caller.key is None:
            return True
        self.message = f"You are not allowed to use this feature: this key lacks the scope {' or '.join(needed)}."
        return not set(needed).isdisjoint(caller.key.scopes)


class IsCaller(BasePermission):
    """Somebody we know: a key's user, or anybody where the server is open. An inactive user has no key that works."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether authentication found a caller."""
        return isinstance(request.user, Caller)

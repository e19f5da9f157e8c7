"""DRF permissions: known callers only, and only what a key's scopes allow."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.callers.services import Caller


class HasScope(BasePermission):
    """Require one of the scopes in the view's `needs` for its action; callers without a key (open mode) have all."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """True if the key has a needed scope; `message` says which one is missing."""
        needed = getattr(view, "needs", {}).get(getattr(view, "action", ""), ())
        caller: Any = request.user
        if not needed or not isinstance(caller, Caller) or caller.key is None:
            return True
        self.message = f"You are not allowed to use this feature: this key lacks the scope {' or '.join(needed)}."
        return not set(needed).isdisjoint(caller.key.scopes)


class IsCaller(BasePermission):
    """Require a caller: the user of a key, or anybody in open mode. Keys of inactive users are refused earlier."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """True if authentication returned a caller."""
        return isinstance(request.user, Caller)

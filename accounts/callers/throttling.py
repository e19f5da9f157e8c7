"""How often a key may ask."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.limits import count_request
from accounts.services import Caller
from bingproject.errors import RateLimitError


class KeyRateThrottle(BaseThrottle):
    """Counts the requests of keys that have a limit; nobody else pays for it."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Let it through, the answer telling where the key stands. Raises: RateLimitError `rate_limit_exceeded`."""
        caller: Any = request.user
        if not isinstance(caller, Caller) or caller.key is None:
            return True
        rate = count_request(caller.key, timezone.now())
        if rate is None:
            return True
        view.answer_headers = rate.headers
        if not rate.is_allowed:
            message = f"This key may ask {rate.limit} times a minute. Try again in {rate.reset_seconds} s."
            raise RateLimitError(message, code="rate_limit_exceeded", retry_after=rate.reset_seconds)
        return True

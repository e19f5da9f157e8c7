"""DRF throttle: requests per minute of a key."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.callers.limits import count_request
from accounts.callers.services import Caller
from bingproject.errors import RateLimitError


class KeyRateThrottle(BaseThrottle):
    """Count the requests of keys that have a limit; other requests cost no query."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Allow the request and set its rate limit headers on the view.

        Raises: RateLimitError (`rate_limit_exceeded`).
        """
        caller: Any = request.user
        if not isinstance(caller, Caller) or caller.key is None:
            return True
        rate = count_request(caller.key, timezone.now())
        if rate is None:
            return True
        view.answer_headers = rate.headers
        if not rate.is_allowed:
            message = f"This key is limited to {rate.limit} requests per minute. Try again in {rate.reset_seconds} s."
            raise RateLimitError(message, code="rate_limit_exceeded", retry_after=rate.reset_seconds)
        return True

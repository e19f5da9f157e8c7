"""Limit requests that hash a password: one at a time, in a lane of their own, and PER_MINUTE from one address.

A hash takes half a second of CPU on purpose. In the shared lanes, a few log-ins would block all calls of the API.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings

from bingproject.errors import RateLimitError
from bingproject.security.lockout import counted_address

# Running and waiting; the last one waits about LINE_LENGTH / 2 seconds.
LINE_LENGTH = 8
LINE_RETRY_SECONDS = 5
# From one address, for all names together. AXES_FAILURE_LIMIT counts by name.
PER_MINUTE = 20
ADDRESSES = 4096  # remembered; beyond that the least recent one is forgotten, which bounds the memory


def hashes_password(method: str, path: str) -> bool:
    """True if the request is a POST to one of PASSWORD_PATHS."""
    return method == "POST" and any(pattern.fullmatch(path) for pattern in _patterns(tuple(settings.PASSWORD_PATHS)))


class PasswordGuard:
    """Decides which log-ins may hash a password now."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._in_line = 0
        # Address → when all of its tries are available again: a token bucket in one number.
        self._whole_at: OrderedDict[str, float] = OrderedDict()

    @contextmanager
    def enter(self, peer: str) -> Iterator[None]:
        """Hold a place in the queue while the context lasts.

        Raises:
            RateLimitError: The queue is full, or the address has used its tries.
        """
        if self._in_line >= LINE_LENGTH:
            raise RateLimitError(
                "Too many log-ins at once. Try again in a few seconds.", retry_after=LINE_RETRY_SECONDS
            )
        self._count(counted_address(peer) or peer)
        self._in_line += 1
        try:
            yield
        finally:
            self._in_line -= 1

    def _count(self, address: str) -> None:
        """Use one of the address's tries, which are refilled evenly over a minute."""
        now, each = self._clock(), 60 / PER_MINUTE
        whole_at = max(self._whole_at.pop(address, now), now)
        if whole_at - now > 60 - each:
            self._whole_at[address] = whole_at
            raise RateLimitError(
                "Too many log-ins from this address. Try again in a minute.", retry_after=whole_at - now - 60 + each
            )
        self._whole_at[address] = whole_at + each
        while len(self._whole_at) > ADDRESSES:
            self._whole_at.popitem(last=False)


@cache
def _patterns(paths: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(path) for path in paths)

"""Limit the turns that one user may run at a time, so that nobody takes all slots of the accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from bingproject.errors import RateLimitError

RETRY_SECONDS = 10.0
# The caller id of all programs without a key, which are on this machine and are not limited.
SHARED_CALLER_ID = "open"
# Running turns by caller id, in this process.
_running: Counter[str] = Counter()


@contextmanager
def one_turn(caller_id: str) -> Iterator[None]:
    """Count a turn while it runs.

    Raises:
        RateLimitError: `rate_limit_exceeded`, the caller has CHAT_TURNS_PER_USER of them.
    """
    most = settings.CHAT_TURNS_PER_USER
    if most and caller_id != SHARED_CALLER_ID and _running[caller_id] >= most:
        raise RateLimitError(
            f"You have {most} chat turns under way, which is the limit. Ask again when one has ended.",
            code="rate_limit_exceeded",
            retry_after=RETRY_SECONDS,
        )
    _running[caller_id] += 1
    try:
        yield
    finally:
        _running[caller_id] -= 1
        if not _running[caller_id]:
            del _running[caller_id]

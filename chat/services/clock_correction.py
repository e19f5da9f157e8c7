"""Correct claims of chats that were written while the clock was ahead, and outlive their turns."""

from __future__ import annotations

from datetime import datetime, timedelta

from bingproject.cluster.clock_correction import SLACK
from chat.models import Conversation, IdempotentAnswer, claim_end
from chat.services.idempotency import ALIVE_SECONDS


def pull_back(now: datetime) -> int:
    """End claims of conversations and Idempotency-Keys no later than a claim made now would; return how many rows."""
    end, alive = claim_end(now), now + timedelta(seconds=ALIVE_SECONDS)
    count = Conversation.objects.filter(claimed_until__gt=end + SLACK).update(claimed_until=end)
    return count + IdempotentAnswer.objects.filter(status=None, alive_until__gt=alive + SLACK).update(alive_until=alive)

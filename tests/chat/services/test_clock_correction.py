"""A clock that ran ahead: claims of conversations and of Idempotency-Keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import Conversation, IdempotentAnswer, Origin, claim_end
from chat.services.clock_correction import pull_back
from chat.services.idempotency import ALIVE_SECONDS

pytestmark = pytest.mark.django_db


def test_claims_end_in_time() -> None:
    """Of who died meanwhile; those of living turns stay."""
    now = timezone.now()
    for until in (now + timedelta(hours=2), claim_end(now)):
        Conversation.objects.create(
            caller_id="h", origin=Origin.COMPLETION, model="balanced", claim="c", claimed_until=until, created_at=now,
            used_at=now,
        )  # fmt: skip
    IdempotentAnswer.objects.create(
        caller_id="h", route="create", key="k", body_hash="x", alive_until=now + timedelta(hours=2), created_at=now
    )
    assert pull_back(now) == 2
    assert set(Conversation.objects.values_list("claimed_until", flat=True)) == {claim_end(now)}
    assert IdempotentAnswer.objects.get().alive_until == now + timedelta(seconds=ALIVE_SECONDS)
    assert pull_back(now) == 0

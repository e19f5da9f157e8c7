"""The queue's front doors of chat."""

from django.utils import timezone

from chat import services


def prune_conversations() -> str:
    """Delete conversations that are past their keeping."""
    return f"{services.prune_conversations(timezone.now())} conversations pruned"

"""Jobs of chat."""

from django.utils import timezone

from chat import services


def prune_conversations() -> str:
    """Delete conversations unused for CHAT_RETENTION_DAYS."""
    return f"{services.prune_conversations(timezone.now())} conversations pruned"

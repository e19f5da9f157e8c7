"""Conversations and chat in OpenAI's form."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    """Conversations and chat in OpenAI's form."""

    name = "chat"
    default_auto_field = "django.db.models.BigAutoField"

"""Image and video tasks."""

from django.apps import AppConfig


class CreatorConfig(AppConfig):
    """Image and video tasks."""

    name = "creator"
    default_auto_field = "django.db.models.BigAutoField"

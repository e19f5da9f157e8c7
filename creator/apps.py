"""Django app of image and video tasks."""

from django.apps import AppConfig


class CreatorConfig(AppConfig):
    """Configure the app."""

    name = "creator"
    default_auto_field = "django.db.models.BigAutoField"

"""Who may ask us, and as whom we ask Bing."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who may ask us, and as whom we ask Bing."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

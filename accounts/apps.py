"""Configure the app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The callers of this server, and the Microsoft accounts that it uses."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

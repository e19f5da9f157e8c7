"""The project as an app: queue records, start-up rows, system checks."""

from django.apps import AppConfig


class BingprojectConfig(AppConfig):
    """Rows that no other app may own, since the cluster knows no app."""

    name = "bingproject"
    default_auto_field = "django.db.models.BigAutoField"

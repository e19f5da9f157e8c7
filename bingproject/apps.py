"""The project as an app: queue records, start-up rows, system checks."""

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.management import call_command
from django.db.models.signals import post_migrate

from bingproject.checks import register_checks
from bingproject.roles import bring_up_to_date


class BingprojectConfig(AppConfig):
    """Rows that no other app may own, since the cluster knows no app."""

    name = "bingproject"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks; make the cache's table and bring the groups up to date after migrations."""
        register_checks()
        post_migrate.connect(create_cache_table, sender=self)
        # Permissions are made app by app: only after the last are all of them there.
        post_migrate.connect(bring_up_to_date, sender=list(apps.get_app_configs())[-1])


def create_cache_table(using: str, **_signal: Any) -> None:
    """Make the table of a cache that lives in the database; one that exists stays."""
    if any(cache["BACKEND"].endswith("db.DatabaseCache") for cache in settings.CACHES.values()):
        call_command("createcachetable", database=using, verbosity=0)

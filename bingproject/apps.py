"""The project's own Django app: system checks and migration hooks."""

from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate

from bingproject.conf.checks import register_checks
from bingproject.database.migration_history import refuse_unknown_history
from bingproject.database.word_search import repair_indexes
from bingproject.security.roles import bring_up_to_date


class BingprojectConfig(AppConfig):
    """Rows that no other app may own, since the cluster knows no app."""

    name = "bingproject"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and what precedes and follows migrations: limits, groups, indexes of words."""
        register_checks()
        # Django looks for `<app>.admin` alone. Only now: its modules import models.
        import_module(f"{self.name}.operators.admin")
        pre_migrate.connect(refuse_unknown_history, sender=self)
        pre_migrate.connect(lift_limits, sender=self)
        post_migrate.connect(limit_again, sender=self)
        post_migrate.connect(create_cache_table, sender=self)
        # Permissions are made app by app: only after the last are all of them there.
        post_migrate.connect(bring_up_to_date, sender=list(apps.get_app_configs())[-1])
        post_migrate.connect(repair_indexes, sender=list(apps.get_app_configs())[-1])


def lift_limits(using: str, **_signal: Any) -> None:
    """Let a migration take as long as it needs, where the database has a limit for statements."""
    _set_limits(using, is_unlimited=True)


def limit_again(using: str, **_signal: Any) -> None:
    """Restore the statement limits once the migrations are done."""
    _set_limits(using, is_unlimited=False)


def _set_limits(using: str, *, is_unlimited: bool) -> None:
    lift = getattr(connections[using], "lift_limits", None)  # a method of bingproject.database.postgresql alone
    if lift is not None:
        lift(is_unlimited=is_unlimited)


def create_cache_table(using: str, **_signal: Any) -> None:
    """Make the table of a cache that lives in the database; one that exists stays."""
    if any(cache["BACKEND"].endswith("db.DatabaseCache") for cache in settings.CACHES.values()):
        call_command("createcachetable", database=using, verbosity=0)

"""The two groups of operators: `viewer` may see everything, `operator` may act. Neither manages log-ins.

A migration creates them, and each later migration resets their permissions to those below.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import Q, QuerySet

VIEWER, OPERATOR = "viewer", "operator"
# All permissions of these apps, and those of other apps that have a page.
OWN_APPS = ("accounts", "bingproject", "chat", "creator")
LOOKED_AT = ("django_q.view_success", "django_q.view_failure", "django_q.view_ormq", "admin.view_logentry")
# Second factors belong to log-ins, which neither group manages.
OF_LOG_INS = ("authenticator", "recoverycode")
LIFTING = ("axes.view_accessattempt", "axes.delete_accessattempt")


def bring_up_to_date(**_signal: Any) -> None:
    """Reset the permissions of both groups. A deleted group is not created again."""
    # By name, since this module is imported before the models are.
    group_model, permission_model = (apps.get_model("auth", name) for name in ("Group", "Permission"))
    own = permission_model._default_manager.filter(content_type__app_label__in=OWN_APPS).exclude(
        content_type__model__in=OF_LOG_INS
    )
    for group in group_model._default_manager.filter(name__in=(VIEWER, OPERATOR)):
        is_viewer = group.name == VIEWER
        mine = own.filter(codename__startswith="view_") if is_viewer else own
        others = permissions_named(LOOKED_AT if is_viewer else LOOKED_AT + LIFTING)
        group.permissions.set([*mine, *others])


def permissions_named(names: tuple[str, ...]) -> QuerySet[Any]:
    """Return the permissions of these names, each given as `app.codename`."""
    chosen = Q()
    for name in names:
        app, codename = name.split(".")
        chosen |= Q(content_type__app_label=app, codename=codename)
    return apps.get_model("auth", "Permission")._default_manager.filter(chosen)

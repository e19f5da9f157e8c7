"""Two groups of operators that need not be put together by hand: `viewer`, who looks, and `operator`, who acts.

Made by a migration, and brought up to date after each: what they may is what stands here. Neither manages log-ins.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import Q, QuerySet

VIEWER, OPERATOR = "viewer", "operator"
# All that these apps have, and what of others has a page.
OWN_APPS = ("accounts", "bingproject", "chat", "creator")
LOOKED_AT = ("django_q.view_success", "django_q.view_failure", "django_q.view_ormq", "admin.view_logentry")
# Whose second factor is whose is a matter of log-ins.
OF_LOG_INS = ("authenticator", "recoverycode")
LIFTING = ("axes.view_accessattempt", "axes.delete_accessattempt")


def bring_up_to_date(**_signal: Any) -> None:
    """Give both groups what they should have; a group that was deleted stays away."""
    # By name: this is imported before there are models.
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
    """Those of these names, each as `app.codename`."""
    chosen = Q()
    for name in names:
        app, codename = name.split(".")
        chosen |= Q(content_type__app_label=app, codename=codename)
    return apps.get_model("auth", "Permission")._default_manager.filter(chosen)

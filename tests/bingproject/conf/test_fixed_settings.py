"""Settings that are the same everywhere."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from bingproject.conf import fixed_settings


def test_django_knows_each_of_them() -> None:
    """What stands there holds: the settings take all of it over, unchanged."""
    fixed = {name: value for name, value in vars(fixed_settings).items() if name.isupper()}
    assert len(fixed) > 10
    assert {name: getattr(settings, name) for name in fixed} == fixed


def test_dotted_names_lead_somewhere() -> None:
    """Cards, call-backs and policies exist."""
    names = [*settings.DASHBOARD_CARDS, settings.AXES_LOCKOUT_CALLABLE, settings.AXES_CLIENT_IP_CALLABLE]
    names += [str(settings.UNFOLD["DASHBOARD_CALLBACK"]), str(settings.REST_FRAMEWORK["EXCEPTION_HANDLER"])]
    assert all(import_string(name) for name in names)

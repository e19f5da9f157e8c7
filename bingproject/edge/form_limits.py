"""Limit the size of forms in the admin by who is logged in and what they may do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.db import close_old_connections
from django.http import parse_cookie
from django_otp import DEVICE_ID_SESSION_KEY

from bingproject.security.second_factor import has_factor


def is_large_form(path: str) -> bool:
    """True if LARGE_FORM_PATHS names this path."""
    return _permission_for(path) is not None


def form_limit_bytes(path: str, headers: Mapping[str, str]) -> int:
    """Return the size of the body that the sender may post to this page of the admin.

    Returns:
        0 without a complete log-in (second factor included); `LARGE_FORM_LIMIT_BYTES` if the page accepts files and the
        operator has its permission; else `BODY_LIMIT_BYTES`. The page itself checks every other permission.
    """
    operator = _find_operator(headers)
    if operator is None:
        return 0
    permission = _permission_for(path)
    is_allowed = permission is not None and operator.has_perm(permission)
    return int(settings.LARGE_FORM_LIMIT_BYTES if is_allowed else settings.BODY_LIMIT_BYTES)


def _find_operator(headers: Mapping[str, str]) -> Any:
    """Return the operator whose session the request has, None until the log-in is complete."""
    key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
    if not key:
        return None
    close_old_connections()  # Django does this at the start of a request, which has not begun yet
    session: Any = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user: Any = get_user(SimpleNamespace(session=session))  # type: ignore[arg-type] # nothing else of a request is read
    if not (user.is_authenticated and user.is_staff):
        return None
    return None if has_factor(user) and DEVICE_ID_SESSION_KEY not in session else user


def _permission_for(path: str) -> str | None:
    pages = _patterns(tuple(settings.LARGE_FORM_PATHS.items()))
    return next((permission for pattern, permission in pages if pattern.fullmatch(path)), None)


@cache
def _patterns(pages: tuple[tuple[str, str], ...]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(path), permission) for path, permission in pages)

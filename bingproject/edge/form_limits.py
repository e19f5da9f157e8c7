"""Forms of the admin that take whole files, far above what any other body may hold: only from somebody logged in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import close_old_connections
from django.http import parse_cookie


def is_large_form(path: str) -> bool:
    """Whether LARGE_FORM_PATHS names this path."""
    return any(pattern.fullmatch(path) for pattern in _patterns(tuple(settings.LARGE_FORM_PATHS)))


def may_exceed(announced: str, limit_bytes: int) -> bool:
    """Whether a body of this `Content-Length` may be larger than the limit: one that names none may."""
    return not announced.isdigit() or len(announced) > 15 or int(announced) > limit_bytes


def is_from_operator(headers: Mapping[str, str]) -> bool:
    """Whether a request comes from somebody who is logged in; what they may do, the page itself asks."""
    key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
    if not key:
        return False
    close_old_connections()  # before Django's own turn, which would see to it
    session: Any = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return SESSION_KEY in session


@cache
def _patterns(paths: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(path) for path in paths)

"""Steps of an operator on the pages of accounts, whitelisted users and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from accounts.models import SCOPES, Account, WhitelistedUser
from tests import operating

SECRET = "the-secret-cookie-value-of-anna-wxyz"
Commit = Callable[..., Any]


def page(operator: Client, name: str, *arguments: Any) -> str:
    """Return one admin page, which must open."""
    return operating.page(operator, f"accounts_{name}", *arguments)


def form(account: Account | None = None, /, **changed: Any) -> dict[str, Any]:
    """Return the form of an account with these changes."""
    fields: dict[str, Any] = {"name": "anna", "is_enabled": "on", "proxy": "", "user_agent": "", "notes": ""}
    fields |= {"kind": "bing"} if account is None else {}
    names = ("user_agent", "identity_type", "token_command", "object_id", "tenant_id", "tier")
    fields |= {name: getattr(account, name, "") for name in names}
    rows = list(account.capabilities.order_by("pk")) if account else []
    if account:
        fields |= {"capabilities-TOTAL_FORMS": len(rows), "capabilities-INITIAL_FORMS": len(rows)}
    for index, row in enumerate(rows):
        fields |= {
            f"capabilities-{index}-id": row.pk,
            f"capabilities-{index}-account": row.account_id,
            f"capabilities-{index}-limit": row.limit,
            f"capabilities-{index}-per_minute": row.per_minute or "",
            f"capabilities-{index}-burst": row.burst,
        }
    return fields | changed


def send(operator: Client, page_name: str, /, *arguments: Any, **fields: Any) -> str:
    """Send a form and follow the redirect."""
    return operating.send(operator, f"accounts_{page_name}", *arguments, **fields)


def act(operator: Client, model: str, action: str, *rows: Any) -> str:
    """Run an action on some rows of a list."""
    return operating.act(operator, f"accounts_{model}", action, *rows)


def user_form(user_id: str, **changed: str) -> dict[str, str]:
    """Return the form of a whitelisted user."""
    fields = {"user_id": user_id, "name": "", "note": "", "is_active": "on", "expires_at_0": "", "expires_at_1": ""}
    return fields | {"daily_images": "", "daily_videos": "", "daily_chats": ""} | changed


def key_form(user: WhitelistedUser, **changed: str) -> dict[str, Any]:
    """Return the form of a new key with all scopes."""
    fields: dict[str, Any] = {"user": user.pk, "label": "", "per_minute": "", "expires_at_0": "", "expires_at_1": ""}
    return fields | dict.fromkeys(SCOPES.values(), "on") | changed

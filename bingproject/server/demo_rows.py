"""Create the rows of a demo: an account of each provider with tokens, a user and an API key."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone

from accounts.callers.key_format import hash_api_key
from accounts.callers.services import add_whitelisted_user, issue_api_key
from accounts.microsoft.protocol import find_credentials
from accounts.microsoft.providers import PROVIDERS, TOKEN_RULES
from accounts.microsoft.services import give_credentials
from accounts.models import Account, find_key
from bingproject.api.openapi import EXAMPLE_USER
from bingproject.conf.data_dir import replace_file
from bingproject.server import demo
from bingproject.upstream.http_client import USER_AGENT

DEMO_KEY_NAME = "demo_key"


def ensure_demo_accounts() -> None:
    """Create an account of each provider with tokens; leave an account alone that already has one.

    Raises:
        OSError: The sandbox does not answer.
    """
    for service in TOKEN_RULES:
        account, _ = Account.objects.get_or_create(
            name=f"sandbox {service}",
            defaults={"kind": service, "user_agent": USER_AGENT, "tier": PROVIDERS[service].demo_tier},
        )
        if account.encrypted_token:
            continue
        now = timezone.now()
        found = find_credentials(demo.fetch_token(service), service, now.timestamp())
        Account.objects.filter(pk=account.pk).update(object_id=found.object_id, tenant_id=found.tenant_id)
        give_credentials(account, found, now)


def ensure_demo_user() -> None:
    """Whitelist the user that the examples of `/api/docs/` name."""
    add_whitelisted_user(EXAMPLE_USER)


def ensure_demo_key(folder: Path) -> str:
    """Return the API key of the demo's user, the same as at the last start while it is valid.

    The database has only its hash; the key itself is in `folder`, which only its owner can read.
    """
    path = folder / DEMO_KEY_NAME
    text = path.read_text(encoding="ascii").strip() if path.exists() else ""
    if text and find_key(hash_api_key(text), timezone.now()):
        return text
    ensure_demo_user()
    _, text = issue_api_key(EXAMPLE_USER, label="made by the demo")
    replace_file(path, text)
    return text

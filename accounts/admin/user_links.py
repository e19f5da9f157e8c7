"""Links from a user's page to their pictures, chats and keys, and to a new key."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.models import WhitelistedUser


def show_user_links(request: HttpRequest, user: WhitelistedUser) -> str:
    """Return HTML links to the pages that the operator may see."""
    person: Any = request.user
    links = [
        {"title": title, "url": f"{reverse(page)}?{urlencode({'user': user.user_id})}"}
        for title, page, permission in settings.USER_PAGES
        if person.has_perm(permission)
    ]
    if person.has_perm("accounts.view_apikey"):
        query = urlencode({"user__id__exact": user.pk})
        links.append({"title": "API keys", "url": f"{reverse('admin:accounts_apikey_changelist')}?{query}"})
    may_issue = person.has_perm("accounts.add_apikey") and user.is_let_in(timezone.now())
    issue_url = f"{reverse('admin:accounts_apikey_add')}?{urlencode({'user': user.pk})}" if may_issue else ""
    return render_to_string("admin/accounts/whitelisteduser/links.html", {"links": links, "issue_url": issue_url})

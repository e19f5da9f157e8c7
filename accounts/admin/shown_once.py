"""Show a secret exactly once, on a page after a redirect, so that reloading it sends no form again."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from accounts.uploads import keep_upload, take_upload
from bingproject.errors import NotFoundError

# Do not set Referrer-Policy here: with no-referrer, browsers send "Origin: null" with the page's forms.
HEADERS = {"Cache-Control": "no-store"}


def redirect_to_secret(request: HttpRequest, page: str, facts: dict[str, Any]) -> HttpResponse:
    """Redirect to the page that shows the facts, which are stored encrypted until then, for an hour at most."""
    # With the page's name: another page's template must not get facts that it cannot show.
    content = f"{page}\n{json.dumps(facts)}".encode()
    return HttpResponseRedirect(reverse(page, args=[keep_upload(int(request.user.pk or 0), content, timezone.now())]))


def take_secret(request: HttpRequest, page: str, name: str) -> dict[str, Any] | None:
    """Return and delete the facts; None if they were shown before or belong to another page."""
    try:
        content = take_upload(int(request.user.pk or 0), name, timezone.now())
    except NotFoundError:
        return None
    found, _, text = content.decode().partition("\n")
    return dict(json.loads(text)) if found == page else None


def report_shown_already(request: HttpRequest, list_page: str) -> HttpResponse:
    """Redirect to the list, with a message that says why nothing is shown and what to do."""
    messages.warning(
        request,
        "New keys are shown once, and these were shown already. Revoke what was not copied and issue another key.",
    )
    return HttpResponseRedirect(reverse(list_page))

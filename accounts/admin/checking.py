"""Check one account, the selected ones, or all: request the checks, wait for the rows, show the result."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import action

from accounts.microsoft import services
from accounts.models import Account, AccountCapability, CheckState

LOOK_SECONDS = 0.2
MOST_NAMED_ACCOUNTS = 5  # the results of more accounts are summed up
OPENING = "Check now and open a conversation with each (counts against them)"


class AccountCheckMixin:
    """Actions and pages for checks; a mixin that must precede the theme's `ModelAdmin`."""

    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        """Add the page that waits, before `<id>/`, which would match it."""
        waiting = path("checking/", self.checking_view, name="accounts_account_checking")
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]  # the theme's ModelAdmin has it
        return [waiting, *urls]

    @action(description="Save and check now", permissions=["change"])
    def save_and_check(self, request: HttpRequest, obj: Account) -> None:
        """Request a check; `response_change` redirects to the page that waits for its result."""
        asked_at = timezone.now()
        services.request_check(obj, asked_at, opens_chat=request.POST.get("open_conversation") == "on")
        # On the request, since all threads share this object.
        request.checked_next = _waiting_address(asked_at, obj.pk)  # type: ignore[attr-defined]

    @admin.action(description="Check now", permissions=["change"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse:
        """Request a check of each account."""
        return _ask(queryset.values_list("pk", flat=True), opens_chat=False)

    @admin.action(description=OPENING, permissions=["change"])
    def check_now_opening(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse:
        """Request a check of each account that also opens a conversation."""
        return _ask(queryset.values_list("pk", flat=True), opens_chat=True)

    @action(description="Check all", url_path="check-all", permissions=["change"])
    def check_all(self, request: HttpRequest) -> HttpResponse:
        """Ask for confirmation, since a link must change nothing; then request a check of all enabled accounts."""
        accounts = Account.objects.filter(is_enabled=True)
        if request.method == "POST":
            opens_chat = request.POST.get("open_conversation") == "on"
            return _ask(accounts.values_list("pk", flat=True), opens_chat=opens_chat)
        context = {
            **self.admin_site.each_context(request),
            "title": "Check all accounts",
            "opts": Account._meta,
            "count": accounts.count(),
        }
        return TemplateResponse(request, "admin/accounts/account/check_all.html", context)

    async def checking_view(self, request: HttpRequest) -> HttpResponse:
        """Wait up to CHECK_WAIT_SECONDS for the checks, without blocking a thread, and redirect with the result."""
        if not await sync_to_async(self._may_see)(request):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        asked_at, account_id = _read_address(request)
        end = asyncio.get_running_loop().time() + settings.CHECK_WAIT_SECONDS
        # The checks run in workers, so the rows are the only place to see their results.
        while await sync_to_async(services.count_unfinished_checks)(asked_at):
            if asyncio.get_running_loop().time() > end:
                break
            await asyncio.sleep(LOOK_SECONDS)
        level, text = await sync_to_async(describe_result)(asked_at)
        messages.add_message(request, level, text)
        if account_id:
            return HttpResponseRedirect(reverse("admin:accounts_account_change", args=[account_id]))
        return HttpResponseRedirect(reverse("admin:accounts_account_changelist"))

    def _may_see(self, request: HttpRequest) -> bool:
        may_view: bool = self.has_view_permission(request)  # type: ignore[attr-defined]  # the theme's ModelAdmin has it
        return bool(self.admin_site.has_permission(request)) and may_view


def describe_result(asked_at: datetime) -> tuple[int, str]:
    """Return the message level and text for the checks that were requested at this moment."""
    rows = AccountCapability.objects.filter(account__check_asked_at=asked_at).select_related("account")
    done = [row for row in rows.order_by("account__name", "pk") if row.checked_at and row.checked_at >= asked_at]
    unfinished = services.count_unfinished_checks(asked_at)
    names = sorted({row.account.name for row in done})
    words = [_one_by_one(done) if len(names) <= MOST_NAMED_ACCOUNTS else _summed_up(done, len(names))] if done else []
    if unfinished:
        words.append(
            f"{unfinished} still running: reload the page to see the result. "
            "If none appears, see whether a worker is running."
        )
    if not words:
        return messages.INFO, "There was nothing to check."
    if any(row.check_state == CheckState.FAILED for row in done):
        return messages.WARNING, " ".join(words)
    return messages.INFO if unfinished else messages.SUCCESS, " ".join(words)


def _one_by_one(rows: list[AccountCapability]) -> str:
    """Return e.g. `anna: images: works (Signed in, 12 boosts left); chat: cannot tell (…).`"""
    said: dict[str, list[str]] = {}
    for row in rows:
        state = row.get_check_state_display().lower()
        said.setdefault(row.account.name, []).append(
            f"{row.get_capability_display().lower()}: {state} ({row.check_note.rstrip('.')})"
        )
    return " ".join(f"{name}: {'; '.join(parts)}." for name, parts in said.items())


def _summed_up(rows: list[AccountCapability], count: int) -> str:
    """Return e.g. `12 checked. Images: 11 works, 1 does not work. Chat: 12 cannot tell.`"""
    states = Counter((row.get_capability_display(), row.get_check_state_display().lower()) for row in rows)
    said: dict[str, list[str]] = {}
    for (capability, state), number in states.items():
        said.setdefault(capability, []).append(f"{number} {state}")
    return " ".join([f"{count} checked.", *(f"{name}: {', '.join(parts)}." for name, parts in said.items())])


def _ask(account_ids: Collection[int] | QuerySet[Account, int], *, opens_chat: bool) -> HttpResponse:
    asked_at = timezone.now()
    services.request_checks(list(account_ids), asked_at, opens_chat=opens_chat)
    return HttpResponseRedirect(_waiting_address(asked_at))


def _waiting_address(asked_at: datetime, account_id: int = 0) -> str:
    query = urlencode({"since": asked_at.isoformat()} | ({"account": account_id} if account_id else {}))
    return f"{reverse('admin:accounts_account_checking')}?{query}"


def _read_address(request: HttpRequest) -> tuple[datetime, int]:
    """Return the time and account of `_waiting_address`; the current time, which finds no check, if invalid."""
    account = request.GET.get("account", "")
    try:
        asked_at = datetime.fromisoformat(request.GET.get("since", ""))
    except ValueError:
        asked_at = timezone.now()
    if timezone.is_naive(asked_at):
        asked_at = timezone.make_aware(asked_at)
    # Ids are 64-bit: a longer number would be an error of the database.
    return asked_at, int(account) if account.isascii() and account.isdigit() and len(account) < 19 else 0

"""Operators' page of alerts: what is the matter, what was told, and a button that tries the way to them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import display

from bingproject import alerts, telling
from bingproject.models import Alert
from bingproject.pages import MachineRowsAdmin
from bingproject.record import record


class AlertAdmin(MachineRowsAdmin):
    """Alerts: the open ones first; nothing is edited."""

    hint = "What needs an operator, noticed every half minute and told by e-mail or webhook where these are set."
    list_before_template = "bingproject/alerts_before.html"
    list_display = ("state_shown", "summary", "what_to_do", "began_at", "ended_at", "told_at", "last_error")
    list_filter = (("ended_at", admin.EmptyFieldListFilter),)
    search_fields = ("cause", "summary")
    ordering = (F("ended_at").desc(nulls_first=True), "-began_at")
    fields = (
        "state_shown", "summary", "what_to_do", "cause", "began_at", "seen_at", "ended_at", "told_at", "told_count",
        "last_error",
    )  # fmt: skip

    def badge(self, request: HttpRequest) -> str:
        """How many are open."""
        return str(Alert.objects.filter(ended_at=None).count() or "")

    def get_urls(self) -> list[URLPattern]:
        """With the button's path."""
        page = self.admin_site.admin_view(self.send_test)
        return [path("test/", page, name="bingproject_alert_test"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With the ways there are to tell somebody."""
        shown = {"has_channel": telling.has_channel(), "may_test": self.may_test(request)}
        return super().changelist_view(request, (extra_context or {}) | shown)

    def may_test(self, request: HttpRequest) -> bool:
        """Whoever acts on alerts may try whether they arrive."""
        return bool(request.user.has_perm("bingproject.change_alert"))

    def send_test(self, request: HttpRequest) -> HttpResponse:
        """Send a test by every way that is set, and say what came of it."""
        if request.method != "POST" or not self.may_test(request):
            raise PermissionDenied
        outcome = alerts.send_test(timezone.now())
        record(request, Alert, [], "Send a test")
        if outcome.told:
            messages.success(request, f"A test was sent by {' and '.join(outcome.told)}.")
        for fault in outcome.faults:
            messages.error(request, f"The test did not go out by {fault}.")
        if not telling.has_channel():
            messages.warning(request, "Neither EMAIL_URL with ALERT_EMAIL nor ALERT_WEBHOOK_URL is set.")
        return HttpResponseRedirect(reverse("admin:bingproject_alert_changelist"))

    @display(description="state", label={"Open": "danger", "Ended": "success"})
    def state_shown(self, alert: Alert) -> str:
        """Whether it is still so."""
        return "Ended" if alert.ended_at else "Open"

"""The admin's page of alerts: causes, notifications, and a button that sends a test."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import display

from bingproject.alerts import causes, notifications
from bingproject.models import Alert
from bingproject.operators.audit_log import record
from bingproject.operators.base_admin import MachineRowsAdmin

LINK_CLASSES = "text-primary-600 dark:text-primary-500"


def page_of(alert: Alert) -> str:
    """Return the address of the admin page on which an alert's cause can be fixed; "" if there is none."""
    for pattern, name, query in settings.ALERT_PAGES:
        found = re.compile(pattern).match(alert.cause)
        if found:
            address = reverse(f"admin:{name}", args=found.groups())
            return f"{address}?{query}" if query else address
    return ""


class AlertAdmin(MachineRowsAdmin):
    """Alerts: the open ones first; nothing is edited."""

    hint = "What needs an operator, noticed every half minute and told by e-mail or webhook where these are set."
    list_before_template = "bingproject/alerts_before.html"
    empty_text = "Nothing is wrong. Problems appear here within half a minute; nothing needs to be added."
    live_seconds = 5
    list_display = ("state_shown", "summary_shown", "what_to_do", "began_at", "ended_at", "notified_at", "last_error")
    list_filter = (("ended_at", admin.EmptyFieldListFilter),)
    search_fields = ("cause", "summary")
    ordering = (F("ended_at").desc(nulls_first=True), "-began_at")
    readonly_fields = ("state_shown", "summary_shown")
    fields = (
        "state_shown", "summary_shown", "what_to_do", "cause", "began_at", "seen_at", "ended_at", "notified_at",
        "notification_count", "last_error",
    )  # fmt: skip

    def badge(self, request: HttpRequest) -> str:
        """Return the number of open alerts, "" for none."""
        return str(Alert.objects.filter(ended_at=None).count() or "")

    def get_urls(self) -> list[URLPattern]:
        """Add the path of the test button."""
        page = self.admin_site.admin_view(self.send_test)
        return [path("test/", page, name="bingproject_alert_test"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add whether a channel is configured and whether the user may send a test."""
        shown = {"has_channel": notifications.has_channel(), "may_test": self.may_test(request)}
        return super().changelist_view(request, (extra_context or {}) | shown)

    def may_test(self, request: HttpRequest) -> bool:
        """True if the user may change alerts."""
        return bool(request.user.has_perm("bingproject.change_alert"))

    def send_test(self, request: HttpRequest) -> HttpResponse:
        """Send a test through every configured channel and show the outcome."""
        if request.method != "POST" or not self.may_test(request):
            raise PermissionDenied
        outcome = causes.send_test(timezone.now())
        record(request, Alert, [], "Send a test")
        if outcome.delivered:
            messages.success(request, f"A test was sent by {' and '.join(outcome.delivered)}.")
        for fault in outcome.faults:
            messages.error(request, f"The test did not go out by {fault}.")
        if not notifications.has_channel():
            messages.warning(request, "Neither EMAIL_URL with ALERT_EMAIL nor ALERT_WEBHOOK_URL is set.")
        return HttpResponseRedirect(reverse("admin:bingproject_alert_changelist"))

    @display(description="summary")
    def summary_shown(self, alert: Alert) -> str:
        """Return the summary, linked to the page where the cause can be fixed."""
        address = page_of(alert)
        if not address:
            return alert.summary
        return format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, alert.summary)

    @display(description="state", label={"Open": "danger", "Ended": "success"})
    def state_shown(self, alert: Alert) -> str:
        """Open or Ended."""
        return "Ended" if alert.ended_at else "Open"

"""Operators' pages for accounts and what holds them. State first; secrets go in and are not shown again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.forms import BaseModelFormSet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timeuntil
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display

from accounts import services
from accounts.admin.forms import AccountForm
from accounts.models import USABLE_STATES, Account, AccountCapability, AccountState, Lease
from bingproject.pages import LIST_HINT, MachineRowsAdmin

STATE_COLOURS = {
    AccountState.OK: "success",
    AccountState.UNCHECKED: "info",
    AccountState.CHALLENGED: "warning",
    AccountState.EXPIRED: "danger",
    AccountState.BLOCKED: "danger",
}


# What an operator can do about a state; the reason beside it says what Bing said.
WHAT_TO_DO = {
    AccountState.OK: "Nothing.",
    AccountState.UNCHECKED: "Nothing: a worker is about to check it. If it stays so, look whether a runner is at work.",
    AccountState.CHALLENGED: (
        "Sign in at bing.com with this account in a browser, pass what Bing asks for, then paste its cookies below."
    ),
    AccountState.EXPIRED: (
        "Sign in at bing.com with this account in a browser and paste its cookies below. Meanwhile it is looked at "
        "again every 30 minutes, and at once when nothing else is usable: cookies have been seen to come back."
    ),
    AccountState.BLOCKED: (
        "Sign in at account.microsoft.com with this account and see what Microsoft wants; then paste its cookies below."
    ),
}


class CoolingDownFilter(admin.SimpleListFilter):
    """Accounts that rest."""

    title = "cooling down"
    parameter_name = "cooling"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """One choice."""
        return [("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Account]) -> QuerySet[Account]:
        """Those with a rest that is not over."""
        if self.value() != "yes":
            return queryset
        now = timezone.now()
        resting = AccountCapability.objects.filter(Q(cooldown_until__gt=now) | Q(fast_cooldown_until__gt=now))
        return queryset.filter(pk__in=resting.values("account_id"))


class AccountCapabilityInline(TabularInline):
    """What the account may do; operators set the limit, Bing's answers the rest."""

    model = AccountCapability
    verbose_name_plural = "What it may do at once (0: never), and how it goes"
    hide_title = True
    fields = ("capability", "limit", "cooldown_until", "cooldown_reason", "fast_cooldown_until", "last_success_at")
    readonly_fields = ("capability", "cooldown_until", "cooldown_reason", "fast_cooldown_until", "last_success_at")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Every account has its three rows from the start."""
        return False


@admin.register(Account)
class AccountAdmin(ModelAdmin):
    """Accounts: state first; cookies in, never out."""

    form = AccountForm
    inlines = (AccountCapabilityInline,)
    hint = (
        "Microsoft accounts that pictures and videos are made with. Add one by pasting its cookies; Bing's answers set "
        "its state."
    )
    list_before_template = LIST_HINT
    list_display = ("state_shown", "name", "reason", "resting", "cookie_shown", "checked_at", "enabled")
    list_display_links = ("state_shown", "name")
    list_filter = ("state", "is_enabled", CoolingDownFilter)
    search_fields = ("name", "notes")
    search_help_text = "Name or notes"
    readonly_fields = ("state", "state_reason", "what_to_do", "state_at", "checked_at", "last_error", "cookies_shown")
    fieldsets = (
        ("State", {"fields": ("state", "state_reason", "what_to_do", "state_at", "checked_at", "last_error")}),
        ("Account", {"fields": ("name", "is_enabled", "cookies_shown", "new_cookies", "proxy", "user_agent", "notes")}),
    )
    add_fieldsets = ((None, {"fields": ("name", "new_cookies", "is_enabled", "proxy", "user_agent", "notes")}),)
    actions = ("check_now", "enable", "disable", "clear_cooldowns")
    actions_submit_line = ("save_and_check",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """With the capabilities: the list shows which of them rest."""
        return super().get_queryset(request).prefetch_related("capabilities")

    def badge(self, request: HttpRequest) -> str:
        """How many wait for an operator."""
        count = Account.objects.filter(is_enabled=True).exclude(state__in=USABLE_STATES).count()
        return str(count or "")

    def get_inlines(self, request: HttpRequest, obj: Account | None) -> Sequence[Any]:
        """Capabilities come with the account: there are none while it is being added."""
        return self.inlines if obj is not None else ()

    @display(description="state", ordering="state", label=STATE_COLOURS)
    def state_shown(self, account: Account) -> tuple[str, str]:
        """What Bing last said of it."""
        return account.state, account.get_state_display()

    @display(description="reason", ordering="state_reason")
    def reason(self, account: Account) -> str:
        """Why it stands so; what stopped the last check, when that said nothing of the account."""
        disabled = "" if account.is_enabled else "Disabled by an operator."
        failed = f"Last check failed: {account.last_error}" if account.last_error else ""
        return " ".join(filter(None, (disabled, account.state_reason, failed)))

    @display(description="what to do")
    def what_to_do(self, account: Account) -> str:
        """The operator's next step."""
        return WHAT_TO_DO[AccountState(account.state)] if account.cookies_at else "Paste its cookies below."

    @display(description="enabled", ordering="is_enabled", boolean=True)
    def enabled(self, account: Account) -> bool:
        """Whether it is given work."""
        return account.is_enabled

    @display(description="cookie", ordering="cookies_at")
    def cookie_shown(self, account: Account) -> str:
        """The end of `_U`, by which an operator knows it again."""
        if account.cookies_at is None:
            return "none"
        return f"…{account.cookies_tail}" if account.cookies_tail else "set"

    @display(description="cookies")
    def cookies_shown(self, account: Account) -> str:
        """The same, and when they were pasted."""
        pasted = date_format(account.cookies_at, "DATETIME_FORMAT") if account.cookies_at else ""
        return f"{self.cookie_shown(account)}, pasted {pasted}" if pasted else "none"

    @display(description="cooling down")
    def resting(self, account: Account) -> str:
        """Which capabilities rest, and for how long yet."""
        now, ends = timezone.now(), []
        for row in account.capabilities.all():
            lanes = ((row.get_capability_display(), row.cooldown_until), ("fast lane", row.fast_cooldown_until))
            ends += [f"{name}: {timeuntil(end, now)}" for name, end in lanes if end is not None and end > now]
        return ", ".join(ends)

    def save_model(self, request: HttpRequest, obj: Account, form: AccountForm, change: bool) -> None:
        """Write what the form changed and nothing else: a worker may be writing the account's state meanwhile."""
        obj.proxy = form.cleaned_data["proxy"]
        if change:
            columns = {"proxy": "sealed_proxy"} | {name: name for name in AccountForm.Meta.fields}
            obj.save(update_fields=[columns[name] for name in form.changed_data if name in columns])
        else:
            obj.save()
        if form.cleaned_data["new_cookies"]:
            services.rotate_cookies(obj, form.cleaned_data["new_cookies"], timezone.now())
        for line_action in self.get_actions_submit_line(request, obj.pk):
            if line_action.action_name in request.POST:
                line_action.method(request, obj)

    def save_formset(self, request: HttpRequest, form: Any, formset: BaseModelFormSet[Any, Any], change: bool) -> None:
        """The same for capabilities: only the limit is the operator's."""
        for row in formset.save(commit=False):
            row.save(update_fields=["limit"])

    @action(description="Save and check now")
    def save_and_check(self, request: HttpRequest, obj: Account) -> None:
        """Have a worker look at it."""
        services.request_check(obj, timezone.now())
        messages.info(request, "The check is under way. Reload the page to see what came of it.")

    @admin.action(description="Check now", permissions=["change"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Have a worker look at each of them."""
        accounts = list(queryset)
        for account in accounts:
            services.request_check(account, timezone.now())
        messages.info(request, f"{len(accounts)} to be checked. Reload the page to see what came of it.")

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Give them work."""
        messages.success(request, f"{queryset.filter(is_enabled=False).update(is_enabled=True)} enabled.")

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Give them no new work; what runs ends."""
        messages.success(request, f"{queryset.filter(is_enabled=True).update(is_enabled=False)} disabled.")

    @admin.action(description="Clear cool-downs", permissions=["change"])
    def clear_cooldowns(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Give them work again at once."""
        count = services.clear_cooldowns(list(queryset.values_list("pk", flat=True)))
        messages.success(request, f"{count} cool-downs cleared.")


@admin.register(Lease)
class LeaseAdmin(MachineRowsAdmin):
    """What holds accounts right now."""

    hint = "Chat turns under way, and the account each one holds. One that nobody renews is over within half a minute."
    list_display = ("account", "capability", "holder", "until")
    list_select_related = ("account",)

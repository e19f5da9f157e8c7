"""Operators' pages for accounts and leases. Secrets can be entered but are never shown again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import apnumber
from django.db.models import Model, Q, QuerySet
from django.forms import BaseModelFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.functional import cached_property
from unfold.admin import TabularInline
from unfold.decorators import display

from accounts.admin import columns, credentials
from accounts.admin.account_import import AccountImportMixin
from accounts.admin.checking import AccountCheckMixin
from accounts.admin.guide import CookieGuideMixin
from accounts.admin.instructions import conditional_fields
from accounts.admin.kinds import AccountForm
from accounts.admin.saving import save_account
from accounts.microsoft import services
from accounts.microsoft.providers import PROVIDERS
from accounts.models import USABLE_STATES, Account, AccountCapability, AccountKind, Lease
from bingproject.operators.base_admin import LIST_HINT, MachineRowsAdmin, RecordedAdmin


class CoolingDownFilter(admin.SimpleListFilter):
    """Filter accounts that have a cooldown."""

    title = "cooling down"
    parameter_name = "cooling"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the only choice."""
        return [("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Account]) -> QuerySet[Account]:
        """Return accounts with a cooldown that is not over."""
        if self.value() != "yes":
            return queryset
        now = timezone.now()
        cooled_down = AccountCapability.objects.filter(Q(cooldown_until__gt=now) | Q(fast_cooldown_until__gt=now))
        return queryset.filter(pk__in=cooled_down.values("account_id"))


# Fields of all kinds; the form of a new account shows those of the chosen kind.
TYPED_CREDENTIALS = (
    "new_cookies", "cookies_file", "user_agent", "identity_type", "object_id", "tenant_id", "tier", "token_command",
)  # fmt: skip


def _state_fields(account: Account) -> tuple[str, ...]:
    boosts = ("boosts_text",) if account.kind == AccountKind.BING else ()
    return ("state", "state_reason", "what_to_do", "state_at", *boosts, "checked_at", "last_error")


def _change_fieldsets(account: Account) -> Any:
    return (
        ("State", {"fields": (*_state_fields(account), "open_conversation")}),
        ("Account", {"fields": ("name", "kind", "is_enabled", "proxy", "user_agent", "notes")}),
        ("Credentials", {"fields": account.provider.credential_fields}),
    )


def _view_fieldsets(account: Account) -> Any:
    """Return the fieldsets of operators who may only view accounts.

    Django would show a form's field by the row's attribute of that name: the proxy's would be the whole address with
    its password.
    """
    shown = ("name", "kind", "is_enabled", "cookies_shown", "token_shown", "proxy_shown", "user_agent", "notes")
    return (("State", {"fields": _state_fields(account)}), ("Account", {"fields": shown}))


class AccountCapabilityInline(TabularInline):
    """The account's capabilities; operators set limit and pace, the provider's answers set the rest."""

    model = AccountCapability
    verbose_name_plural = "How much it may do at once (0: never), and its state"
    hide_title = True
    readonly_fields = ("capability", "in_flight", "check_shown", "last_success_at", "cooldown_shown")
    fields = ("capability", "in_flight", "limit", "per_minute", "burst", *readonly_fields[2:])
    account: Account | None = None
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False: an account gets its rows when it is created."""
        return False

    @cached_property
    def in_flight_counts(self) -> Mapping[tuple[int, str], int]:
        """The account's work in flight, read once per page."""
        return services.read_loads([self.account.pk], timezone.now()) if self.account else {}

    @display(description="in flight")
    def in_flight(self, row: AccountCapability) -> str:
        """Return the work in flight, and the limit."""
        return columns.in_flight(row, self.in_flight_counts)

    @display(description="last check")
    def check_shown(self, row: AccountCapability) -> str:
        """Return the last check's result."""
        return columns.show_check(row)

    @display(description="cooldown")
    def cooldown_shown(self, row: AccountCapability) -> str:
        """Return the capability's cooldowns."""
        return columns.show_cooldowns(row)


@admin.register(Account)
class AccountAdmin(CookieGuideMixin, AccountCheckMixin, AccountImportMixin, RecordedAdmin):
    """The list and the form of accounts."""

    form = AccountForm
    inlines = (AccountCapabilityInline,)
    hint = (
        f"Microsoft accounts of {apnumber(len(PROVIDERS))} kinds: Bing makes pictures and videos, and chats where Bing "
        f"Chat still answers; {' and '.join(one.name for one in PROVIDERS.values() if one.token)} chat. Add one by "
        "pasting its cookies or its token; the service's answers set its state."
    )
    list_before_template = LIST_HINT
    empty_text = (
        "Nothing can be made without one. Paste the cookie of a Microsoft account that is signed in at bing.com."
    )
    live_seconds = 5
    list_display = ("state_shown", "name_shown", "kind", "boosts", "reason", "work", "checks")
    list_display_links = ("state_shown", "name_shown")
    list_filter = ("state", "kind", "is_enabled", CoolingDownFilter)
    list_per_page = 25
    search_fields = ("name", "notes")
    search_help_text = "Name or notes"
    readonly_fields = (
        "state", "state_reason", "what_to_do", "state_at", "checked_at", "last_error", "cookies_shown", "token_shown",
        "clearance_shown", "boosts_text",
    )  # fmt: skip
    add_fieldsets = (
        (None, {"fields": ("kind", "name")}),
        (
            "Credentials",
            {"fields": TYPED_CREDENTIALS},
        ),
        ("Account", {"fields": ("is_enabled", "proxy", "notes")}),
    )
    actions = ("check_now", "check_now_opening", "enable", "disable", "clear_cooldowns")
    actions_list = ("check_all", "import_accounts")
    actions_submit_line = ("save_and_check",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """Prefetch the capabilities, whose cooldowns the list shows."""
        return super().get_queryset(request).prefetch_related("capabilities")

    def get_fieldsets(self, request: HttpRequest, obj: Account | None = None) -> Any:
        """Return input fields for operators who may change the account, and texts for the others."""
        if obj is not None and not self.has_change_permission(request, obj):
            return _view_fieldsets(obj)
        return super().get_fieldsets(request, obj) if obj is None else _change_fieldsets(obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> Sequence[str]:
        """Make the kind read-only after the account was added: its capabilities and credentials depend on it."""
        return self.readonly_fields if obj is None else ("kind", *self.readonly_fields)

    def badge(self, request: HttpRequest) -> str:
        """Return the number of accounts that need an operator, for the menu."""
        count = Account.objects.filter(is_enabled=True).exclude(state__in=USABLE_STATES).count()
        return str(count or "")

    def get_inlines(self, request: HttpRequest, obj: Account | None) -> Sequence[Any]:
        """Return no capabilities while an account is being added: saving it creates them."""
        return self.inlines if obj is not None else ()

    @display(description="state", ordering="state", label=columns.STATE_COLOURS)
    def state_shown(self, account: Account) -> tuple[str, str]:
        """Return the state, without colour for a disabled account."""
        text = account.get_state_display()
        return (account.state, text) if account.is_enabled else (columns.OFF, f"{text}, disabled")

    @display(description="name", ordering="name")
    def name_shown(self, account: Account) -> str:
        """Return the name and what identifies the account."""
        return columns.show_name(account)

    @display(description="reason", ordering="state_reason")
    def reason(self, account: Account) -> str:
        """Return the reason of the state, and the cooldowns."""
        return columns.show_reason(account)

    @display(description="boosts left", ordering="boosts_left")
    def boosts(self, account: Account) -> str:
        """Return the boosts left, and the figure's age."""
        return columns.show_boosts(account)

    @display(description="boosts left")
    def boosts_text(self, account: Account) -> str:
        """Return the boosts left as a sentence."""
        return columns.describe_boosts(account)

    @display(description="in flight")
    def work(self, account: Account) -> str:
        """Return work in flight and last success by capability."""
        return columns.show_work(account)

    @display(description="last check")
    def checks(self, account: Account) -> str:
        """Return the last check of each capability."""
        return columns.show_checks(account)

    @display(description="proxy")
    def proxy_shown(self, account: Account) -> str:
        """Return the account's proxy without its password."""
        return columns.show_proxy(account)

    @display(description="what to do")
    def what_to_do(self, account: Account) -> str:
        """Return the operator's next step."""
        return credentials.what_to_do(account)

    @display(description="cookies")
    def cookies_shown(self, account: Account) -> str:
        """Return the end of the cookie, and when it was pasted."""
        return credentials.show_cookies(account)

    @display(description="access token")
    def token_shown(self, account: Account) -> str:
        """Return the token's kind and expiry."""
        return credentials.show_token(account)

    @display(description="clearance")
    def clearance_shown(self, account: Account) -> str:
        """Return when Cloudflare's cookie was pasted."""
        return credentials.show_clearance(account)

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[columns.AccountList]:
        """Return the page class that reads the work in flight."""
        return columns.AccountList

    def get_inline_instances(self, request: HttpRequest, obj: Account | None = None) -> list[Any]:
        """Give the inline its account, so that it reads the work in flight once and not per row."""
        inlines: list[Any] = super().get_inline_instances(request, obj)
        for inline in inlines:
            inline.account = obj
        return inlines

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *arguments: Any, **options: Any) -> Any:
        """Report the secrets that a form with errors has lost; let a new account's fields follow the chosen kind."""
        adminform = context["adminform"]
        form: AccountForm = adminform.form
        if form.is_bound:
            form.report_lost_secrets()
        if context.get("original") is None:
            # Not on the page of an existing account: its kind cannot change, and it has the fields of its kind only.
            adminform.model_admin = copy(self)
            adminform.model_admin.conditional_fields = conditional_fields()
        return super().render_change_form(request, context, *arguments, **options)

    def save_model(self, request: HttpRequest, obj: Account, form: AccountForm, change: bool) -> None:
        """Save the account, show what was found in a paste, and run the action of a further submit button."""
        found = save_account(obj, form, timezone.now())
        if found:
            messages.info(request, found)
        for line_action in self.get_actions_submit_line(request, obj.pk):
            if line_action.action_name in request.POST:
                line_action.method(request, obj)

    def save_formset(self, request: HttpRequest, form: Any, formset: BaseModelFormSet[Any, Any], change: bool) -> None:
        """Write limit and pace only: workers write the other columns at the same time."""
        for row in formset.save(commit=False):
            row.save(update_fields=["limit", "per_minute", "burst"])

    def response_change(self, request: HttpRequest, obj: Account) -> HttpResponse:
        """Redirect to the page that waits for a requested check, if any."""
        answer = super().response_change(request, obj)
        waiting = getattr(request, "checked_next", "")
        return HttpResponseRedirect(waiting) if waiting else answer

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Enable accounts."""
        messages.success(request, f"{queryset.filter(is_enabled=False).update(is_enabled=True)} enabled.")

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Disable accounts; work in flight is finished."""
        messages.success(request, f"{queryset.filter(is_enabled=True).update(is_enabled=False)} disabled.")

    @admin.action(description="Clear cooldowns", permissions=["change"])
    def clear_cooldowns(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """End all cooldowns."""
        count = services.clear_cooldowns(list(queryset.values_list("pk", flat=True)))
        messages.success(request, f"{count} cooldowns cleared.")


@admin.register(Lease)
class LeaseAdmin(MachineRowsAdmin):
    """The list of leases."""

    hint = (
        "Chat turns in progress, and the account that each one uses. A lease that is not renewed ends within half a "
        "minute; a probe's lease lasts until Bing has finished its work."
    )
    empty_text = "Nobody is chatting now. A lease exists only during a turn."
    live_seconds = 5
    list_display = ("account", "capability", "holder", "until")
    list_select_related = ("account",)

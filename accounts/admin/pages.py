"""Operators' pages for accounts and what holds them. State first; secrets go in and are not shown again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.forms import BaseModelFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.functional import cached_property
from unfold.admin import TabularInline
from unfold.decorators import display

from accounts import services
from accounts.admin import columns, credentials
from accounts.admin.checking import ChecksAccounts
from accounts.admin.instructions import conditions
from accounts.admin.kinds import AccountForm
from accounts.models import USABLE_STATES, Account, AccountCapability, AccountKind, Lease
from accounts.protocol import describe_cookies
from bingproject.pages import LIST_HINT, MachineRowsAdmin, RecordedAdmin


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


PLACE = ("object_id", "tenant_id", "tier")
# What is shown and typed of each kind's credentials.
CREDENTIALS = {
    AccountKind.BING: ("cookies_shown", "new_cookies", "cookies_file"),
    AccountKind.COPILOT: (
        "token_shown", "clearance_shown", "cookies_shown", "new_cookies", "cookies_file", "token_command",
        "identity_type",
    ),
    AccountKind.M365: ("token_shown", "new_cookies", "cookies_file", "token_command", *PLACE),
}  # fmt: skip


def _change_fieldsets(account: Account) -> Any:
    state = ("state", "state_reason", "what_to_do", "state_at", "checked_at", "last_error", "open_conversation")
    return (
        ("State", {"fields": state}),
        ("Account", {"fields": ("name", "kind", "is_enabled", "proxy", "user_agent", "notes")}),
        ("Credentials", {"fields": CREDENTIALS[AccountKind(account.kind)]}),
    )


class AccountCapabilityInline(TabularInline):
    """What the account may do; operators set limit and pace, the service's answers the rest."""

    model = AccountCapability
    verbose_name_plural = "What it may do at once (0: never), and how it goes"
    hide_title = True
    readonly_fields = ("capability", "in_flight", "check_shown", "last_success_at", "rests_shown")
    fields = ("capability", "in_flight", "limit", "per_minute", "burst", *readonly_fields[2:])
    account: Account | None = None
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Every account has the rows of its kind from the start."""
        return False

    @cached_property
    def loads(self) -> Mapping[tuple[int, str], int]:
        """What the account is doing; asked for once a page."""
        return services.read_loads([self.account.pk], timezone.now()) if self.account else {}

    @display(description="in flight")
    def in_flight(self, row: AccountCapability) -> str:
        """How many run, of how many that may."""
        return columns.in_flight(row, self.loads)

    @display(description="last check")
    def check_shown(self, row: AccountCapability) -> str:
        """What it found."""
        return columns.show_check(row)

    @display(description="rests")
    def rests_shown(self, row: AccountCapability) -> str:
        """Until when it is given no work, and why."""
        return columns.show_rests(row)


@admin.register(Account)
class AccountAdmin(ChecksAccounts, RecordedAdmin):
    """Accounts: state first; cookies in, never out."""

    form = AccountForm
    inlines = (AccountCapabilityInline,)
    hint = (
        "Microsoft accounts of three kinds: Bing makes pictures and videos, and chats where Bing Chat still answers; "
        "Copilot and Microsoft 365 chat. Add one by pasting its cookies or its token; the service's answers set its "
        "state."
    )
    list_before_template = LIST_HINT
    list_display = ("state_shown", "name_shown", "kind", "reason", "work", "proved")
    list_display_links = ("state_shown", "name_shown")
    list_filter = ("state", "kind", "is_enabled", CoolingDownFilter)
    list_per_page = 25
    search_fields = ("name", "notes")
    search_help_text = "Name or notes"
    readonly_fields = (
        "state", "state_reason", "what_to_do", "state_at", "checked_at", "last_error", "cookies_shown", "token_shown",
        "clearance_shown",
    )  # fmt: skip
    add_fieldsets = (
        (None, {"fields": ("kind", "name")}),
        (
            "Credentials",
            {"fields": ("new_cookies", "cookies_file", "user_agent", "identity_type", *PLACE, "token_command")},
        ),
        ("Account", {"fields": ("is_enabled", "proxy", "notes")}),
    )
    # For those who may only look. Django would show a form's field by the row's attribute of that name: the proxy's
    # would be the whole address with its password.
    view_fieldsets = (
        ("State", {"fields": ("state", "state_reason", "what_to_do", "state_at", "checked_at", "last_error")}),
        (
            "Account",
            {
                "fields": (
                    "name", "kind", "is_enabled", "cookies_shown", "token_shown", "proxy_shown", "user_agent", "notes",
                )
            },
        ),
    )  # fmt: skip
    actions = ("check_now", "check_now_opening", "enable", "disable", "clear_cooldowns")
    actions_list = ("check_all",)
    actions_submit_line = ("save_and_check",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """With the capabilities: the list shows which of them rest."""
        return super().get_queryset(request).prefetch_related("capabilities")

    def get_fieldsets(self, request: HttpRequest, obj: Account | None = None) -> Any:
        """What may be typed, for those who may change it; what may be seen, for the others."""
        if obj is not None and not self.has_change_permission(request, obj):
            return self.view_fieldsets
        return super().get_fieldsets(request, obj) if obj is None else _change_fieldsets(obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> Sequence[str]:
        """A kind is chosen once: what belongs to an account depends on it."""
        return self.readonly_fields if obj is None else ("kind", *self.readonly_fields)

    def badge(self, request: HttpRequest) -> str:
        """How many wait for an operator."""
        count = Account.objects.filter(is_enabled=True).exclude(state__in=USABLE_STATES).count()
        return str(count or "")

    def get_inlines(self, request: HttpRequest, obj: Account | None) -> Sequence[Any]:
        """Capabilities come with the account: there are none while it is being added."""
        return self.inlines if obj is not None else ()

    @display(description="state", ordering="state", label=columns.STATE_COLOURS)
    def state_shown(self, account: Account) -> tuple[str, str]:
        """What Bing last said of it; without colour where it is given no work."""
        text = account.get_state_display()
        return (account.state, text) if account.is_enabled else (columns.OFF, f"{text}, disabled")

    @display(description="name", ordering="name")
    def name_shown(self, account: Account) -> str:
        """Which it is."""
        return columns.show_name(account)

    @display(description="reason", ordering="state_reason")
    def reason(self, account: Account) -> str:
        """Why it stands so, and since when; what rests."""
        return columns.show_reason(account)

    @display(description="in flight")
    def work(self, account: Account) -> str:
        """How much of each capability is under way, and when it last worked."""
        return columns.show_work(account)

    @display(description="last check")
    def proved(self, account: Account) -> str:
        """Whether each capability works."""
        return columns.show_checks(account)

    @display(description="proxy")
    def proxy_shown(self, account: Account) -> str:
        """Its own way out, if it has one."""
        return columns.show_proxy(account)

    @display(description="what to do")
    def what_to_do(self, account: Account) -> str:
        """The operator's next step."""
        return credentials.what_to_do(account)

    @display(description="cookies")
    def cookies_shown(self, account: Account) -> str:
        """How an operator knows them again, and when they were pasted."""
        return credentials.show_cookies(account)

    @display(description="access token")
    def token_shown(self, account: Account) -> str:
        """What it is and when it ends."""
        return credentials.show_token(account)

    @display(description="clearance")
    def clearance_shown(self, account: Account) -> str:
        """Cloudflare's: since when."""
        return credentials.show_clearance(account)

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[columns.AccountList]:
        """Pages whose rows know what they are doing."""
        return columns.AccountList

    def get_inline_instances(self, request: HttpRequest, obj: Account | None = None) -> list[Any]:
        """The capabilities know whose they are: what is in flight is asked for once."""
        inlines: list[Any] = super().get_inline_instances(request, obj)
        for inline in inlines:
            inline.account = obj
        return inlines

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *arguments: Any, **options: Any) -> Any:
        """A form that comes back with an error has lost its secrets, and says which; a new account's has rows that
        follow its kind."""
        adminform = context["adminform"]
        form: AccountForm = adminform.form
        if form.is_bound:
            form.say_what_is_gone()
        if context.get("original") is None:
            # Not on an account's own page: it has its kind's rows alone, and no choice that they could follow.
            adminform.model_admin = copy(self)
            adminform.model_admin.conditional_fields = conditions()
        return super().render_change_form(request, context, *arguments, **options)

    def save_model(self, request: HttpRequest, obj: Account, form: AccountForm, change: bool) -> None:
        """Write what the form changed and nothing else: a worker may be writing the account's state meanwhile."""
        is_rerouted = "proxy" in form.changed_data
        if is_rerouted:
            obj.proxy = form.cleaned_data["proxy"]
        if change:
            written = [*form.filled_in(), *(["sealed_proxy"] if is_rerouted else [])]
            obj.save(update_fields=written)
        else:
            obj.save()
        if form.cleaned_data["cookies"] and form.found is not None:
            services.rotate_cookies(obj, form.cleaned_data["cookies"], timezone.now())
            messages.info(request, describe_cookies(form.found))
        elif form.credentials is not None:
            services.give_credentials(obj, form.credentials, timezone.now())
            messages.info(request, form.summary)
        elif "token_command" in form.changed_data or (is_rerouted and obj.state not in USABLE_STATES):
            services.request_check(obj, timezone.now())
        for line_action in self.get_actions_submit_line(request, obj.pk):
            if line_action.action_name in request.POST:
                line_action.method(request, obj)

    def save_formset(self, request: HttpRequest, form: Any, formset: BaseModelFormSet[Any, Any], change: bool) -> None:
        """The same for capabilities: only limit and pace are the operator's."""
        for row in formset.save(commit=False):
            row.save(update_fields=["limit", "per_minute", "burst"])

    def response_change(self, request: HttpRequest, obj: Account) -> HttpResponse:
        """To the page that waits for a check that was asked for; else as ever."""
        answer = super().response_change(request, obj)
        waiting = getattr(request, "checked_next", "")
        return HttpResponseRedirect(waiting) if waiting else answer

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

    hint = (
        "Chat turns under way, and the account each one holds. One that nobody renews is over within half a minute; "
        "what a probe has Bing make holds its account until Bing is done with it."
    )
    list_display = ("account", "capability", "holder", "until")
    list_select_related = ("account",)

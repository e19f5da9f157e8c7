"""Operators' pages for accounts, whitelisted users and API keys. Secrets go in and are not shown again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, ForeignKey, Model, Q, QuerySet
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timeuntil
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts import services
from accounts.models import USABLE_STATES, Account, AccountCapability, AccountState, ApiKey, Lease, WhitelistedUser
from accounts.protocol import PASSWORD_MASK, mask_proxy, parse_cookies
from bingproject.errors import InvalidRequestError
from bingproject.pages import LIST_HINT, MachineRowsAdmin
from bingproject.upstream import is_proxy_address

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


class WriteOnlyTextarea(UnfoldAdminTextareaWidget):
    """A text area that never shows what was typed, not even when the form comes back with an error."""

    def format_value(self, value: Any) -> str:
        """Nothing."""
        return ""


class ProxyInput(UnfoldAdminTextInputWidget):
    """An address whose password is never shown, not even when the form comes back with an error."""

    def format_value(self, value: Any) -> str:
        """The address with a mask for its password."""
        return mask_proxy(str(value or ""))


class AccountForm(ModelForm):  # type: ignore[type-arg]  # Django's form takes no parameter at run time
    """An account, and the one way in for its cookies."""

    new_cookies = forms.CharField(
        required=False,
        strip=True,
        max_length=100_000,
        widget=WriteOnlyTextarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
        help_text=(
            "Sign in at bing.com in a browser, then paste the value of the cookie _U, a Cookie header, “Copy as cURL”, "
            "a cookie editor's JSON export or a cookies.txt. Kept sealed, never shown again."
        ),
    )
    proxy = forms.CharField(
        required=False,
        max_length=300,
        widget=ProxyInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=(
            "Optional: the way out to Bing for this account, e.g. http://name:password@proxy.example.org:3128. "
            "Kept sealed; the password is not shown again."
        ),
    )

    class Meta:
        model = Account
        fields: ClassVar = ["name", "is_enabled", "user_agent", "notes"]
        help_texts: ClassVar = {
            "name": "What you call it here.",
            "is_enabled": "Off: it gets no new work; what runs ends.",
            "user_agent": "Optional: that of the browser which the cookies come from.",
            "notes": "For operators.",
        }
        widgets: ClassVar = {"notes": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.instance.pk is None:
            self.fields["new_cookies"].label = "Cookies"
        self.initial["proxy"] = mask_proxy(self.instance.proxy)

    def clean_new_cookies(self) -> dict[str, str] | None:
        """The cookies by name; None when there is nothing new."""
        text = self.cleaned_data["new_cookies"]
        if not text and self.instance.pk is None:
            raise forms.ValidationError("An account needs its cookies.")
        try:
            return parse_cookies(text) if text else None
        except InvalidRequestError as error:
            raise forms.ValidationError(error.message) from error

    def clean_proxy(self) -> str:
        """An address that can be used; the stored one when it comes back as it was shown."""
        text = str(self.cleaned_data["proxy"])
        if text == self.initial["proxy"]:
            return self.instance.proxy
        if PASSWORD_MASK in text:
            # The stored password must not travel to another address than the one it was given for.
            raise forms.ValidationError("Type the whole address, with its password: it is not shown here.")
        if text and not is_proxy_address(text):
            raise forms.ValidationError("Give an address such as http://name:password@proxy.example.org:3128.")
        return text

    def clean_user_agent(self) -> str:
        """Text that a header can carry."""
        text = str(self.cleaned_data["user_agent"])
        if not (text.isascii() and text.isprintable()):
            raise forms.ValidationError("Only printable ASCII characters can be sent.")
        return text


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


@admin.register(WhitelistedUser)
class WhitelistedUserAdmin(ModelAdmin):
    """Who may use this server."""

    hint = "People and programs that may use this server with a key, and the ids that two-call clients send."
    list_before_template = LIST_HINT
    list_display = ("user_id", "name", "is_active", "key_count", "created_at")
    list_filter = ("is_active",)
    search_fields = ("user_id", "name", "note")
    readonly_fields = ("created_at",)
    actions = ("remove",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WhitelistedUser]:
        """With the number of keys that work."""
        keys = Count("api_keys", filter=Q(api_keys__revoked_at=None))
        return super().get_queryset(request).annotate(working_keys=keys)

    @display(description="keys", ordering="working_keys")
    def key_count(self, user: Any) -> int:
        """Keys not revoked."""
        return int(user.working_keys)

    @admin.action(description="Deactivate and revoke all keys", permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[WhitelistedUser]) -> None:
        """Keep them out."""
        users = list(queryset)
        for user in users:
            services.remove_whitelisted_user(user.user_id, timezone.now())
        messages.success(request, f"{len(users)} deactivated.")


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys: issued here and shown once, then read-only."""

    hint = "Keys of whitelisted users. A new key is shown exactly once; a revoked one opens nothing."
    list_before_template = LIST_HINT
    list_display = ("__str__", "user", "created_at", "last_used_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("user__user_id", "user__name", "key_tail")
    fields = ("user", "created_at", "last_used_at", "revoked_at")
    readonly_fields = ("created_at", "last_used_at", "revoked_at")
    add_fieldsets = ((None, {"fields": ("user",)}),)
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Nothing of a key can be edited; the list still needs the permission for its actions."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Revoked keys stay, so that it can be seen that there were any."""
        return False

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **options: Any) -> Any:
        """Only users who are let in get a key."""
        if db_field.name == "user":
            options["queryset"] = services.list_whitelisted_users().filter(is_active=True)
        return super().formfield_for_foreignkey(db_field, request, **options)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Issue the key; its text travels to the one answer that shows it."""
        issued, text = services.issue_api_key(obj.user.user_id)
        obj.pk, obj.key_tail = issued.pk, issued.key_tail
        request.issued_key_text = text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The page that shows the key, this once: nothing of it is kept, nor may any cache keep it."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API key issued",
            "opts": self.opts,
            "key": obj,
            "text": request.issued_key_text,  # type: ignore[attr-defined]
            "list_url": reverse("admin:accounts_apikey_changelist"),
        }
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return TemplateResponse(request, "admin/accounts/apikey/issued.html", context, headers=headers)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """They open nothing from now on."""
        messages.success(request, f"{services.revoke_api_keys(queryset, timezone.now())} revoked.")


@admin.register(Lease)
class LeaseAdmin(MachineRowsAdmin):
    """What holds accounts right now."""

    hint = "Chat turns under way, and the account each one holds. One that nobody renews is over within half a minute."
    list_display = ("account", "capability", "holder", "until")
    list_select_related = ("account",)

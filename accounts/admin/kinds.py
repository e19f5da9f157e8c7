"""The form of an account of any kind: which credentials each needs, and what a paste fills in by itself."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.db.models import Model
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts.admin.forms import GONE, CookiesForm
from accounts.admin.instructions import WORDS, explain, explain_choice, fields_of_others
from accounts.models import Account, AccountKind
from accounts.protocol import TIERS, FoundCredentials, describe_credentials, find_credentials
from accounts.services.credentials import SERVICES

# What a paste may fill in, when the operator typed nothing else.
FILLED = ("user_agent", "identity_type", "object_id", "tenant_id", "tier")
# What the field for a paste is called on the page of an account; Bing's by its name.
PASTE_LABELS: dict[str, str] = {AccountKind.COPILOT: "New token or cookies", AccountKind.M365: "New token"}
NEEDS_AGENT = (
    "Give the User-Agent of the browser that the cookies and the token come from: Cloudflare's clearance is bound to "
    "it. A HAR and “Copy as cURL” have it in them."
)
NEEDS_PLACE = (
    "This token cannot be looked into, or there is none yet: type it, or paste the socket's address, which has it."
)


class AccountForm(CookiesForm):
    """An account of one of three kinds; its kind is chosen once."""

    token_command = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    tier = forms.ChoiceField(
        label="Licence",
        required=False,
        choices=[("", "—"), *TIERS.items()],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Account
        fields: ClassVar = [
            "name", "kind", "is_enabled", "user_agent", "notes", "token_command", "identity_type", "object_id",
            "tenant_id", "tier",
        ]  # fmt: skip
        help_texts: ClassVar = CookiesForm.Meta.help_texts
        labels: ClassVar = {"identity_type": "Signed in with"}
        widgets: ClassVar = {"notes": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.credentials: FoundCredentials | None = None
        self._explain_fields()
        self.fields["token_command"].choices = _command_choices(self.instance)  # type: ignore[attr-defined]

    @property
    def kind(self) -> str:
        """The account's, or the one that is being chosen."""
        return self.instance.kind if self.instance.pk else str(self.cleaned_data.get("kind", ""))

    @property
    def summary(self) -> str:
        """What was found in the paste, for the operator; "" when nothing was pasted."""
        return describe_credentials(self.credentials, timezone.now().timestamp()) if self.credentials else ""

    def clean(self) -> dict[str, Any]:
        """A new account has what its kind has, and nothing else that was typed."""
        if self.instance.pk is None:
            self._forget_other_kinds()
        return super().clean()

    def read_credentials(self, text: str) -> None:
        """Bing's cookies, or the token and what goes with it, of the kind that the account is."""
        service = SERVICES.get(self.kind)
        if service is None:
            super().read_credentials(text)
            return
        found = find_credentials(text, service, timezone.now().timestamp()) if text else None
        if found is not None and found.token is None and not (found.cookies and self._has_token()):
            self.add_error(self._found_in, found.token_problem)
        elif found is None and self.instance.pk is None and not self._has_token():
            self.add_error("new_cookies", "An account needs its access token, or a token command.")
        else:
            self.credentials = found
        self._fill_in(found)
        self._require(service)

    def say_what_is_gone(self) -> None:
        """For a form that comes back with an error: its secret fields are empty, and say what was found in them."""
        super().say_what_is_gone()
        if self.credentials is not None and not self.has_error(self._found_in):
            self.add_error(self._found_in, f"{GONE} {self.summary}")

    def filled_in(self) -> list[str]:
        """The columns that the form writes: what was typed, and what the paste filled in."""
        named = [*self.changed_data, *FILLED] if self.credentials else self.changed_data
        return [name for name in AccountForm.Meta.fields if name in named]

    def _explain_fields(self) -> None:
        """In the words of its kind, or of the one that is being chosen."""
        is_new = self.instance.pk is None
        for name in WORDS.keys() & self.fields.keys():
            self.fields[name].help_text = explain_choice(name) if is_new else explain(name, self.instance.kind)
        if not is_new and self.instance.kind in PASTE_LABELS:
            self.fields["new_cookies"].label = PASTE_LABELS[self.instance.kind]

    def _forget_other_kinds(self) -> None:
        """What was typed, right or wrong, before another kind was chosen: its fields are not on the page any more."""
        for name in fields_of_others(self.kind):
            self.cleaned_data[name] = ""
            self.errors.pop(name, None)

    def _has_token(self) -> bool:
        return bool(self.instance.sealed_token or self.cleaned_data.get("token_command"))

    def _fill_in(self, found: FoundCredentials | None) -> None:
        """What was pasted counts where nothing else was typed just now."""
        for name in FILLED:
            value = getattr(found, name, "")
            if name in self.fields and name in self.changed_data:
                continue
            self.cleaned_data[name] = value or getattr(self.instance, name)
            setattr(self.instance, name, self.cleaned_data[name])

    def _require(self, service: str) -> None:
        """What the account cannot be used without."""
        if service == "copilot":
            if not self.cleaned_data.get("user_agent") and not self.has_error("user_agent"):
                self._complain("user_agent", NEEDS_AGENT)
            return
        can_wait = self.cleaned_data.get("token_command") and self.credentials is None  # its token may say so
        for name in () if can_wait else ("object_id", "tenant_id"):
            if not self.cleaned_data.get(name):
                self._complain(name, NEEDS_PLACE)
        if not self.cleaned_data.get("tier"):
            self._complain("tier", "Choose the account's licence: its address depends on it.")

    def _complain(self, name: str, words: str) -> None:
        self.add_error(name if name in self.fields else None, words)


def _command_choices(account: Model) -> list[tuple[str, str]]:
    """The names alone; one that is no longer named stays to be seen."""
    stored = str(getattr(account, "token_command", ""))
    names = dict.fromkeys([*settings.TOKEN_COMMANDS, *filter(None, [stored])])
    return [
        ("", "—"),
        *((name, name if name in settings.TOKEN_COMMANDS else f"{name} (not named now)") for name in names),
    ]

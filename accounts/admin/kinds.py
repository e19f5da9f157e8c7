"""The form of an account of any kind: the credentials that each needs, and the fields that a paste fills in."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.db.models import Model
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts.admin.forms import GONE, CookiesForm
from accounts.admin.instructions import HELP_TEXTS, fields_of_other_kinds, help_text_of, help_text_of_choice
from accounts.microsoft.protocol import FoundCredentials, describe_credentials, find_credentials
from accounts.microsoft.providers import PROVIDERS, Provider
from accounts.models import Account

# Fields that a paste fills in unless the operator has changed them.
FILLED = ("user_agent", "identity_type", "object_id", "tenant_id", "tier")


class AccountForm(CookiesForm):
    """An account of any kind; the kind cannot be changed later."""

    token_command = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    tier = forms.ChoiceField(
        label="Licence",
        required=False,
        choices=[("", "—"), *((name, text) for one in PROVIDERS.values() for name, text in one.tiers.items())],
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
        """The account's kind, or the chosen one of a new account."""
        return self.instance.kind if self.instance.pk else str(self.cleaned_data.get("kind", ""))

    @property
    def summary(self) -> str:
        """A description of the pasted credentials, without secrets; "" if nothing was pasted."""
        return describe_credentials(self.credentials, timezone.now().timestamp()) if self.credentials else ""

    def clean(self) -> dict[str, Any]:
        """Ignore fields that the new account's kind does not have."""
        if self.instance.pk is None:
            self._forget_other_kinds()
        return super().clean()

    def read_credentials(self, text: str | bytes) -> None:
        """Read Bing's cookies, or the token and the other credentials of the account's kind."""
        provider = PROVIDERS.get(self.kind)
        if provider is None or provider.token is None:
            super().read_credentials(text)
            return
        found = find_credentials(text, provider.kind, timezone.now().timestamp()) if text else None
        if found is not None and found.token is None and not (found.cookies and self._has_token()):
            self.add_error(self._found_in, found.token_problem)
        elif found is None and self.instance.pk is None and not self._has_token():
            self.add_error("new_cookies", "An account needs its access token, or a token command.")
        else:
            self.credentials = found
        self._fill_in(found)
        self._require(provider)

    def report_lost_secrets(self) -> None:
        """Report the lost token, too."""
        super().report_lost_secrets()
        if self.credentials is not None and not self.has_error(self._found_in):
            self.add_error(self._found_in, f"{GONE} {self.summary}")

    def filled_in(self) -> list[str]:
        """Return the columns to write: those changed by the operator or by the paste."""
        named = [*self.changed_data, *FILLED] if self.credentials else self.changed_data
        return [name for name in AccountForm.Meta.fields if name in named]

    def _explain_fields(self) -> None:
        """Set the help texts of the account's kind, or of all kinds while one is being chosen."""
        is_new = self.instance.pk is None
        for name in HELP_TEXTS.keys() & self.fields.keys():
            self.fields[name].help_text = (
                help_text_of_choice(name) if is_new else help_text_of(name, self.instance.kind)
            )
        if not is_new and self.instance.provider.paste_label:
            self.fields["new_cookies"].label = self.instance.provider.paste_label

    def _forget_other_kinds(self) -> None:
        """Drop values and errors of fields that the page has hidden since another kind was chosen."""
        for name in fields_of_other_kinds(self.kind):
            self.cleaned_data[name] = ""
            self.errors.pop(name, None)

    def _has_token(self) -> bool:
        return bool(self.instance.encrypted_token or self.cleaned_data.get("token_command"))

    def _fill_in(self, found: FoundCredentials | None) -> None:
        """Take values from the paste for fields that the operator has not changed."""
        for name in FILLED:
            value = getattr(found, name, "")
            if name in self.fields and name in self.changed_data:
                continue
            self.cleaned_data[name] = value or getattr(self.instance, name)
            setattr(self.instance, name, self.cleaned_data[name])

    def _require(self, provider: Provider) -> None:
        """Add an error for each missing field that the provider requires."""
        # A token command is to print the first token, which may contain the missing value.
        is_awaited = bool(self.cleaned_data.get("token_command")) and self.credentials is None
        for required in provider.required_fields:
            is_missing = not self.cleaned_data.get(required.name) and not self.has_error(required.name)
            if is_missing and not (required.can_wait and is_awaited):
                self._complain(required.name, required.error)

    def _complain(self, name: str, words: str) -> None:
        self.add_error(name if name in self.fields else None, words)


def _command_choices(account: Model) -> list[tuple[str, str]]:
    """Return the names in TOKEN_COMMANDS, and the stored one even if it is no longer among them."""
    stored = str(getattr(account, "token_command", ""))
    names = dict.fromkeys([*settings.TOKEN_COMMANDS, *filter(None, [stored])])
    return [
        ("", "—"),
        *((name, name if name in settings.TOKEN_COMMANDS else f"{name} (not named now)") for name in names),
    ]

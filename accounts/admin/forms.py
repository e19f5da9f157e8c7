"""The form of an account: cookies and a proxy go in and are not shown again."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.forms import ModelForm
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.admin.columns import show_proxy
from accounts.admin.credentials import SEALED_AWAY
from accounts.models import Account
from accounts.protocol import (
    PASSWORD_MASK,
    FoundCookies,
    describe_cookies,
    describe_proxy,
    explain_refusal,
    find_cookies,
    find_proxy_fault,
    holds_secret,
)

PASTE_LIMIT_BYTES = 32 * 1024 * 1024
GONE = "It is not kept on this page: give it once more."
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class WriteOnlyTextarea(UnfoldAdminTextareaWidget):
    """A text area that never shows what was typed, not even when the form comes back with an error."""

    def format_value(self, value: Any) -> str:
        """Nothing."""
        return ""


class ProxyInput(UnfoldAdminTextInputWidget):
    """An address that is shown again only when no password can stand in it."""

    def format_value(self, value: Any) -> str:
        """The address; a stored one comes here with a mask for its password, or as words when it cannot be opened."""
        address = str(value or "")
        is_masked = PASSWORD_MASK in address or address == SEALED_AWAY
        return "" if not is_masked and holds_secret(address) else address


class CookiesForm(ModelForm):  # type: ignore[type-arg]  # Django's form takes no parameter at run time
    """An account, and the one way in for Bing's cookies; `accounts.admin.kinds` has those of the other kinds."""

    new_cookies = forms.CharField(
        required=False,
        strip=True,
        max_length=PASTE_LIMIT_BYTES,
        widget=WriteOnlyTextarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
    )
    cookies_file = forms.FileField(
        label="Or a file",
        required=False,
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget,
    )
    proxy = forms.CharField(
        required=False,
        max_length=300,
        widget=ProxyInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=(
            "Optional: this account's own way out, e.g. http://name:password@proxy.example.org:3128. "
            "Kept sealed; the password is not shown again."
        ),
    )
    open_conversation = forms.BooleanField(
        label="Also open a conversation when checking",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Counts against the account. Without it, a check cannot tell whether chat works.",
    )

    class Meta:
        model = Account
        fields: ClassVar = ["name", "is_enabled", "user_agent", "notes"]
        help_texts: ClassVar = {
            "name": "What you call it here.",
            "is_enabled": "Off: it gets no new work; what runs ends.",
            "notes": "For operators.",
        }
        widgets: ClassVar = {"notes": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.found: FoundCookies | None = None
        self._found_in = "new_cookies"
        if self.instance.pk is None:
            self.fields["new_cookies"].label = "From your browser"
        self.initial["proxy"] = show_proxy(self.instance)

    def clean_cookies_file(self) -> str:
        """The file's text, whatever it is."""
        upload: UploadedFile[bytes] | None = self.cleaned_data["cookies_file"]
        if upload is None:
            return ""
        if (upload.size or 0) > PASTE_LIMIT_BYTES:
            raise forms.ValidationError("A file of up to 32 MiB can be read.")
        content = upload.read()
        return content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig", "replace").strip()

    def clean_proxy(self) -> str:
        """An address that can be used, or what was shown of the stored one, which then stays."""
        text = str(self.cleaned_data["proxy"])
        if text == self.initial["proxy"]:
            return text
        if PASSWORD_MASK in text:
            # The stored password must not travel to another address than the one it was given for.
            raise forms.ValidationError("Type the whole address, with its password: it is not shown here.")
        if text and (fault := find_proxy_fault(text)):
            raise forms.ValidationError(fault)
        return text

    def clean_user_agent(self) -> str:
        """Text that a header can carry."""
        text = str(self.cleaned_data["user_agent"])
        if not (text.isascii() and text.isprintable()):
            raise forms.ValidationError("Only printable ASCII characters can be sent.")
        return text

    def clean(self) -> dict[str, Any]:
        """The cookies by name under `cookies`, none when there is nothing new."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["cookies"] = {}
        texts = {name: cleaned[name] for name in ("new_cookies", "cookies_file") if cleaned.get(name)}
        if len(texts) > 1:
            self.add_error("cookies_file", f"Either paste cookies or choose a file, not both. {GONE}")
            self.found = find_cookies(texts["new_cookies"], timezone.now().timestamp())
        elif not texts and self._gave_empty_file():
            self.add_error("cookies_file", "This file is empty.")
        elif not self.has_error("new_cookies") and not self.has_error("cookies_file"):
            self._found_in, text = next(iter(texts.items()), ("new_cookies", ""))
            self.read_credentials(text)
        return cleaned

    def read_credentials(self, text: str) -> None:
        """Find Bing's cookies in what was pasted, "" for nothing."""
        if not text:
            if self.instance.pk is None:
                self.add_error("new_cookies", "An account needs its cookies.")
            return
        self.found = find_cookies(text, timezone.now().timestamp())
        if self.found.has_sign_in:
            self.cleaned_data["cookies"] = self.found.usable
        else:
            self.add_error(self._found_in, explain_refusal(self.found))

    def _gave_empty_file(self) -> bool:
        """A file was chosen, and nothing is in it."""
        is_given = bool(self.files.get(self.add_prefix("cookies_file")))
        return is_given and not self.cleaned_data.get("cookies_file") and not self.has_error("cookies_file")

    def say_what_is_gone(self) -> None:
        """For a form that comes back with an error: its secret fields are empty, and say what was found in them."""
        if self.found is not None and not self.has_error(self._found_in):
            self.add_error(self._found_in, f"{GONE} {describe_cookies(self.found)}")
        typed = str(self.data.get(self.add_prefix("proxy"), "")).strip()
        if typed != self.initial["proxy"] and holds_secret(typed) and not self.has_error("proxy"):
            self.add_error("proxy", f"{GONE} Found: {describe_proxy(typed)}.")

"""The form of a Bing account; cookies and the proxy's password are never shown again."""

from __future__ import annotations

from io import BytesIO
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
from accounts.admin.credentials import UNDECRYPTABLE
from accounts.microsoft.protocol import (
    PASSWORD_MASK,
    FoundCookies,
    describe_cookies,
    describe_proxy,
    explain_refusal,
    find_cookies,
    find_proxy_fault,
    holds_secret,
)
from accounts.models import Account

PASTE_LIMIT_BYTES = 32 * 1024 * 1024
GONE = "It is not kept on this page: enter it again."


class WriteOnlyTextarea(UnfoldAdminTextareaWidget):
    """A text area that never shows its value, not even when the form has an error."""

    def format_value(self, value: Any) -> str:
        """Return the empty text."""
        return ""


class ProxyInput(UnfoldAdminTextInputWidget):
    """An address that is shown again only if it contains no password."""

    def format_value(self, value: Any) -> str:
        """Return the address; a stored one has a masked password here, or is `UNDECRYPTABLE`."""
        address = str(value or "")
        is_masked = PASSWORD_MASK in address or address == UNDECRYPTABLE
        return "" if not is_masked and holds_secret(address) else address


class CookiesForm(ModelForm):  # type: ignore[type-arg]  # Django's form takes no parameter at run time
    """An account with Bing's cookies; `accounts.admin.kinds` adds the credentials of the other kinds."""

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
            "Optional: the proxy for this account, e.g. http://name:password@proxy.example.org:3128. "
            "Stored encrypted; the password is not shown again."
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
            "is_enabled": "Off: it gets no new work; work in progress is finished.",
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

    def clean_cookies_file(self) -> bytes:
        """Return the file's content, in any encoding; b"" if it is only whitespace."""
        upload: UploadedFile[bytes] | None = self.cleaned_data["cookies_file"]
        if upload is None:
            return b""
        if (upload.size or 0) > PASTE_LIMIT_BYTES:
            raise forms.ValidationError("A file of up to 32 MiB can be read.")
        # Content in memory is not copied: a HAR may be as large as the limit.
        content = upload.file.getvalue() if isinstance(upload.file, BytesIO) else upload.read()
        return b"" if content.isspace() else content

    def clean_proxy(self) -> str:
        """Return a valid address, or the masked one of the page, which keeps the stored one."""
        text = str(self.cleaned_data["proxy"])
        if text == self.initial["proxy"]:
            return text
        if PASSWORD_MASK in text:
            # The stored password must not be sent to another proxy than the one it belongs to.
            raise forms.ValidationError("Type the whole address, with its password: it is not shown here.")
        if text and (fault := find_proxy_fault(text)):
            raise forms.ValidationError(fault)
        return text

    def clean_user_agent(self) -> str:
        """Return the text if a header can contain it."""
        text = str(self.cleaned_data["user_agent"])
        if not (text.isascii() and text.isprintable()):
            raise forms.ValidationError("Only printable ASCII characters can be sent.")
        return text

    def clean(self) -> dict[str, Any]:
        """Add `cookies`, by name; empty if nothing new was given."""
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
        # A form is in a reference cycle, and would keep the file in memory until the next full garbage collection.
        cleaned.pop("cookies_file", None)
        return cleaned

    def read_credentials(self, text: str | bytes) -> None:
        """Find Bing's cookies in a paste or a file; "" if there is none."""
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
        is_given = bool(self.files.get(self.add_prefix("cookies_file")))
        return is_given and not self.cleaned_data.get("cookies_file") and not self.has_error("cookies_file")

    def report_lost_secrets(self) -> None:
        """Add a message to each secret field of a form with errors, since the fields are empty now."""
        if self.found is not None and not self.has_error(self._found_in):
            self.add_error(self._found_in, f"{GONE} {describe_cookies(self.found)}")
        typed = str(self.data.get(self.add_prefix("proxy"), "")).strip()
        if typed != self.initial["proxy"] and holds_secret(typed) and not self.has_error("proxy"):
            self.add_error("proxy", f"{GONE} Found: {describe_proxy(typed)}.")

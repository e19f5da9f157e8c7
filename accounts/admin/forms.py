"""The form of an account: cookies and a proxy go in and are not shown again."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.forms import ModelForm
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.models import Account
from accounts.protocol import PASSWORD_MASK, mask_proxy, parse_cookies
from bingproject.errors import InvalidRequestError
from bingproject.upstream import is_proxy_address


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

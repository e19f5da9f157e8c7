"""Forms of whitelisted users and API keys; each error is shown at its field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.forms import ModelForm
from django.utils import timezone

from accounts.callers.services import find_users
from accounts.callers.validation import check_expiry, check_limit, check_user_id
from accounts.models import ApiKey, WhitelistedUser
from bingproject.errors import InvalidRequestError


class TermsForm(ModelForm):  # type: ignore[type-arg]  # Django's form takes no parameter at run time
    """The expiry and the limits of both; `least` is the smallest allowed limit."""

    limits: ClassVar[tuple[str, ...]] = ()
    least: ClassVar = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name in self.limits:
            if name in self.fields:
                self.fields[name].widget.attrs["min"] = self.least

    def clean_expires_at(self) -> datetime | None:
        """Require a future expiry, unless it is the stored one."""
        moment: datetime | None = self.cleaned_data["expires_at"]
        if "expires_at" not in self.changed_data:
            return moment
        return or_error(check_expiry, moment, timezone.now())

    def clean(self) -> dict[str, Any] | None:
        """Check the limits."""
        cleaned = super().clean()
        for name in self.limits:
            number = self.cleaned_data.get(name)
            try:
                check_limit(number, name, least=self.least)
            except InvalidRequestError as error:
                self.add_error(name, error.message)
        return cleaned


class WhitelistedUserForm(TermsForm):
    """A user's id, expiry and limits for one UTC day."""

    limits = ("daily_images", "daily_videos", "daily_chats")

    class Meta:
        model = WhitelistedUser
        fields: ClassVar = [
            "user_id", "name", "note", "is_active", "expires_at", "daily_images", "daily_videos", "daily_chats",
        ]  # fmt: skip
        help_texts: ClassVar = {
            "user_id": "The id that clients send or a key belongs to, without spaces. It cannot be changed later.",
            "is_active": "Off: all requests of the user are refused at once, with every key.",
            "expires_at": "From this time on, UTC, the user is refused. Empty: never.",
            "daily_images": "Picture generations on one UTC day. Empty: no limit; 0: none.",
            "daily_videos": "The same for videos.",
            "daily_chats": "Chat turns on one UTC day. Empty: no limit; 0: none.",
        }

    def clean_user_id(self) -> str:
        """Refuse spaces, and an id that exists in the other Unicode spelling."""
        user_id: str = or_error(check_user_id, str(self.cleaned_data["user_id"]))
        if find_users([user_id]):
            raise forms.ValidationError("Whitelisted user with this User id already exists.")
        return user_id


class ApiKeyForm(TermsForm):
    """A key's user, label, scopes, limit and expiry."""

    limits = ("per_minute",)
    least = 1

    class Meta:
        model = ApiKey
        fields: ClassVar = [
            "user", "label", "can_make_images", "can_make_videos", "can_chat", "per_minute", "expires_at",
        ]  # fmt: skip
        help_texts: ClassVar = {
            "user": "A user who is active and not expired.",
            "label": "The device or program that the key is for.",
            "can_make_images": "With none of the three, the key can only read its user's tasks.",
            "per_minute": "Requests per minute. Empty: no limit.",
            "expires_at": "From this time on, UTC, the key is refused. Empty: never.",
        }


def or_error(check: Callable[..., Any], *values: Any) -> Any:
    """Return the check's result, and raise its InvalidRequestError as a ValidationError."""
    try:
        return check(*values)
    except InvalidRequestError as error:
        raise forms.ValidationError(error.message) from error

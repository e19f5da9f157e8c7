"""The forms of whitelisted users and keys: until when, how much, what for; each mistake is said at its field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.forms import ModelForm
from django.utils import timezone

from accounts.models import ApiKey, WhitelistedUser
from accounts.services import check_expiry, check_limit, check_user_id
from bingproject.errors import InvalidRequestError


class TermsForm(ModelForm):  # type: ignore[type-arg]  # Django's form takes no parameter at run time
    """What both have: an end, and limits; `least` is the smallest number that a limit may be."""

    limits: ClassVar[tuple[str, ...]] = ()
    least: ClassVar = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name in self.limits:
            if name in self.fields:
                self.fields[name].widget.attrs["min"] = self.least

    def clean_expires_at(self) -> datetime | None:
        """One that was set long ago may have passed; a new one must be to come."""
        moment: datetime | None = self.cleaned_data["expires_at"]
        if "expires_at" not in self.changed_data:
            return moment
        return or_error(check_expiry, moment, timezone.now())

    def clean(self) -> dict[str, Any] | None:
        """The limits, each at its field."""
        cleaned = super().clean()
        for name in self.limits:
            number = self.cleaned_data.get(name)
            try:
                check_limit(number, name, least=self.least)
            except InvalidRequestError as error:
                self.add_error(name, error.message)
        return cleaned


class WhitelistedUserForm(TermsForm):
    """Who is let in, until when, and how much they may begin on one UTC day."""

    limits = ("daily_images", "daily_videos", "daily_chats")

    class Meta:
        model = WhitelistedUser
        fields: ClassVar = [
            "user_id", "name", "note", "is_active", "expires_at", "daily_images", "daily_videos", "daily_chats",
        ]  # fmt: skip
        help_texts: ClassVar = {
            "user_id": "What clients send or a key stands for; no blanks. It cannot be changed later.",
            "is_active": "Off: they are refused, with every key, at once.",
            "expires_at": "From then on they are refused, UTC. Empty: never.",
            "daily_images": "Generations they may begin on one UTC day. Empty: no limit; 0: none.",
            "daily_videos": "The same for videos.",
            "daily_chats": "Turns of chats they may ask on one UTC day. Empty: no limit; 0: none.",
        }

    def clean_user_id(self) -> str:
        """Without blanks."""
        return or_error(check_user_id, str(self.cleaned_data["user_id"]))


class ApiKeyForm(TermsForm):
    """What a new key is good for."""

    limits = ("per_minute",)
    least = 1

    class Meta:
        model = ApiKey
        fields: ClassVar = [
            "user", "label", "can_make_images", "can_make_videos", "can_chat", "per_minute", "expires_at",
        ]  # fmt: skip
        help_texts: ClassVar = {
            "user": "Who is let in: active and not expired.",
            "label": "What you call it: the device or program that it is for.",
            "can_make_images": "With none of the three it only reads its user's tasks.",
            "per_minute": "Requests in one minute. Empty: no limit.",
            "expires_at": "From then on it opens nothing, UTC. Empty: never.",
        }


def or_error(check: Callable[..., Any], *values: Any) -> Any:
    """What the check makes of the values, its refusal as an error of the form."""
    try:
        return check(*values)
    except InvalidRequestError as error:
        raise forms.ValidationError(error.message) from error

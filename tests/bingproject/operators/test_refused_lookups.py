"""A refused filter of a list is one warning in the log."""

from __future__ import annotations

import logging

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"encrypted_cookies__startswith": "g"}, "encrypted_cookies__startswith"),
        ({"no\nsuch__column": "x"}, "column"),
        ({"_to_field": "encrypted_cookies"}, "encrypted_cookies"),
    ],
    ids=["lookup", "line break", "to field"],
)
def test_one_line_without_a_stack(
    operator: Client, caplog: pytest.LogCaptureFixture, query: dict[str, str], words: str
) -> None:
    """It names the lookup and the page; nothing is logged as an error."""
    address = reverse("admin:accounts_account_changelist")
    operator.raise_request_exception = False
    assert operator.get(address, query).status_code == 400
    record = next(one for one in caplog.records if one.name.startswith("django.security.DisallowedModelAdmin"))
    assert record.levelno == logging.WARNING and record.levelname == "WARNING"
    assert not record.exc_info and not record.exc_text and not record.stack_info
    message = record.getMessage()
    assert words in message and address in message and "\n" not in message
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]

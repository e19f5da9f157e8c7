"""A browser with an operator, and an empty queue."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.waiting_jobs import forget_jobs


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    """No job of another test."""
    forget_jobs()


@pytest.fixture
def operator(client: Client) -> Client:
    """A browser with an operator logged in."""
    client.force_login(User.objects.create_superuser("admin", password="x"))
    return client

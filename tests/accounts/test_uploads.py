"""Uploaded files between preview and word: sealed, the operator's own, gone within the hour."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.models import PendingUpload
from accounts.services.uploads import KEPT, forget_upload, keep_upload, open_upload, prune_uploads
from bingproject.errors import NotFoundError

pytestmark = pytest.mark.django_db
CONTENT = b"user_id\nanna@example.org\n\xff"


@pytest.fixture
def bert() -> int:
    """An operator."""
    return User.objects.create_user("bert").pk


def test_kept_and_opened(bert: int) -> None:
    """It comes back byte for byte, and cannot be read in the database."""
    now = timezone.now()
    name = keep_upload(bert, CONTENT, now)
    assert open_upload(bert, name, now) == CONTENT
    row = PendingUpload.objects.get()
    assert "anna" not in row.sealed_content and str(row) == name


def test_one_for_each_operator(bert: int) -> None:
    """A newer one takes the older one's place; nobody opens another's."""
    now = timezone.now()
    older, newer = (keep_upload(bert, content, now) for content in (b"older", b"newer"))
    assert open_upload(bert, newer, now) == b"newer" and PendingUpload.objects.count() == 1
    for operator_id, name in ((bert, older), (bert, ""), (User.objects.create_user("carl").pk, newer)):
        with pytest.raises(NotFoundError):
            open_upload(operator_id, name, now)


def test_forgotten(bert: int) -> None:
    """When its operator has decided, or after an hour."""
    now = timezone.now()
    name = keep_upload(bert, CONTENT, now)
    with pytest.raises(NotFoundError):
        open_upload(bert, name, now + KEPT)
    assert prune_uploads(now + KEPT - timedelta(seconds=1)) == 0
    assert prune_uploads(now + KEPT) == 1
    keep_upload(bert, CONTENT, now)
    forget_upload(bert)
    assert not PendingUpload.objects.exists()

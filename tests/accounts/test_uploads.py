"""Pending uploads: encrypted, one per operator, deleted within the hour."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts import uploads
from accounts.models import PendingUpload
from accounts.uploads import KEPT, forget_upload, keep_upload, open_upload, prune_uploads, take_upload
from bingproject.conf.environment import new_seal_key
from bingproject.errors import NotFoundError

pytestmark = pytest.mark.django_db
CONTENT = b"user_id\nanna@example.org\n\xff"


@pytest.fixture
def bert() -> int:
    """An operator."""
    return User.objects.create_user("bert").pk


def test_an_upload_comes_back(bert: int) -> None:
    """Byte for byte; it cannot be read in the database."""
    now = timezone.now()
    name = keep_upload(bert, CONTENT, now)
    assert open_upload(bert, name, now) == CONTENT
    row = PendingUpload.objects.get()
    assert "anna" not in row.encrypted_content and str(row) == name


def test_each_operator_has_one_upload(bert: int) -> None:
    """A newer one replaces it, and nobody can open another operator's."""
    now = timezone.now()
    older, newer = (keep_upload(bert, content, now) for content in (b"older", b"newer"))
    assert open_upload(bert, newer, now) == b"newer" and PendingUpload.objects.count() == 1
    for operator_id, name in ((bert, older), (bert, ""), (User.objects.create_user("carl").pk, newer)):
        with pytest.raises(NotFoundError):
            open_upload(operator_id, name, now)


def test_an_upload_is_deleted(bert: int) -> None:
    """After the operator's decision, or after an hour."""
    now = timezone.now()
    name = keep_upload(bert, CONTENT, now)
    with pytest.raises(NotFoundError):
        open_upload(bert, name, now + KEPT)
    assert prune_uploads(now + KEPT - timedelta(seconds=1)) == 0
    assert prune_uploads(now + KEPT) == 1
    keep_upload(bert, CONTENT, now)
    forget_upload(bert)
    assert not PendingUpload.objects.exists()


def test_an_upload_under_a_lost_key(bert: int, settings: Any) -> None:
    """It counts as deleted."""
    now = timezone.now()
    name = keep_upload(bert, CONTENT, now)
    settings.SEAL_KEYS = [new_seal_key()]
    with pytest.raises(NotFoundError, match="cannot be decrypted with any key in SEAL_KEYS"):
        open_upload(bert, name, now)


def test_take_returns_an_upload_once(bert: int) -> None:
    """The second call finds nothing."""
    now = timezone.now()
    name = keep_upload(bert, CONTENT, now)
    assert take_upload(bert, name, now) == CONTENT
    with pytest.raises(NotFoundError):
        take_upload(bert, name, now)


def test_one_of_two_concurrent_takes_succeeds(bert: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the other call deletes it after this one has read it."""
    now = timezone.now()
    name = keep_upload(bert, CONTENT, now)

    def read_and_lose(*arguments: Any) -> bytes:
        content = open_upload(*arguments)
        forget_upload(bert)
        return content

    monkeypatch.setattr(uploads, "open_upload", read_and_lose)
    with pytest.raises(NotFoundError):
        take_upload(bert, name, now)

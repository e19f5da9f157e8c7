"""Store an operator's upload between preview and confirmation: encrypted, for an hour at most."""

from __future__ import annotations

import base64
import uuid
import zlib
from datetime import datetime, timedelta

from accounts.models import PendingUpload
from bingproject.conf.environment import SettingError
from bingproject.errors import NotFoundError
from bingproject.security.encryption import decrypt, encrypt

KEPT = timedelta(hours=1)


def keep_upload(operator_id: int, content: bytes, now: datetime) -> str:
    """Store a file in place of the operator's previous one, and return its name."""
    name = uuid.uuid4().hex
    # `encrypt` takes text, hence base64. It and Fernet each add a third, hence the compression before.
    encrypted = encrypt(base64.b64encode(zlib.compress(content, 1)).decode("ascii"))
    PendingUpload.objects.update_or_create(
        operator_id=operator_id, defaults={"name": name, "encrypted_content": encrypted, "created_at": now}
    )
    return name


def open_upload(operator_id: int, name: str, now: datetime) -> bytes:
    """Return the file's content.

    Raises: NotFoundError if it is another operator's, too old, replaced by a newer one, or encrypted with a lost key.
    """
    row = PendingUpload.objects.filter(operator_id=operator_id, name=name, created_at__gt=now - KEPT).first()
    if row is None:
        raise NotFoundError(message="This upload is no longer there.")
    try:
        content = decrypt(row.encrypted_content)
    except SettingError as error:
        raise NotFoundError(message="This upload cannot be decrypted with any key in SEAL_KEYS.") from error
    return zlib.decompress(base64.b64decode(content))


def take_upload(operator_id: int, name: str, now: datetime) -> bytes:
    """Return the file's content and delete it; of two concurrent calls one succeeds.

    Raises: NotFoundError, as `open_upload` does, or if another call has deleted it first.
    """
    content = open_upload(operator_id, name, now)
    if not PendingUpload.objects.filter(operator_id=operator_id, name=name).delete()[0]:
        raise NotFoundError(message="This upload is no longer there.")
    return content


def forget_upload(operator_id: int) -> None:
    """Delete the operator's file."""
    PendingUpload.objects.filter(operator_id=operator_id).delete()


def prune_uploads(now: datetime) -> int:
    """Delete expired files and return their number."""
    return PendingUpload.objects.filter(created_at__lte=now - KEPT).delete()[0]

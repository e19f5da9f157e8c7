"""Files that operators upload, between the preview and their word: never on disk in clear, kept for an hour at most."""

from __future__ import annotations

import base64
import uuid
import zlib
from datetime import datetime, timedelta

from accounts.models import PendingUpload
from bingproject.errors import NotFoundError
from bingproject.seals import seal, unseal

KEPT = timedelta(hours=1)


def keep_upload(operator_id: int, content: bytes, now: datetime) -> str:
    """Keep a file for the operator, in place of the one before; the name to ask for it by."""
    name = uuid.uuid4().hex
    sealed = seal(base64.b64encode(zlib.compress(content, 1)).decode("ascii"))
    PendingUpload.objects.update_or_create(
        operator_id=operator_id, defaults={"name": name, "sealed_content": sealed, "created_at": now}
    )
    return name


def open_upload(operator_id: int, name: str, now: datetime) -> bytes:
    """The file. Raises: NotFoundError when it is another's, too old, or replaced by a newer one."""
    row = PendingUpload.objects.filter(operator_id=operator_id, name=name, created_at__gt=now - KEPT).first()
    if row is None:
        raise NotFoundError(message="This upload is no longer there.")
    return zlib.decompress(base64.b64decode(unseal(row.sealed_content)))


def forget_upload(operator_id: int) -> None:
    """The file is not needed any more."""
    PendingUpload.objects.filter(operator_id=operator_id).delete()


def prune_uploads(now: datetime) -> int:
    """Forget what nobody came back for; how many."""
    return PendingUpload.objects.filter(created_at__lte=now - KEPT).delete()[0]

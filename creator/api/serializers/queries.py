"""Parse the query of the list of tasks, and build its cursor."""

from __future__ import annotations

import base64
import re
import struct
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bingproject.errors import InvalidRequestError
from creator.api.serializers.fields import shown
from creator.models import FINISHED, OPEN, Kind, State, Task

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
STATES: dict[str, tuple[str, ...]] = {
    "processing": OPEN,
    "completed": (State.COMPLETED,),
    "failed": tuple(state for state in FINISHED if state != State.COMPLETED),
}
_LIMIT = re.compile(r"[1-9][0-9]{0,2}")
# Microseconds since 1970 and an id, 24 bytes in all. The first bits are zero until the year 2112.
CURSOR_PATTERN = r"^AA[A-Za-z0-9_-]{30}$"
_CURSOR_TEXT = re.compile(CURSOR_PATTERN[1:-1])
_CURSOR = struct.Struct(">q16s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TaskQuery:
    """The checked query of `GET /tasks?status=&kind=&cursor=&limit=`.

    Raises:
        InvalidRequestError: A parameter, which it names, is not valid.
    """

    def __init__(self, parameters: Any) -> None:
        for name in ("status", "kind", "cursor", "limit"):
            if len(parameters.getlist(name)) > 1:
                raise InvalidRequestError(f"{name} occurs twice in the query.", param=name)
        self.states = self._choice(parameters, "status", STATES) or ()
        self.kind = self._choice(parameters, "kind", {str(kind): str(kind) for kind in Kind}) or ""
        self.before = None if "cursor" not in parameters else parse_cursor(parameters["cursor"])
        limit = parameters.get("limit", str(DEFAULT_LIMIT))
        if not _LIMIT.fullmatch(limit) or int(limit) > MAX_LIMIT:
            raise InvalidRequestError(f"Invalid limit: {shown(limit)}. Use 1 to {MAX_LIMIT}.", param="limit")
        self.limit = int(limit)

    @staticmethod
    def _choice(parameters: Any, name: str, choices: Mapping[str, Any]) -> Any:
        given = parameters.get(name)
        if given is None:
            return None
        if given not in choices:
            raise InvalidRequestError(f"Invalid {name}: {shown(given)}. Use {' or '.join(choices)}.", param=name)
        return choices[given]


def build_cursor(task: Task) -> str:
    """Return the opaque cursor of the end of a page."""
    microseconds = (task.created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(_CURSOR.pack(microseconds, task.pk.bytes)).decode("ascii")


def parse_cursor(text: str) -> tuple[datetime, uuid.UUID]:
    """Return time and id of the last task of the page before.

    Raises:
        InvalidRequestError: The cursor is not one of this list.
    """
    if not _CURSOR_TEXT.fullmatch(text):
        raise InvalidRequestError("The cursor is not one of this list. Start without it.", param="cursor")
    microseconds, task_id = _CURSOR.unpack(base64.urlsafe_b64decode(text))
    return _EPOCH + timedelta(microseconds=microseconds), uuid.UUID(bytes=task_id)

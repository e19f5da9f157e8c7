"""The id of the current request: set by `edge.application`, read by the log filter."""

from __future__ import annotations

from contextvars import ContextVar

current: ContextVar[str] = ContextVar("request_id", default="")

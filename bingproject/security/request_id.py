"""The id of the request being served: set where a request enters, read where a line is logged."""

from __future__ import annotations

from contextvars import ContextVar

current: ContextVar[str] = ContextVar("request_id", default="")

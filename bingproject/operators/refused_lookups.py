"""Log a refused filter of a list as one warning with the page, not as an error with a stack.

Django raises it inside the admin, so the stack has only library code, and nothing has failed.
"""

from __future__ import annotations

import logging


class RefusedLookupFilter(logging.Filter):
    """Turn a record of `DisallowedModelAdminLookup` or `…ToField` into one line of level WARNING."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True after making the record one line, whatever the query string has."""
        request = getattr(record, "request", None)
        where = f" on {request.path}" if request is not None else ""
        record.msg, record.args = " ".join(f"{record.getMessage()}{where}".split()), None
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        record.exc_info = record.exc_text = record.stack_info = None
        return True

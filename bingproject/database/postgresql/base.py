"""Django's PostgreSQL backend, whose connections give up a server that goes silent.

`statement_timeout` is the server's own limit, and TCP's time-outs notice a host that is gone. Neither helps when the
peer's kernel still acknowledges what is sent: a pooler that hangs, a proxy that lost its server. Then only this side
can give up, shortly after the server itself would have.
"""

from __future__ import annotations

import re
from typing import Any

from django.db.backends.postgresql import base

from bingproject.conf.database_url import STATEMENT_TIMEOUT
from bingproject.database.postgresql._compat_psycopg import LimitedConnection, LimitedDriver

ANSWER_MARGIN_SECONDS = 2.0  # for the server to say itself that a statement took too long
_IN_OPTIONS = re.compile(rf"\b{STATEMENT_TIMEOUT}\s*=", re.IGNORECASE)


class DatabaseWrapper(base.DatabaseWrapper):
    """Reads OPTIONS["statement_timeout"], in milliseconds; 0 waits without limit.

    It is set by a statement and not in the connection's start packet, which poolers such as PgBouncer refuse. Where
    libpq's own `options` name it, those count.
    """

    Database = LimitedDriver()  # type: ignore[assignment] # a module elsewhere, of which it has all names
    is_unlimited = False

    def get_connection_params(self) -> dict[str, Any]:
        """What psycopg takes, which does not know our option."""
        params: dict[str, Any] = super().get_connection_params()
        params.pop(STATEMENT_TIMEOUT, None)
        return params

    def init_connection_state(self) -> None:
        """Set the limit first: what the base class asks may already be left unanswered."""
        self.limit_statements()
        super().init_connection_state()

    def limit_statements(self) -> None:
        """Bring the open connection's limits in line with OPTIONS and `is_unlimited`."""
        raw = self.connection
        if not isinstance(raw, LimitedConnection):
            return
        options = self.settings_dict["OPTIONS"]
        if self.is_unlimited:
            milliseconds = 0
            raw.execute("SET statement_timeout = 0")
        elif _IN_OPTIONS.search(str(options.get("options", ""))):
            row = raw.execute("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'").fetchone()
            milliseconds = int(row[0]) if row else 0
        else:
            milliseconds = int(options.get(STATEMENT_TIMEOUT, 0))
            raw.execute(f"SET statement_timeout = {milliseconds}")
        raw.answer_seconds = milliseconds / 1000 + ANSWER_MARGIN_SECONDS if milliseconds else None

    def lift_limits(self, *, is_unlimited: bool) -> None:
        """Let statements take as long as they need, as migrations do; or limit them again."""
        self.is_unlimited = is_unlimited
        self.limit_statements()

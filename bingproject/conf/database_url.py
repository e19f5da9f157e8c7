"""Parse DATABASE_URL, and add time-outs to PostgreSQL's options where it names none.

Without them, libpq waits forever for a server that went silent, as after a failover that resets no connection.
"""

from __future__ import annotations

from typing import Any

import dj_database_url

from bingproject.conf.environment import SettingError

ENGINE = "bingproject.database.postgresql"
FORM = "DATABASE_URL must be an address, e.g. DATABASE_URL=postgres://name:password@db.example.org:5432/bingproject."
STATEMENT_TIMEOUT = "statement_timeout"
# Milliseconds, the same as SQLite's lock time-out. No statement of this server needs a tenth of it.
STATEMENT_MILLISECONDS = 20_000
# libpq's names and units: seconds, and milliseconds for the last.
DEFAULTS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def parse_database_url(text: str) -> dict[str, Any]:
    """Return the address as Django's settings.

    Raises:
        SettingError: It is no address, or a reserved character in its path or password is not percent-encoded.
    """
    scheme, _, rest = text.partition(":")
    if "#" in rest or (scheme == "sqlite" and "?" in rest):
        raise SettingError("DATABASE_URL must have # and ? of a path or password as %23 and %3F.")
    try:
        return dict(dj_database_url.parse(text))
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError) as error:
        raise SettingError(FORM) from error


def postgresql_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return OPTIONS for the backend `ENGINE`: those of the URL's query, completed with DEFAULTS.

    Raises:
        SettingError: libpq does not know an option, or a time-out is not a whole number.
    """
    options = DEFAULTS | given
    limit = str(options.pop(STATEMENT_TIMEOUT, STATEMENT_MILLISECONDS))
    numbers = {name: str(options[name]) for name in DEFAULTS} | {STATEMENT_TIMEOUT: limit}
    wrong = [name for name, text in numbers.items() if not (text.isascii() and text.isdigit() and len(text) < 10)]
    if wrong:
        raise SettingError(f"DATABASE_URL has {wrong[0]}, which must be a whole number, e.g. ?{wrong[0]}=20.")
    # Imported here: on SQLite the driver is never loaded, which saves some megabytes a process.
    import psycopg.conninfo

    try:
        psycopg.conninfo.make_conninfo(**options)
    except psycopg.ProgrammingError:
        raise SettingError(
            "DATABASE_URL has an option behind its ? that PostgreSQL's client does not know, e.g. ?sslmode=require."
        ) from None
    return options | {STATEMENT_TIMEOUT: int(limit)}


def check_database(found: dict[str, Any]) -> None:
    """Refuse settings that parse and can never work.

    Raises: SettingError.
    """
    name = str(found.get("NAME") or "")
    if not name and "service" not in found.get("OPTIONS", {}):
        raise SettingError(
            "DATABASE_URL must name a database, e.g. DATABASE_URL=postgres://name:password@host/bingproject."
        )
    if found["ENGINE"].endswith("sqlite3") and name.startswith((":memory:", "file:")):
        # Each thread and process would open a database of its own.
        raise SettingError("DATABASE_URL must name a file, e.g. DATABASE_URL=sqlite:////srv/bingproject/db.sqlite3.")


def check_redis_url(url: str) -> None:
    """Refuse an address that Redis' client cannot use; no connection is made.

    Raises: SettingError.
    """
    # Imported here: without REDIS_URL the client is never loaded.
    import redis

    try:
        redis.ConnectionPool.from_url(url).make_connection()
    except (ValueError, TypeError, redis.RedisError):
        raise SettingError("REDIS_URL must be an address, e.g. REDIS_URL=redis://cache.example.org:6379/0.") from None

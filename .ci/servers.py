"""The servers CI needs besides ours: makes and drops the run's own PostgreSQL database, asks whether Redis answers.

servers.py create <postgres://…/> <database> <redis://…/n>        servers.py drop <postgres://…/> <database>
"""

from __future__ import annotations

import sys

import psycopg
import redis
from psycopg import sql


def create(server: str, database: str, redis_url: str) -> None:
    """Make the database and prove that Redis answers; one line on stderr says which of them does not."""
    try:
        with psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=5) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    except psycopg.Error as error:
        sys.exit(f"CI needs PostgreSQL ({server}; CI_DATABASE_SERVER names another): {str(error).splitlines()[0]}")
    try:
        with redis.Redis.from_url(redis_url, socket_connect_timeout=5) as client:
            client.ping()
    except redis.RedisError as error:
        drop(server, database)
        sys.exit(f"CI needs Redis ({redis_url}; CI_REDIS_URL names another): {str(error).splitlines()[0]}")


def drop(server: str, database: str) -> None:
    """Drop the database and those that the test runner's processes made beside it, whoever is still connected."""
    with psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=5) as connection:
        made = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"test_{database}"]
        )
        for name in (database, *(name for (name,) in made.fetchall())):
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    {"create": create, "drop": drop}[sys.argv[1]](*sys.argv[2:])

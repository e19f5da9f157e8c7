"""Time-outs of PostgreSQL's client: which are filled in, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from bingproject.conf.database_url import DEFAULTS, STATEMENT_MILLISECONDS, postgresql_options
from bingproject.conf.environment import SettingError


def test_time_outs_are_filled_in() -> None:
    """Those of the contract, in libpq's units."""
    assert postgresql_options({}) == DEFAULTS | {"statement_timeout": STATEMENT_MILLISECONDS}
    assert (DEFAULTS["connect_timeout"], DEFAULTS["tcp_user_timeout"]) == (5, 15_000)


def test_the_address_wins() -> None:
    """What its query names counts, and nothing is lost."""
    given = {"connect_timeout": "9", "sslmode": "require", "tcp_user_timeout": "1", "statement_timeout": "0"}
    found = postgresql_options(given)
    assert {name: str(found[name]) for name in given} == given
    assert found["keepalives_idle"] == DEFAULTS["keepalives_idle"]


@pytest.mark.parametrize(
    ("given", "words"),
    [({"statement_timeout": "soon"}, "statement_timeout"), ({"connect_timeout": "-1"}, "connect_timeout"),
     ({"tcp_user_timeout": ""}, "tcp_user_timeout"), ({"colour": "red"}, "does not know"),
     ({"pool": "true"}, "does not know")],
)  # fmt: skip
def test_what_cannot_work_is_refused(given: dict[str, Any], words: str) -> None:
    """One line that names DATABASE_URL and none of its values."""
    with pytest.raises(SettingError, match=words) as caught:
        postgresql_options(given)
    assert "DATABASE_URL" in str(caught.value) and "red" not in str(caught.value)

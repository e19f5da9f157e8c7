"""What migrations do to rows that are there already."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

PROXY = "http://anna:hunter2@proxy:3128"


def migrate(name: str) -> MigrationExecutor:
    """Bring the tables of accounts to this migration; the state of the models then."""
    MigrationExecutor(connection).migrate([("accounts", name)])
    return MigrationExecutor(connection)


@pytest.fixture
def back_then(transactional_db: None) -> Iterator[MigrationExecutor]:
    """The tables when proxies were plain text; as they are now again afterwards."""
    yield migrate("0001_initial")
    # Every app's, not only ours: going back took along the tables of those that stand on accounts.
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_plain_proxies_are_sealed_and_can_be_unsealed(back_then: MigrationExecutor) -> None:
    """Forwards no password stays readable in the table; backwards nothing is lost."""
    old = back_then.loader.project_state([("accounts", "0001_initial")]).apps.get_model("accounts", "Account")
    old.objects.bulk_create([old(name="anna", proxy=PROXY), old(name="bert")])
    state = migrate("0004_drop_plain_proxy").loader.project_state([("accounts", "0004_drop_plain_proxy")])
    sealed = dict(state.apps.get_model("accounts", "Account").objects.values_list("name", "sealed_proxy"))
    assert sealed["anna"] and "hunter2" not in sealed["anna"] and sealed["bert"] == ""
    migrate("0001_initial")
    assert dict(old.objects.values_list("name", "proxy")) == {"anna": PROXY, "bert": ""}
    old.objects.all().delete()

"""Sealing anew: which columns there are, what happens to each text, and what others write meanwhile."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.db import connection, models
from django.utils import timezone

from accounts.models import Account
from bingproject.cluster import process_registry
from bingproject.cluster.database_identity import verify_installation
from bingproject.conf.environment import new_seal_key
from bingproject.models import Installation
from bingproject.security import key_rotation
from bingproject.security.encryption import EncryptedTextField, decrypt, encrypt, fingerprint
from bingproject.security.key_rotation import UNDECRYPTABLE, EncryptedColumn, KeyRing
from tests.factories import make_account, make_process
from tests.test_architecture import SOURCES, parsed

COOKIES = EncryptedColumn(Account, "encrypted_cookies")


@pytest.fixture
def keys(settings: Any) -> tuple[str, str]:
    """An old key, with which something is encrypted, and a new one put before it."""
    settings.SEAL_KEYS = [new_seal_key()]
    return settings.SEAL_KEYS[0], new_seal_key()


def test_every_encrypted_column_is_found() -> None:
    """A column is of the class that rotation looks for if, and only if, its name says that it is encrypted."""
    found = {str(column) for column in key_rotation.encrypted_columns()}
    named = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if field.name.startswith("encrypted")
    }
    assert found == named >= {"accounts.Account.encrypted_cookies", "chat.Conversation.encrypted_credentials"}


def _takers(node: ast.AST, taker: str = "") -> Iterator[str]:
    """Of each call of `seal` below: the name that is given its token, "" when none is."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "encrypt":
        yield taker
    if isinstance(node, ast.Assign):
        target, value = node.targets[0], node.value
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=True))
        for target, value in pairs:
            yield from _takers(value, _name(target))
        return
    name = str(node.arg) if isinstance(node, ast.keyword) else taker
    for child in ast.iter_child_nodes(node):
        yield from _takers(child, name)


def _name(target: ast.AST) -> str:
    """Of an attribute, a variable or the key of a mapping: its own name."""
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return str(getattr(target, "attr", getattr(target, "id", "")))


def test_what_is_encrypted_goes_into_encrypted_columns() -> None:
    """Each call of `seal` gives its token to a name that says so: a new place for secrets cannot be forgotten."""
    takers = {name: list(_takers(parsed(name))) for name in SOURCES if name != "bingproject.security.encryption"}
    sealing = {name for name, found in takers.items() if found}
    assert sealing >= {
        "accounts.models.accounts",
        "chat.models",
        "chat.services.turn_store",
        "chat.services.idempotency",
    }
    assert not [name for name, found in takers.items() if not all(taker.startswith("encrypted") for taker in found)]


def test_an_encrypted_column_is_plain_text_to_the_database() -> None:
    """So that a column can be made one without a migration."""
    assert EncryptedTextField(default="").deconstruct()[1:] == ("django.db.models.TextField", [], {"default": ""})
    assert EncryptedTextField().db_type(connection) == models.TextField().db_type(connection)


def test_a_ring_tries_each_key_alone(keys: tuple[str, str]) -> None:
    """Which one opens a token is told by name; none of them: that too."""
    old, new = keys
    ring = KeyRing([new, old])
    token = encrypt("secret")
    assert (ring.newest, ring.opener(token)) == (fingerprint(new), fingerprint(old))
    fresh = ring.reencrypt(token)
    assert ring.opener(fresh) == fingerprint(new)
    assert Fernet(new).decrypt(fresh.encode()) == b"secret"
    assert ring.opener("no token") == ring.opener(Fernet(new_seal_key()).encrypt(b"x").decode()) == UNDECRYPTABLE


@pytest.mark.django_db
def test_a_column_is_encrypted_anew(settings: Any, keys: tuple[str, str]) -> None:
    """Old texts once, new and empty ones never, and what no key opens is left and counted."""
    old, new = keys
    for name in ("anna", "bert", "cleo"):
        make_account(name)
    Account.objects.create(name="bare")
    lost = Fernet(new_seal_key()).encrypt(b"x").decode()
    Account.objects.create(name="lost", encrypted_cookies=lost)
    settings.SEAL_KEYS = [new, old]
    make_account("dora")
    assert key_rotation.reencrypt_column(COOKIES, rows_at_once=2) == 3
    assert key_rotation.reencrypt_column(COOKIES) == 0
    assert key_rotation.count_by_key([COOKIES]) == {fingerprint(new): 4, UNDECRYPTABLE: 1}
    settings.SEAL_KEYS = [new]
    assert {account.cookies["_U"] for account in Account.objects.exclude(name__in=("bare", "lost"))} == {
        "anna", "bert", "cleo", "dora",
    }  # fmt: skip
    assert Account.objects.get(name="lost").encrypted_cookies == lost


class Meddler:
    """Writes a row right before somebody else's UPDATE of its column: what a worker may do at any moment."""

    def __init__(self, account: Account, *tokens: str) -> None:
        self._account = account
        self._tokens = list(tokens)
        self.updates = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Before a statement that changes the cookies, change them; once for each token."""
        if sql.startswith("UPDATE") and "encrypted_cookies" in sql:
            self.updates += 1
            if self._tokens:
                with connection.cursor() as cursor:
                    token = self._tokens.pop(0)
                    change = "UPDATE accounts_account SET encrypted_cookies = %s WHERE id = %s"
                    cursor.cursor.execute(change.replace("%s", "?") if connection.vendor == "sqlite" else change,
                                          (token, self._account.pk))  # fmt: skip
        return execute(sql, params, many, context)


@pytest.mark.django_db
@pytest.mark.parametrize("is_old", [True, False], ids=["encrypted with the old key", "encrypted with the new key"])
def test_who_writes_meanwhile_is_not_overwritten(settings: Any, keys: tuple[str, str], is_old: bool) -> None:
    """The UPDATE that lost is made again from what stands there now, if that needs it."""
    old, new = keys
    account = make_account("anna")
    settings.SEAL_KEYS = [old if is_old else new]
    theirs = encrypt('{"_U": "theirs"}')
    settings.SEAL_KEYS = [new, old]
    meddler = Meddler(account, theirs)
    with connection.execute_wrapper(meddler):
        assert key_rotation.reencrypt_column(COOKIES) == int(is_old)
    assert meddler.updates == (2 if is_old else 1)
    settings.SEAL_KEYS = [new]
    account.refresh_from_db()
    assert account.cookies == {"_U": "theirs"}


@pytest.mark.django_db
def test_a_row_that_goes_meanwhile_is_no_fault(settings: Any, keys: tuple[str, str]) -> None:
    """Its text is gone with it."""
    old, new = keys
    account = make_account("anna")
    settings.SEAL_KEYS = [new, old]
    with connection.execute_wrapper(Meddler(account, "")):
        assert key_rotation.reencrypt_column(COOKIES) == 0


@pytest.mark.django_db
def test_who_does_not_know_the_newest_key(settings: Any, keys: tuple[str, str]) -> None:
    """Live processes are asked for both: those that could not read it, and those that do not write with it."""
    old, new = map(fingerprint, keys)
    settings.SEAL_KEYS = [keys[1], keys[0]]
    now = timezone.now()
    for name, known in (("ignorant", [old]), ("backward", [old, new]), ("ready", [new, old])):
        make_process(name, seal_keys=known)
    long_ago = now - timedelta(hours=1)
    make_process("gone", seal_keys=[old], started_at=long_ago, seen_at=long_ago)
    assert [row.process for row in process_registry.ignorant_processes(now)] == ["ignorant"]
    assert sorted(row.process for row in process_registry.backward_processes(now)) == ["backward", "ignorant"]


@pytest.mark.django_db
def test_old_keys_are_forgotten_at_the_end(settings: Any, keys: tuple[str, str]) -> None:
    """Then, and not before, a process may start with the new key alone."""
    old, new = keys
    verify_installation()
    settings.SEAL_KEYS = [new, old]
    verify_installation()
    assert key_rotation.newer_key() == ""
    settings.SEAL_KEYS = [old, new]
    assert key_rotation.newer_key() == fingerprint(new)
    settings.SEAL_KEYS = [new, old]
    key_rotation.forget_old_keys()
    assert Installation.objects.get().seal_keys == [fingerprint(new)]
    settings.SEAL_KEYS = [new]
    verify_installation()
    assert decrypt(encrypt("x")) == "x"

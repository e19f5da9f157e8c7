"""Text from outside fits its column on both databases, whatever it is."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from django.apps import apps
from django.db import DataError, connection, models

from accounts.models import Account, ApiKey, WhitelistedUser
from bingproject.database.text_fields import (
    SafeCharField,
    SafeJSONField,
    SafeTextField,
    clean_json,
    clean_text,
    column_value,
)
from bingproject.security.encryption import EncryptedTextField, decrypt, encrypt
from tests.factories import make_account

# Every app whose models declare their columns with the fields of bingproject.database.text_fields.
APPS = ("accounts", "bingproject", "chat", "creator")
NASTY = "a\0b\ud800c\udf15d\ud83c\udf15e"
CLEAN = "ab\ufffdc\ufffdd\U0001f315e"


def columns() -> list[Any]:
    """Every text and JSON column that the apps declare themselves."""
    return [
        field
        for app in APPS
        for model in apps.get_app_config(app).get_models()
        if not model._meta.proxy
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.CharField | models.TextField | models.JSONField)
    ]


# Columns that a foreign base class declares; only our own code writes them.
FOREIGN = {"bingproject.Authenticator.name"}


@pytest.mark.parametrize("column", columns(), ids=str)
def test_every_text_column_checks_what_it_is_given(column: Any) -> None:
    """A column declared with Django's own field would store what the other database refuses."""
    if str(column) not in FOREIGN:
        assert isinstance(column, SafeCharField | SafeTextField | SafeJSONField | EncryptedTextField)


@pytest.mark.django_db
@pytest.mark.parametrize("column", columns(), ids=str)
def test_every_text_column_takes_nul_and_surrogates(column: Any) -> None:
    """The database itself takes what the field makes of them, and gives it back."""
    if isinstance(column, EncryptedTextField) or str(column) in FOREIGN:
        return
    fits = column.max_length is None or column.max_length >= len(CLEAN)
    given, expected = (NASTY, CLEAN) if fits else ("\0\ud800", "\ufffd")
    is_json = isinstance(column, models.JSONField)
    written = column.get_db_prep_save([given] if is_json else given, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE one_column (text {column.db_type(connection)})")
        cursor.execute("INSERT INTO one_column (text) VALUES (%s)", [written])
        cursor.execute("SELECT text FROM one_column")
        (stored,) = cursor.fetchone()
        cursor.execute("DROP TABLE one_column")
    if is_json:
        stored = column.from_db_value(stored, column.cached_col, connection)
    assert stored == ([expected] if is_json else expected)


@pytest.mark.parametrize("column", columns(), ids=str)
def test_no_text_column_is_given_more_than_it_holds(column: Any) -> None:
    """Too long is cut, or refused with the same error on both databases."""
    if not isinstance(column, SafeCharField):
        return
    assert column.max_length is not None
    long_text = "x" * (column.max_length + 1)
    if column.cuts:
        assert column.get_db_prep_save(long_text, connection) == long_text[:-1]
    else:
        with pytest.raises(DataError, match=f"at most {column.max_length}"):
            column.get_db_prep_save(long_text, connection)


@pytest.mark.django_db
def test_save_update_and_bulk_create_write_clean_text() -> None:
    """Each of Django's ways to write passes the check."""
    account = make_account()
    account.notes = NASTY
    account.save(update_fields=["notes"])
    Account.objects.filter(pk=account.pk).update(state_reason=NASTY * 100, last_error="\0" * 400 + "why")
    WhitelistedUser.objects.bulk_create([WhitelistedUser(user_id="anna", name=NASTY)])
    account.refresh_from_db()
    assert account.notes == WhitelistedUser.objects.get().name == CLEAN
    assert account.state_reason == (CLEAN * 100)[:300]
    assert account.last_error == "why"


@pytest.mark.django_db(transaction=True)
def test_a_refused_text_leaves_the_row_and_the_connection_usable() -> None:
    """The refusal comes before the statement, so a transaction on PostgreSQL goes on."""
    account = make_account()
    with pytest.raises(DataError):
        Account.objects.filter(pk=account.pk).update(name="x" * 101)
    with pytest.raises(DataError):
        Account.objects.filter(pk=account.pk).update(tier="x" * 13)
    account.refresh_from_db()
    assert account.tier == ""


@pytest.mark.django_db
def test_a_look_up_with_such_text_finds_nothing() -> None:
    """Neither an error of the database nor the row whose text it would be without U+0000."""
    WhitelistedUser.objects.create(user_id="anna")
    for text in ("an\0na", "anna\0", "anna\ud800", "\ud800"):
        assert not WhitelistedUser.objects.filter(user_id=text).exists()
        assert not WhitelistedUser.objects.filter(user_id__in=[text]).exists()
    assert not ApiKey.objects.filter(key_hash="x" * 1000).exists()


def test_own_statements_use_the_same_check() -> None:
    """`column_value` gives what the field would write, and refuses what it would refuse."""
    assert column_value(Account, "notes", NASTY) == CLEAN
    with pytest.raises(DataError):
        column_value(Account, "name", "x" * 101)


def test_migrations_name_djangos_own_fields() -> None:
    """So that the check can change without a migration."""

    class Sample:
        fields: ClassVar[list[Any]] = [SafeCharField(max_length=9, cuts=True), SafeTextField(), SafeJSONField()]

    paths = [field.deconstruct()[1] for field in Sample.fields]
    assert paths == ["django.db.models.CharField", "django.db.models.TextField", "django.db.models.JSONField"]
    assert "cuts" not in Sample.fields[0].deconstruct()[3]
    assert Sample.fields[0].clone().max_length == 9


def test_texts_are_cleaned_at_every_depth() -> None:
    """Keys as well as values; what is no text stays."""
    assert clean_json({NASTY: [NASTY, (NASTY,), 1, None, True]}) == {CLEAN: [CLEAN, [CLEAN], 1, None, True]}
    assert clean_text("\0abc", 2) == "ab"


def test_an_encrypted_text_may_hold_anything() -> None:
    """Half a character would be an error of the encoder; U+0000 is encrypted like any other."""
    assert decrypt(encrypt("a\0b\ud800")) == "a\0b\ufffd"

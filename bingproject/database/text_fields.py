"""Model fields that make text from outside fit its column, alike on SQLite and PostgreSQL.

PostgreSQL refuses U+0000 and text longer than its column, SQLite stores both, and no driver encodes half a surrogate
pair. So each write (`save`, `update`, `bulk_create`, `prepared_sql.insert`) passes `get_db_prep_save` here:

- U+0000 is dropped, halves of surrogate pairs are joined or become U+FFFD;
- text longer than `max_length` is cut where the field says `cuts=True` (errors, notes, text that is only shown), and is
  otherwise refused with `django.db.DataError` on both databases, before any statement is sent.

Look-ups for equality never fail on such text: they find nothing. Patterns (`__startswith`, `__contains`) bypass the
field. SQL that Django does not build uses `column_value`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import DataError, connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Combinable

from bingproject.database.surrogates import repair_surrogates

MYPY = False  # mypy takes this name for true
if MYPY:
    _CharField = models.CharField[str | Combinable | None, str]
    _TextField = models.TextField[str | Combinable, str]
else:  # Django's fields take no parameters at run time
    _CharField, _TextField = models.CharField, models.TextField

_REPLACEMENT = "\ufffd"


def clean_text(text: str, max_length: int | None = None) -> str:
    """Return the text without U+0000 and lone surrogates, cut to `max_length` characters if given."""
    cleaned = repair_surrogates(text.replace("\0", "") if "\0" in text else text)
    return cleaned[:max_length]


def clean_json(value: Any) -> Any:
    """Return a JSON value whose texts and keys have passed `clean_text`."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_json(key): clean_json(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(element) for element in value]
    return value


def column_value(model: type[models.Model], name: str, value: Any) -> Any:
    """Return the value as the model's field writes it, for statements that are not built by Django.

    Raises:
        DataError: The text is too long and the field does not cut.
    """
    field: Any = model._meta.get_field(name)
    return field.get_db_prep_save(value, connection)


class _PlainInMigrations:
    """Name Django's own field in migrations, since the checks here do not change the column."""

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Return Django's own field without the options of this module."""
        name, _path, arguments, options = super().deconstruct()  # type: ignore[misc]
        options.pop("cuts", None)
        django_name = next(cls.__name__ for cls in type(self).__mro__ if cls.__module__.startswith("django.db.models"))
        return name, f"django.db.models.{django_name}", arguments, options


class _CleanText(_PlainInMigrations):
    """The part that text columns with and without a limit share."""

    max_length: int | None
    cuts = False

    def get_prep_value(self, value: Any) -> Any:
        """Return a value for a look-up; U+0000 is replaced and not dropped, so that it matches no row."""
        prepared = super().get_prep_value(value)  # type: ignore[misc]
        if isinstance(prepared, str):
            prepared = repair_surrogates(prepared.replace("\0", _REPLACEMENT))
        return prepared

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return a value to write.

        Raises:
            DataError: The text is too long and the field does not cut.
        """
        if isinstance(value, str):
            value = clean_text(value, self.max_length if self.cuts else None)
            if self.max_length is not None and len(value) > self.max_length:
                raise DataError(f"{self} holds at most {self.max_length} characters, not {len(value)}.")
        return super().get_db_prep_save(value, connection)  # type: ignore[misc]


class SafeCharField(_CleanText, _CharField):
    """A `CharField` for text from outside; `cuts=True` where the beginning of a long text is worth keeping."""

    def __init__(self, *args: Any, cuts: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cuts = cuts


class SafeTextField(_CleanText, _TextField):
    """A `TextField` for text from outside."""


class SafeJSONField(_PlainInMigrations, models.JSONField):
    """A `JSONField` for values from outside."""

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return a value to write."""
        return super().get_db_prep_save(clean_json(value), connection)

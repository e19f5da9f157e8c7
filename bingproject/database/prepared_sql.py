"""Read and write rows by statements whose text is built once.

Django builds the text of a query each time, which costs many times as much as running it (docs/performance.md, "Chat").
The statements of every chat turn are run here. Django's own fields convert the values, so both databases store and
return the same as with the ORM.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

Row = TypeVar("Row", bound=models.Model)


@cache
def columns_of(model: type[models.Model], table: str) -> str:
    """Return a model's columns in the order that `load` expects, e.g. for `SELECT {columns} FROM …`."""
    return ", ".join(f'{table}."{field.column}"' for field in model._meta.concrete_fields)


def load(model: type[Row], text: str, values: Sequence[Any]) -> list[tuple[Row, tuple[Any, ...]]]:
    """Return the rows of a query that selects `columns_of` the model first, each with its further columns as read."""
    database = _database()
    with database.cursor() as cursor:
        cursor.execute(text, values)
        found = cursor.fetchall()
    return [_row(model, row, database) for row in found]


def insert(row: models.Model) -> None:
    """Insert a row. A key that the database generates is not read back."""
    database = _database()
    values = [field.get_db_prep_save(field.pre_save(row, add=True), database) for field in _inserted(type(row))]
    with database.cursor() as cursor:
        cursor.execute(_insert_text(type(row)), values)
    row._state.adding, row._state.db = False, database.alias


def _database() -> BaseDatabaseWrapper:
    """Return this thread's connection: Django's `connection` proxy would look it up for each attribute."""
    return connections[DEFAULT_DB_ALIAS]


def _row(model: type[Row], found: Sequence[Any], database: BaseDatabaseWrapper) -> tuple[Row, tuple[Any, ...]]:
    names, converted = _reading(model, database.vendor)
    values = list(found[: len(names)])
    for place, column in converted:
        if values[place] is not None:
            for convert in (*database.ops.get_db_converters(column), *column.get_db_converters(database)):
                values[place] = convert(values[place], column, database)
    return model.from_db(database.alias, names, values), tuple(found[len(names) :])


@cache
def _reading(model: type[models.Model], _vendor: str) -> tuple[list[str], list[tuple[int, Any]]]:
    """Return the names of the fields, and the columns whose values this database returns in another form."""
    database = _database()
    fields = model._meta.concrete_fields
    columns: list[tuple[int, Any]] = [(place, field.cached_col) for place, field in enumerate(fields)]
    return [field.attname for field in fields], [
        (place, column)
        for place, column in columns
        if database.ops.get_db_converters(column) or column.get_db_converters(database)
    ]


@cache
def _inserted(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    return [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]


@cache
def _insert_text(model: type[models.Model]) -> str:
    fields = _inserted(model)
    names = ", ".join(f'"{field.column}"' for field in fields)
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({", ".join(["%s"] * len(fields))})'

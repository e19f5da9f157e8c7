"""Index the words of a text column in a side table that the database's own triggers keep up to date.

The words live in a side table and not in an index on the column: PostgreSQL writes all index entries of a row again
with most updates, and a task's row is updated five times. SQLite has no index of words but FTS5, a module that most
builds of SQLite include; where it is missing, a search reads the table.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils.module_loading import import_string

# As much of a text as is indexed: PostgreSQL refuses a row whose words take more than 1 MiB.
INDEXED_CHARACTERS = 20_000
MOST_TERMS = 16
SEARCH_CHARACTERS = 2000  # of what somebody typed: SQLite refuses a pattern of more than 50,000 bytes
MANY = 2000  # rows that are found newest first rather than listed by their ids
LEAST_PREFIX_CHARACTERS = 3
# The scripts that put no blank between words. The databases see each run of such letters as one word, so these are
# looked for as a part of the text: Thai, Lao, Burmese, Khmer, kana, Chinese characters.
_UNSEPARATED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)
# PostgreSQL's parser takes `red/blue` for the name of a file and `-5` for a number: punctuation goes first.
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~“”‘’«»‹›„…–—·、。，！？：；（）「」『』¿¡"  # noqa: RUF001
_WORD_CATEGORIES = frozenset("LMN")
_PARTS = re.compile(r'"([^"]*)("?)|([^\s"]+)')

_EVENTS = ("insert", "update", "delete")
_TEXT_SQLITE = "substr({row}.{column}, 1, {most})"
_ADD_SQLITE = (
    f"INSERT INTO {{name}} (row_id) SELECT new.id WHERE {_TEXT_SQLITE.replace('{row}', 'new')} <> ''; "
    f"INSERT INTO {{name}}_index (rowid, words) SELECT id, {_TEXT_SQLITE.replace('{row}', 'new')} FROM {{name}} "
    "WHERE row_id = new.id; "
)
_REMOVE_SQLITE = (
    "INSERT INTO {name}_index ({name}_index, rowid, words) "
    f"SELECT 'delete', id, {_TEXT_SQLITE.replace('{row}', 'old')} FROM {{name}} WHERE row_id = old.id; "
    "DELETE FROM {name} WHERE row_id = old.id; "
)
# Numbers of rows of its own, since VACUUM may number those of a table without an integer key anew.
_CREATE_SQLITE = ("CREATE TABLE IF NOT EXISTS {name} (id INTEGER PRIMARY KEY, row_id NOT NULL UNIQUE)",)
_FORGET_SQLITE = (
    *(f"DROP TRIGGER IF EXISTS {{name}}_{event}" for event in _EVENTS),
    "DELETE FROM {name}",
)
_INDEX_SQLITE = (
    "DROP TABLE IF EXISTS {name}_index",
    # Without a copy of the texts. Marks belong to words: without them an Indic word is several.
    "CREATE VIRTUAL TABLE {name}_index USING fts5(words, content='', "
    "tokenize=\"unicode61 remove_diacritics 0 categories 'L* M* N* Co'\")",
    f"CREATE TRIGGER {{name}}_insert AFTER INSERT ON {{table}} BEGIN {_ADD_SQLITE}END",
    f"CREATE TRIGGER {{name}}_update AFTER UPDATE OF {{column}} ON {{table}} WHEN old.{{column}} IS NOT new.{{column}} "
    f"BEGIN {_REMOVE_SQLITE}{_ADD_SQLITE}END",
    f"CREATE TRIGGER {{name}}_delete AFTER DELETE ON {{table}} BEGIN {_REMOVE_SQLITE}END",
    "INSERT INTO {name} (row_id) SELECT id FROM {table} WHERE {column} <> ''",
    f"INSERT INTO {{name}}_index (rowid, words) SELECT w.id, {_TEXT_SQLITE.replace('{row}', 'r')} "
    "FROM {name} w JOIN {table} r ON r.id = w.row_id",
)
_VECTOR = "to_tsvector('simple', translate(left({row}.{column}, {most}), {punctuation}, {blanks}))"
_CREATE_POSTGRESQL = (
    "CREATE TABLE IF NOT EXISTS {name} (row_id {key} PRIMARY KEY, words tsvector NOT NULL)",
    "CREATE INDEX IF NOT EXISTS {name}_words ON {name} USING gin (words)",
    "CREATE OR REPLACE FUNCTION {name}_write() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT "
    "AS $$ BEGIN "
    "IF TG_OP = 'TRUNCATE' THEN TRUNCATE {name}; RETURN NULL; END IF; "
    "IF TG_OP <> 'INSERT' THEN DELETE FROM {name} WHERE row_id = OLD.id; END IF; "
    f"IF TG_OP <> 'DELETE' THEN INSERT INTO {{name}} SELECT NEW.id, {_VECTOR.replace('{row}', 'NEW')} "
    "WHERE NEW.{column} <> ''; END IF; RETURN NULL; END $$",
    *(
        f"CREATE OR REPLACE TRIGGER {{name}}_{event} AFTER {event.upper()}{of} ON {{table}} "
        f"FOR EACH {each} EXECUTE FUNCTION {{name}}_write()"
        for event, of, each in (
            ("insert", "", "ROW"),
            ("update", " OF {column}", "ROW"),
            ("delete", "", "ROW"),
            ("truncate", "", "STATEMENT"),
        )
    ),
    # Rows that are written meanwhile come by the trigger.
    f"INSERT INTO {{name}} SELECT r.id, {_VECTOR.replace('{row}', 'r')} FROM {{table}} r WHERE r.{{column}} <> '' "
    "ON CONFLICT DO NOTHING",
    "DELETE FROM {name} w WHERE NOT EXISTS (SELECT FROM {table} r WHERE r.id = w.row_id)",
)
_CREATE = {"sqlite": _CREATE_SQLITE, "postgresql": _CREATE_POSTGRESQL}
_DROP = {
    "sqlite": (
        *(f"DROP TRIGGER IF EXISTS {{name}}_{event}" for event in _EVENTS),
        "DROP TABLE IF EXISTS {name}_index",
        "DROP TABLE IF EXISTS {name}",
    ),
    "postgresql": (
        *(f"DROP TRIGGER IF EXISTS {{name}}_{event} ON {{table}}" for event in (*_EVENTS, "truncate")),
        "DROP FUNCTION IF EXISTS {name}_write()",
        "DROP TABLE IF EXISTS {name}",
    ),
}
_MATCH = {
    "sqlite": "SELECT row_id FROM {name} WHERE id IN (SELECT rowid FROM {name}_index WHERE {name}_index MATCH %s)",
    "postgresql": "SELECT row_id FROM {name} WHERE words @@ to_tsquery('simple', %s)",
}


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand next to each other in the text; the last one may be the beginning of a longer word."""

    words: tuple[str, ...]
    is_prefix: bool = True

    @property
    def is_unseparated(self) -> bool:
        """True if no index of words can find it."""
        return any(map(_UNSEPARATED.search, self.words))


def read_terms(text: str) -> list[Term]:
    """Split what somebody typed: words, and "several words in quotes", which stand together as they are."""
    terms = []
    for match in _PARTS.finditer(text[:SEARCH_CHARACTERS]):
        quoted, closing, plain = match.groups()
        words = _words_of(plain if quoted is None else quoted)
        if words:
            terms.append(Term(words, is_prefix=not closing and _may_begin(words[-1])))
    return terms[:MOST_TERMS]


def _may_begin(word: str) -> bool:
    """Whether a word may be the beginning of another: "a" would stand for most of what there is."""
    return len(word) >= LEAST_PREFIX_CHARACTERS or not word.isascii()


def _words_of(text: str) -> tuple[str, ...]:
    return tuple("".join(char if _is_part_of_word(char) else " " for char in text).split())


def _is_part_of_word(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in _WORD_CATEGORIES or category == "Co"


@cache
def has_fts5() -> bool:
    """True if this Python's SQLite can index words."""
    probe = sqlite3.connect(":memory:")
    try:
        probe.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    except sqlite3.OperationalError:
        return False
    finally:
        probe.close()
    return True


@dataclass(frozen=True, slots=True)
class WordIndex:
    """The words of `column` of `table`, by the rows' ids.

    Shape: `key_type` is the id's type on PostgreSQL. The side table is `<table>words`.
    """

    table: str
    column: str
    key_type: str

    @property
    def name(self) -> str:
        """The side table's name."""
        return f"{self.table}words"

    def create(self, apps: Any, schema_editor: Any) -> None:
        """Make the index and take in the rows there are: for a migration's RunPython."""
        for statement in self._statements(_CREATE[schema_editor.connection.vendor]):
            schema_editor.execute(statement, params=None)
        self.repair(schema_editor.connection.alias)

    def drop(self, apps: Any, schema_editor: Any) -> None:
        """Undo `create`."""
        for statement in self._statements(_DROP[schema_editor.connection.vendor]):
            schema_editor.execute(statement, params=None)

    def repair(self, alias: str) -> None:
        """On SQLite, create the index's triggers again if some are missing, and index all rows again.

        A migration that rebuilds the table drops its triggers. If SQLite lacks FTS5, drop the triggers instead, since
        they write into an FTS5 table and every insert would fail.

        Args:
            alias: The database, as in DATABASES. On PostgreSQL nothing is done.
        """
        database = connections[alias]
        if database.vendor != "sqlite" or not self._is_migrated(alias):
            return
        wanted = {f"{self.name}_{event}" for event in _EVENTS} if has_fts5() else set()
        with transaction.atomic(using=alias), database.cursor() as cursor:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s", [f"{self.name}%"])
            if {name for (name,) in cursor.fetchall()} == wanted:
                return
            for statement in self._statements(_FORGET_SQLITE + (_INDEX_SQLITE if wanted else ())):
                cursor.execute(statement)

    def _is_migrated(self, alias: str) -> bool:
        with connections[alias].cursor() as cursor:
            return self.name in connections[alias].introspection.table_names(cursor)

    def matching(self, terms: list[Term]) -> Q:
        """Return the condition for rows that have all of these terms, in any order."""
        found = Q()
        indexed = [term for term in terms if not term.is_unseparated]
        if connection.vendor == "sqlite" and not has_fts5():
            indexed = []
        if indexed:
            found &= self._lookup(indexed)
        for term in terms:
            if term not in indexed:
                for word in term.words:
                    # Most of these scripts have no case, and a comparison that ignores it takes several times as long.
                    lookup = "contains" if word.lower() == word.upper() else "icontains"
                    found &= Q(**{f"{self.column}__{lookup}": word})
        return found

    def _lookup(self, terms: list[Term]) -> Q:
        """Return the condition with the ids themselves if they are few, else with a subquery.

        PostgreSQL estimates that the beginning of a word is common. With a subquery it would then read all rows, newest
        first, to find the ten that have it, which takes seconds for a million.
        """
        sql, query = self.statement(terms)
        with connection.cursor() as cursor:
            cursor.execute(f"{sql} LIMIT {MANY}", [query])
            row_ids = [row_id for (row_id,) in cursor.fetchall()]
        return Q(pk__in=row_ids if len(row_ids) < MANY else RawSQL(sql, [query]))

    def statement(self, terms: list[Term]) -> tuple[str, str]:
        """Return the SQL for the ids of rows with these terms, and its one parameter."""
        is_postgresql = connection.vendor == "postgresql"
        query = " & ".join(map(_postgresql, terms)) if is_postgresql else " ".join(map(_fts5, terms))
        return _MATCH[connection.vendor].replace("{name}", self.name), query

    def _statements(self, texts: Sequence[str]) -> list[str]:
        values = {
            "{punctuation}": "'" + _PUNCTUATION.replace("'", "''") + "'",
            "{blanks}": f"repeat(' ', {len(_PUNCTUATION)})",
            "{table}": self.table,
            "{column}": self.column,
            "{name}": self.name,
            "{key}": self.key_type,
            "{most}": str(INDEXED_CHARACTERS),
        }
        return [_filled(text, values) for text in texts]


def _filled(text: str, values: Mapping[str, str]) -> str:
    for sign, value in values.items():
        text = text.replace(sign, value)
    return text


def repair_indexes(using: str, **_signal: Any) -> None:
    """Create the missing triggers of all word indexes. Called after migrations."""
    for name in settings.WORD_INDEXES:
        index: WordIndex = import_string(name)
        index.repair(using)


def _fts5(term: Term) -> str:
    return f'"{" ".join(term.words)}"{"*" if term.is_prefix else ""}'


def _postgresql(term: Term) -> str:
    """Return a term for `to_tsquery`. Words are letters, marks and digits only, so nothing in them ends the quotes."""
    words = [f"'{word}'" for word in term.words]
    if term.is_prefix:
        words[-1] += ":*"
    return f"({' <-> '.join(words)})"

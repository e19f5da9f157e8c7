"""Indexes made while the server works: on PostgreSQL without keeping anybody from writing to the table meanwhile."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AddIndex
from django.db.migrations.state import ProjectState


class AddIndexWhileWriting(AddIndex):
    """`CREATE INDEX CONCURRENTLY` on PostgreSQL, a plain one on SQLite; its migration needs `atomic = False`.

    What an interrupted try left behind, an invalid index or a whole one, is dropped first, so that `migrate` can just
    be run again.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Make it."""
        model = to_state.apps.get_model(app_label, self.model_name)
        drop_index(schema_editor, self.index.name)
        options: dict[str, Any] = {"concurrently": True} if schema_editor.connection.vendor == "postgresql" else {}
        schema_editor.add_index(model, self.index, **options)


def drop_index(schema_editor: BaseDatabaseSchemaEditor, name: str) -> None:
    """Drop an index if there is one of this name."""
    concurrently = "CONCURRENTLY " if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP INDEX {concurrently}IF EXISTS {schema_editor.quote_name(name)}")

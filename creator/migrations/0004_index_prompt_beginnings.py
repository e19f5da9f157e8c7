"""The beginning of a prompt can be looked for: `LIKE 'x%'` needs an index of its own operator class on PostgreSQL.

Of the first 40 characters only, since a whole prompt can be longer than an index takes, and in small letters. Made
while the server works, as in the migration before. SQLite has no index that its LIKE would use on an expression: it
reads the table, which on one machine is good enough.
"""

from typing import Any, ClassVar

from django.db import migrations

from bingproject.indexes import drop_index

NAME = "task_prompt_begins"


def make_index(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        drop_index(schema_editor, NAME)
        schema_editor.execute(
            f"CREATE INDEX CONCURRENTLY {NAME} ON creator_task (LOWER(LEFT(prompt, 40)) text_pattern_ops)"
        )


def remove_index(apps: Any, schema_editor: Any) -> None:
    drop_index(schema_editor, NAME)


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [
        ("creator", "0003_index_tasks_for_operators"),
    ]

    operations: ClassVar = [migrations.RunPython(make_index, remove_index)]

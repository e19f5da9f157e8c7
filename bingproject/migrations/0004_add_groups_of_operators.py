"""Two groups of operators; bingproject.roles gives them their permissions once all migrations are done."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NAMES = ("operator", "viewer")


def add(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """A group of the name that is there already is taken over."""
    for name in NAMES:
        apps.get_model("auth", "Group").objects.get_or_create(name=name)


def remove(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Their members keep their log-ins."""
    apps.get_model("auth", "Group").objects.filter(name__in=NAMES).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("bingproject", "0003_add_second_factor"),
    ]

    operations = [migrations.RunPython(add, remove)]

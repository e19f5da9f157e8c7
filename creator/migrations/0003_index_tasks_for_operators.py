"""No filter of the operators' list reads a million rows: what the older indexes do not serve gets one of its own.

They hold only the rows that are looked for, since each write of a task also writes its entries of every index.

Made while the server works: on PostgreSQL `CREATE INDEX CONCURRENTLY`, which keeps no writer waiting, hence no
transaction; a minute or so for a million tasks. An interrupted run can be repeated.
"""

from typing import ClassVar

from django.db import migrations, models

from bingproject.indexes import AddIndexWhileWriting

IS_RARE = models.Q(("model", "DALLE"), _negated=True)
HAS_ERROR = models.Q(("error_code", ""), _negated=True)
HAS_REQUEST = models.Q(("request_id", ""), _negated=True)


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [
        ("creator", "0002_add_events_and_quota_days"),
    ]

    operations: ClassVar = [
        migrations.AlterModelOptions(name="taskevent", options={"ordering": ["id"]}),
        *(
            AddIndexWhileWriting(model_name="task", index=index)
            for index in (
                models.Index(fields=["model", "-created_at", "-id"], name="task_model_created", condition=IS_RARE),
                models.Index(
                    fields=["error_code", "-created_at", "-id"], name="task_error_created", condition=HAS_ERROR
                ),
                models.Index(fields=["request_id"], name="task_request_id", condition=HAS_REQUEST),
                models.Index(
                    fields=["retry_of"], name="task_retry_of", condition=models.Q(("retry_of__isnull", False))
                ),
            )
        ),
    ]

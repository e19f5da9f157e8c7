"""The rows of a whitelist file: who is new, changed or unchanged, and what is wrong, before anything is written."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import ModelResource
from import_export.results import Result, RowResult

from accounts.admin.whitelist_cells import CountCell, FlagCell, IdCell, TextCell, TimeCell
from accounts.admin.whitelist_files import COLUMNS, LINE, PROBLEM
from accounts.models import WhitelistedUser

SHOWN_ROWS = 200  # of a preview; nobody reads a hundred thousand
BATCH_ROWS = 1000


class PreviewedRow(RowResult):
    """What one row comes to."""

    line = 0
    changes: tuple[str, ...] = ()


class Preview(Result):
    """What a file comes to: how many of each, and the first of them as tables."""

    shown_rows = SHOWN_ROWS

    def append_invalid_row(self, number: int, row: dict[str, Any], validation_error: ValidationError) -> None:
        """Keep a wrong row with its line in the file."""
        super().append_invalid_row(row[LINE], row, validation_error)

    @property
    def counts(self) -> dict[str, int]:
        """By what an operator calls them."""
        totals = self.totals
        return {
            "new": totals[RowResult.IMPORT_TYPE_NEW],
            "changed": totals[RowResult.IMPORT_TYPE_UPDATE],
            "unchanged": totals[RowResult.IMPORT_TYPE_SKIP],
            "wrong": totals[RowResult.IMPORT_TYPE_INVALID] + totals[RowResult.IMPORT_TYPE_ERROR],
        }

    @property
    def is_cut(self) -> bool:
        """Whether the table shows the first rows only."""
        return len(self.invalid_rows or self.rows) > SHOWN_ROWS

    @property
    def columns(self) -> tuple[str, ...]:
        """The titles of `shown`."""
        return ("line", "id", "what is wrong") if self.invalid_rows else ("line", "id", "is", "what changes")

    @property
    def shown(self) -> list[list[str]]:
        """The first wrong rows with what is wrong in which cell; without any, the first that change something."""
        if self.invalid_rows:
            wrong = self.invalid_rows[:SHOWN_ROWS]
            return [[str(one.number), one.values[0], _faults(one.error_dict)] for one in wrong]
        words = {RowResult.IMPORT_TYPE_NEW: "new", RowResult.IMPORT_TYPE_UPDATE: "changed"}
        changing = self.rows[:SHOWN_ROWS]
        return [[str(one.line), one.object_repr, words[one.import_type], "; ".join(one.changes)] for one in changing]


def _faults(errors: dict[str, list[str]]) -> str:
    return " ".join(f"{'' if name == '__all__' else f'{name}: '}{' '.join(words)}" for name, words in errors.items())


class UsersById(BaseInstanceLoader):
    """All users of a file in a few queries."""

    def __init__(self, resource: Any, dataset: Any = None) -> None:
        super().__init__(resource, dataset)
        ids = dataset["user_id"] if dataset is not None else []
        self.found = WhitelistedUser.objects.in_bulk(set(ids), field_name="user_id")

    def get_instance(self, row: dict[str, Any]) -> WhitelistedUser | None:
        """The user of this id, if there is one."""
        return self.found.get(row["user_id"])


class WhitelistResource(ModelResource):
    """Users ⇄ rows. What the file does not name stays as it is; nobody is taken off the list by a file."""

    user_id = Field("user_id", "user_id", IdCell(100))
    name = Field("name", "name", TextCell(100))
    note = Field("note", "note", TextCell(300))
    is_active = Field("is_active", "is_active", FlagCell())
    expires_at = Field("expires_at", "expires_at", TimeCell())
    daily_images = Field("daily_images", "daily_images", CountCell())
    daily_videos = Field("daily_videos", "daily_videos", CountCell())
    daily_chats = Field("daily_chats", "daily_chats", CountCell())

    class Meta:
        model = WhitelistedUser
        fields = export_order = import_order = COLUMNS
        import_id_fields: ClassVar = ["user_id"]
        instance_loader_class = UsersById
        use_bulk = True
        batch_size = BATCH_ROWS
        skip_diff = True  # the package's own differences are HTML of every cell of every row
        report_skipped = False
        store_instance = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._before: dict[str, Any] | None = None
        self._first_lines: dict[str, int] = {}
        self._shown = 0
        self._now = timezone.now()

    @classmethod
    def get_result_class(cls) -> type[Result]:
        """Ours."""
        return Preview

    @classmethod
    def get_row_result_class(cls) -> type[RowResult]:
        """Ours."""
        return PreviewedRow

    def import_data(self, dataset: Any, dry_run: bool = False, **options: Any) -> Preview:
        """All of it, or nothing when one row is wrong; others wait for the writing alone, not for the looking."""
        settled = {"raise_errors": False, "using_transactions": False, "collect_failed_rows": False}
        found: Preview = self.import_data_inner(dataset, dry_run, **{**options, **settled})
        if not (dry_run or found.has_errors() or found.has_validation_errors()):
            self.write([column for column in dataset.headers if column in COLUMNS[1:]])
        return found

    def write(self, named: list[str]) -> None:
        """Write what was found new or changed; columns that the file does not name may have changed meanwhile."""
        with transaction.atomic():
            for users in (self.create_instances, self.update_instances):
                WhitelistedUser.objects.bulk_create(
                    users,
                    update_conflicts=True,
                    unique_fields=["user_id"],
                    update_fields=named or ["user_id"],
                    batch_size=BATCH_ROWS,
                )

    def before_import_row(self, row: dict[str, Any], **options: Any) -> None:
        """The row has the form it should have, and is the first of its id."""
        if row[PROBLEM]:
            raise ValidationError(row[PROBLEM])
        first = self._first_lines.setdefault(row["user_id"], row[LINE])
        if first != row[LINE]:
            raise ValidationError({"user_id": f"The same id as in line {first}."})

    def after_init_instance(self, instance: WhitelistedUser, new: bool, row: dict[str, Any], **options: Any) -> None:
        """Remember how the user stood."""
        self._before = None if new else _columns(instance)

    def skip_row(
        self, instance: WhitelistedUser, original: Any, row: dict[str, Any], import_validation_errors: Any = None
    ) -> bool:
        """Whether there is nothing to change."""
        return not import_validation_errors and self._before == _columns(instance)

    def validate_instance(
        self, instance: WhitelistedUser, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """What cannot be said of a cell alone; what stood so before is no error, or an export could not come back."""
        errors = dict(import_validation_errors or {})
        before = self._before
        if before is None and "user_id" not in errors and any(map(str.isspace, instance.user_id)):
            errors["user_id"] = "There are blanks within the id."
        expires_at = instance.expires_at
        is_new = before is None or before["expires_at"] != expires_at
        if "expires_at" not in errors and is_new and expires_at is not None and expires_at <= self._now:
            errors["expires_at"] = "This is past already."
        if errors:
            raise ValidationError(errors)

    def bulk_create(self, *_arguments: Any, **_options: Any) -> None:
        """Later: `import_data` writes once all rows are known to be right."""

    def bulk_update(self, *_arguments: Any, **_options: Any) -> None:
        """Later, as well."""

    def after_import_row(self, row: dict[str, Any], row_result: PreviewedRow, **options: Any) -> None:
        """Say where the row stands and what it changes."""
        row_result.line = row[LINE]
        user = row_result.instance
        if user is not None and row_result.import_type != RowResult.IMPORT_TYPE_SKIP and self._shown < SHOWN_ROWS:
            self._shown += 1
            row_result.changes = self._changes(user)

    def _changes(self, user: WhitelistedUser) -> tuple[str, ...]:
        before = self._before or _columns(WhitelistedUser())
        shown = {name: self.fields[name].widget.render for name in COLUMNS[1:]}
        return tuple(
            f"{name}: {shown[name](before[name]) or 'none'} → {shown[name](value) or 'none'}"
            for name, value in _columns(user).items()
            if name in shown and before[name] != value
        )


def _columns(user: WhitelistedUser) -> dict[str, Any]:
    return {name: getattr(user, name) for name in COLUMNS}

"""Import and export the rows of a whitelist file with django-import-export."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.utils import timezone
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import Error, Result
from tablib import Dataset

from accounts.admin.whitelist_cells import FlagCell, LimitCell, MomentCell, TextCell
from accounts.admin.whitelist_files import COLUMNS, LINE
from accounts.callers.services import find_users
from accounts.callers.validation import check_expiry, check_user_id, compose
from accounts.models import WhitelistedUser
from bingproject.errors import InvalidRequestError

SHOWN_ROWS = 200  # 5,000 rows would be a page of 20 MB
BATCH_ROWS = 1000


class Preview(Result):
    """A result that numbers wrong rows by their line in the file, and shows the first `SHOWN_ROWS` rows only."""

    shown_rows = SHOWN_ROWS

    def valid_rows(self) -> list[Any]:
        """Return the rows for the page's table."""
        rows: list[Any] = super().valid_rows()
        return rows[:SHOWN_ROWS]

    def append_invalid_row(self, number: int, row: dict[str, Any], validation_error: ValidationError) -> None:
        """Keep a wrong row for the page's table; `totals` counts those that are not kept."""
        if len(self.invalid_rows) < SHOWN_ROWS:
            super().append_invalid_row(row[LINE], row, validation_error)

    def append_error_row(self, number: int, row: dict[str, Any], errors: list[Error]) -> None:
        """Raise what is no fault of the row: the theme's page would show the operator its stack, and no log have it."""
        raise errors[0].error


class WhitelistResource(ModelResource):
    """Users as rows. Columns that a file does not name stay as they are, and no file removes a user."""

    user_id = Field("user_id", "user_id", readonly=True)  # an import finds users by it and never changes it
    name = Field("name", "name", TextCell())
    note = Field("note", "note", TextCell())
    is_active = Field("is_active", "is_active", FlagCell())
    expires_at = Field("expires_at", "expires_at", MomentCell())
    daily_images = Field("daily_images", "daily_images", LimitCell())
    daily_videos = Field("daily_videos", "daily_videos", LimitCell())
    daily_chats = Field("daily_chats", "daily_chats", LimitCell())

    class Meta:
        model = WhitelistedUser
        fields = export_order = import_order = COLUMNS
        import_id_fields: ClassVar = ["user_id"]
        clean_model_instances = True
        skip_unchanged = True
        report_skipped = False
        use_bulk = True
        batch_size = BATCH_ROWS

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._users: dict[str, WhitelistedUser] = {}
        self._columns: list[str] = []
        self._first_lines: dict[str, int] = {}
        self._expired_at: datetime | None = None

    @classmethod
    def get_result_class(cls) -> type[Result]:
        """Return the class of `import_data`'s result."""
        return Preview

    def import_data(self, dataset: Dataset, dry_run: bool = False, **options: Any) -> Preview:
        """Import all rows, or none when one is wrong: the package's default would import the others.

        A preview goes without the package's transaction, in which SQLite would let nobody else write.
        """
        found: Preview
        if dry_run:
            settled = {"raise_errors": False, "using_transactions": False, "collect_failed_rows": False}
            found = self.import_data_inner(dataset, dry_run, **{**options, **settled})
            for unexpected in found.base_errors:
                raise unexpected.error
        else:
            settled = {"use_transactions": True, "rollback_on_validation_errors": True}
            found = super().import_data(dataset, **{**options, **settled})
        return found

    def before_import(self, dataset: Dataset, **options: Any) -> None:
        """Load all users of the file at once; the package's cached loader knows one spelling of an id only."""
        self._users = find_users(dataset["user_id"])
        self._columns = [name for name in dataset.headers if name in COLUMNS[1:]]

    def before_import_row(self, row: dict[str, Any], **options: Any) -> None:
        """Refuse an id that an earlier line has, in either Unicode spelling."""
        first = self._first_lines.setdefault(compose(row["user_id"]), row[LINE])
        if first != row[LINE]:
            raise ValidationError({"user_id": f"The same id as in line {first}."})

    def get_instance(self, instance_loader: Any, row: dict[str, Any]) -> WhitelistedUser | None:
        """Return the stored user of the row's id."""
        return self._users.get(compose(row["user_id"]))

    def init_instance(self, row: dict[str, Any] | None = None) -> WhitelistedUser:
        """Return a new user with the row's id in composed form (NFC)."""
        return WhitelistedUser(user_id=compose((row or {})["user_id"]))

    def after_init_instance(self, instance: WhitelistedUser, new: bool, row: dict[str, Any], **options: Any) -> None:
        """Remember the stored expiry for `validate_instance`."""
        self._expired_at = instance.expires_at

    def skip_row(self, instance: WhitelistedUser, *arguments: Any, **options: Any) -> bool:
        """Skip unchanged users; a new one of which only the id is given looks unchanged, too."""
        return not instance._state.adding and bool(super().skip_row(instance, *arguments, **options))

    def validate_instance(
        self, instance: WhitelistedUser, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Check a new id and a new expiry as forms do; old ones may be invalid, or an export could not come back.

        Raises: ValidationError for all faults of the row, by column.
        """
        errors = dict(import_validation_errors or {})
        try:
            if instance.expires_at != self._expired_at:
                check_expiry(instance.expires_at, timezone.now())
        except InvalidRequestError as error:
            errors["expires_at"] = error.message
        try:
            if instance._state.adding:
                check_user_id(instance.user_id)
        except InvalidRequestError as error:
            errors["user_id"] = error.message
        # One query per row would check again that the id is unique, which `before_import` has looked up.
        super().validate_instance(instance, errors, validate_unique=False)

    def bulk_update(
        self, using_transactions: bool, dry_run: bool, raise_errors: bool, batch_size: Any = None, result: Any = None
    ) -> None:
        """Write the file's columns only, so that concurrent changes of other columns survive.

        Upserts, since Django's `bulk_update` would lock SQLite for several seconds per 5,000 rows.
        """
        if self.update_instances and not dry_run:
            try:
                WhitelistedUser.objects.bulk_create(
                    self.update_instances,
                    batch_size=batch_size,
                    update_conflicts=True,
                    unique_fields=["user_id"],
                    update_fields=self._columns,
                )
            except DatabaseError as error:
                self.handle_import_error(result, error, raise_errors)
        self.update_instances.clear()

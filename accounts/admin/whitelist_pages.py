"""Import and export on the whitelist's page: a file, a preview of its changes, the operator's confirmation."""

from __future__ import annotations

import logging
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from import_export.admin import ImportExportMixin
from import_export.results import RowResult
from import_export.tmp_storages import BaseStorage
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from accounts.admin.tables import UnreadableFileError
from accounts.admin.whitelist_files import COLUMNS, CsvFile, OneIdPerLine
from accounts.admin.whitelist_rows import Preview, WhitelistResource
from accounts.models import WhitelistedUser
from accounts.uploads import forget_upload, keep_upload, open_upload
from bingproject.errors import NotFoundError
from bingproject.operators.audit_log import record
from bingproject.operators.base_admin import RecordedAdmin

logger = logging.getLogger(__name__)

RECORDED_AS = {RowResult.IMPORT_TYPE_NEW: "Added by import", RowResult.IMPORT_TYPE_UPDATE: "Changed by import"}


class MemoryStorage(BaseStorage):
    """Keep an upload in memory while its preview is made: the package's own storages write it down in clear."""

    def save(self, data: bytes) -> None:
        """Keep the content."""
        self._data = data

    def read(self) -> bytes:
        """Return the content."""
        return self._data


class WhitelistImportForm(ImportForm):
    """The file and its format."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["import_file"].help_text = (
            f"CSV: the first line names the columns, user_id and any of {', '.join(COLUMNS[1:])}. "
            "TXT: one id per line, as the older server's whitelist.txt. A file removes nobody from the list."
        )

    def clean_import_file(self) -> Any:
        """Refuse a file larger than UPLOAD_LIMIT_BYTES."""
        found = self.cleaned_data["import_file"]
        if found.size > settings.UPLOAD_LIMIT_BYTES:
            most = settings.UPLOAD_LIMIT_BYTES // 1024 // 1024
            raise forms.ValidationError(f"At most {most} MiB. Cut the file into several.")
        return found


class WhitelistFilesAdmin(ImportExportMixin, RecordedAdmin):
    """The whitelist's page with import (for operators who may add and change users) and export (who may view them)."""

    resource_classes = (WhitelistResource,)
    formats = (CsvFile, OneIdPerLine)
    import_form_class = WhitelistImportForm
    export_form_class = ExportForm
    import_template_name = "admin/accounts/whitelisteduser/import.html"
    tmp_storage_class = MemoryStorage

    def has_import_permission(self, request: HttpRequest) -> bool:
        """True if the operator may add and change users."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """True if the operator may view users."""
        return self.has_view_permission(request)

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        """Show why the file cannot be read; the package would show the exception's class, also of a bug here."""
        if not isinstance(e, UnreadableFileError):
            raise e
        form.add_error("import_file", str(e))

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> dict[str, Any]:
        """Store the upload, encrypted, once all its rows have passed."""
        found: dict[str, Any] = super().get_confirm_form_initial(request, import_form)
        if import_form is not None:
            upload = import_form.cleaned_data["import_file"]
            upload.seek(0)
            found["import_file_name"] = keep_upload(_operator_id(request), upload.read(), timezone.now())
        return found

    @method_decorator(require_POST)
    def process_import(self, request: HttpRequest, **options: Any) -> HttpResponse:
        """Import the previewed file. The package's storages do not know whose it is, so this view reads it itself."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = self.create_confirm_form(request)
        formats: dict[str, Any] = {str(index): kind for index, kind in enumerate(self.formats)}
        try:
            if not form.is_valid() or form.cleaned_data["format"] not in formats:
                raise NotFoundError
            content = open_upload(_operator_id(request), form.cleaned_data["import_file_name"], timezone.now())
        except NotFoundError:
            return self._back(request, "This preview is no longer there. Choose the file again.")
        dataset = formats[form.cleaned_data["format"]]().create_dataset(content)
        return self.process_result(self.process_dataset(dataset, form, request), request)

    def process_result(self, result: Preview, request: HttpRequest) -> HttpResponse:
        """Delete the upload, and report errors, which the package takes for success here."""
        forget_upload(_operator_id(request))
        for error in result.base_errors:
            logger.warning("an import of whitelisted users was rolled back: %s", error.error)
        if result.has_errors() or result.has_validation_errors():
            return self._back(request, "The list has changed since the preview, and nothing was imported. Try again.")
        return super().process_result(result, request)

    def _back(self, request: HttpRequest, words: str) -> HttpResponse:
        messages.error(request, words)
        return HttpResponseRedirect(reverse("admin:accounts_whitelisteduser_import"))

    def generate_log_entries(self, result: Preview, request: HttpRequest) -> None:
        """Record each user as an action does; many users are one entry, unlike the package's."""
        for kind, words in RECORDED_AS.items():
            users = [row.instance for row in result.rows if row.import_type == kind]
            if users:
                record(request, WhitelistedUser, users, words)

    def get_export_filename(self, request: HttpRequest, queryset: QuerySet[Any], file_format: Any) -> str:
        """Return e.g. `whitelist-2027-01-31.csv`."""
        return f"whitelist-{timezone.now():%Y-%m-%d}.{file_format.get_extension()}"

    def get_export_data(self, file_format: Any, request: HttpRequest, queryset: QuerySet[Any], **options: Any) -> bytes:
        """Return the filtered list, and record the export."""
        content: bytes = super().get_export_data(file_format, request, queryset, **options)
        record(request, WhitelistedUser, [], f"Export as {file_format.get_title()}")
        return content


def _operator_id(request: HttpRequest) -> int:
    return int(request.user.pk or 0)

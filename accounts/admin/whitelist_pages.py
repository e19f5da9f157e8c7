"""Import and export on the whitelist's page: a file, a preview of what it changes, and the operator's word."""

from __future__ import annotations

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
from import_export.forms import ConfirmImportForm
from import_export.results import RowResult
from import_export.tmp_storages import BaseStorage
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from accounts.admin.whitelist_files import COLUMNS, CsvFile, OneIdALine, UnreadableFileError
from accounts.admin.whitelist_rows import Preview, WhitelistResource
from accounts.models import WhitelistedUser
from accounts.services.uploads import forget_upload, keep_upload, open_upload
from bingproject.errors import NotFoundError
from bingproject.pages import RecordedAdmin
from bingproject.record import record

RECORDED_AS = {RowResult.IMPORT_TYPE_NEW: "Added by import", RowResult.IMPORT_TYPE_UPDATE: "Changed by import"}


class UploadInHand(BaseStorage):
    """What the package writes to a temporary file: here it stays in memory for the length of the request."""

    def __init__(self, content: bytes = b"", **options: Any) -> None:
        super().__init__(**options)
        self._content = content

    def save(self, content: bytes) -> None:
        """Hold it."""
        self._content = content

    def read(self) -> bytes:
        """What is held."""
        return self._content

    def remove(self) -> None:
        """Nothing is left behind."""


class WhitelistImportForm(ImportForm):
    """The file and its kind."""

    field_order = ("resource", "import_file", "format")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["import_file"].help_text = (
            f"CSV: its first line names the columns, user_id and any of {', '.join(COLUMNS[1:])}. "
            "TXT: one id a line, as the older server's whitelist.txt. Nobody is taken off the list by a file."
        )

    def clean_import_file(self) -> Any:
        """A file that is not too large."""
        found = self.cleaned_data["import_file"]
        if found.size > settings.UPLOAD_LIMIT_BYTES:
            most = settings.UPLOAD_LIMIT_BYTES // 1024 // 1024
            raise forms.ValidationError(f"At most {most} MiB. Cut the file into several.")
        return found


class WhitelistConfirmForm(ConfirmImportForm):
    """What the preview hands on: the kept file's name and its kind."""

    format = forms.TypedChoiceField(
        choices=[("0", CsvFile.title), ("1", OneIdALine.title)], coerce=int, widget=forms.HiddenInput
    )


class WhitelistFilesAdmin(ImportExportMixin, RecordedAdmin):
    """The whitelist's page with import and export: who may add and change users imports, who sees them exports."""

    resource_classes = (WhitelistResource,)
    formats = (CsvFile, OneIdALine)
    import_form_class = WhitelistImportForm
    confirm_form_class = WhitelistConfirmForm
    export_form_class = ExportForm
    import_template_name = "admin/accounts/whitelisteduser/import.html"
    tmp_storage_class = UploadInHand

    def has_import_permission(self, request: HttpRequest) -> bool:
        """An import adds and changes."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """An export shows what the list shows."""
        return self.has_view_permission(request)

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        """What is wrong with the file as a whole, at its field; a fault of ours is not the file's."""
        if not isinstance(e, UnreadableFileError):
            raise e
        form.add_error("import_file", str(e))

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> dict[str, Any]:
        """Keep the file until the operator's word: all of it can be imported."""
        found: dict[str, Any] = super().get_confirm_form_initial(request, import_form)
        if import_form is not None:
            upload = import_form.cleaned_data["import_file"]
            upload.seek(0)
            found["import_file_name"] = keep_upload(_operator_id(request), upload.read(), timezone.now())
        return found

    @method_decorator(require_POST)
    def process_import(self, request: HttpRequest, **options: Any) -> HttpResponse:
        """Import what was previewed, if it is still there."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = self.create_confirm_form(request)
        try:
            if not form.is_valid():
                raise NotFoundError
            content = open_upload(_operator_id(request), form.cleaned_data["import_file_name"], timezone.now())
        except NotFoundError:
            return self._back(request, "This preview is no longer there. Choose the file again.")
        dataset = self.formats[form.cleaned_data["format"]]().create_dataset(content)
        return self.process_result(self.process_dataset(dataset, form, request), request)

    def process_result(self, result: Preview, request: HttpRequest) -> HttpResponse:
        """Say what came of it."""
        forget_upload(_operator_id(request))
        if result.has_errors() or result.has_validation_errors():
            return self._back(request, "The list has changed since the preview, and nothing was imported. Look again.")
        return super().process_result(result, request)

    def _back(self, request: HttpRequest, words: str) -> HttpResponse:
        messages.error(request, words)
        return HttpResponseRedirect(reverse("admin:accounts_whitelisteduser_import"))

    def generate_log_entries(self, result: Preview, request: HttpRequest) -> None:
        """An entry in the record for each user, as for an action."""
        for kind, words in RECORDED_AS.items():
            users = [row.instance for row in result.rows if row.import_type == kind]
            if users:
                record(request, WhitelistedUser, users, words)

    def add_success_message(self, result: Preview, request: HttpRequest) -> None:
        """How many of each."""
        counts = result.counts
        words = f"{counts['new']:,} new, {counts['changed']:,} changed, {counts['unchanged']:,} unchanged."
        messages.success(request, f"Imported: {words}")

    def get_export_filename(self, request: HttpRequest, queryset: QuerySet[Any], file_format: Any) -> str:
        """By the day."""
        return f"whitelist-{timezone.now():%Y-%m-%d}.{file_format.get_extension()}"

    def get_export_data(self, file_format: Any, request: HttpRequest, queryset: QuerySet[Any], **options: Any) -> bytes:
        """The list as it is filtered, and an entry in the record."""
        content: bytes = super().get_export_data(file_format, request, queryset, **options)
        record(request, WhitelistedUser, [], f"Export as {file_format.get_title()}")
        return content


def _operator_id(request: HttpRequest) -> int:
    return int(request.user.pk or 0)

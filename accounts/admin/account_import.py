"""Pages that import many accounts: a pasted table or a file, a preview without secrets, a confirmation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from accounts.admin.account_table import COLUMNS, MOST_ROWS, Plan, plan_import, write_plan
from accounts.admin.forms import WriteOnlyTextarea
from accounts.admin.tables import UnreadableFileError
from accounts.microsoft.providers import TOKEN_RULES
from accounts.models import Account
from accounts.uploads import forget_upload, keep_upload, open_upload
from bingproject.errors import NotFoundError
from bingproject.operators.audit_log import record

RECORDED_AS = {"new": "Added by import", "changed": "Changed by import"}


class AccountsTableForm(forms.Form):
    """A pasted table or a file; neither is shown again."""

    table = forms.CharField(
        required=False,
        strip=False,
        label="Paste a table",
        max_length=settings.UPLOAD_LIMIT_BYTES,
        widget=WriteOnlyTextarea(
            attrs={"rows": 8, "autocomplete": "off", "spellcheck": "false", "placeholder": "name,cookies\nfirst,…"}
        ),
    )
    file = forms.FileField(
        required=False, label="Or a CSV file", allow_empty_file=True, widget=UnfoldAdminFileFieldWidget
    )

    def clean_file(self) -> bytes:
        """Return the file's content; refuse a file larger than UPLOAD_LIMIT_BYTES."""
        upload: UploadedFile[bytes] | None = self.cleaned_data["file"]
        if upload is None:
            return b""
        if (upload.size or 0) > settings.UPLOAD_LIMIT_BYTES:
            most = settings.UPLOAD_LIMIT_BYTES // 1024 // 1024
            raise forms.ValidationError(f"At most {most} MiB. Cut the file into several.")
        return upload.read()

    def clean(self) -> dict[str, Any]:
        """Add `content`, the table as bytes, and `plan`, its `Plan`; require exactly one of table and file."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        pasted = str(cleaned.get("table", "")).strip()
        if self.errors:
            return cleaned
        if bool(pasted) == bool(self.files.get("file")):
            self.add_error("table", "Paste a table or choose a file, one of the two.")
            return cleaned
        cleaned["content"] = cleaned["file"] or pasted.encode()
        try:
            cleaned["plan"] = plan_import(cleaned["content"])
        except UnreadableFileError as error:
            self.add_error("table" if pasted else "file", str(error))
        return cleaned


class AccountImportMixin:
    """The list's import button and its pages; a mixin that must precede the theme's `ModelAdmin`."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of preview and confirmation, before `<id>/`, which would match them."""
        view = self.admin_site.admin_view
        own = [
            path("import/preview/", view(self.preview_import), name="accounts_account_preview_import"),
            path("import/confirm/", view(self.confirm_import), name="accounts_account_confirm_import"),
        ]
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]  # the theme's ModelAdmin has it
        return [*own, *urls]

    def has_import_permission(self, request: HttpRequest) -> bool:
        """True if the operator may add and change accounts."""
        page: Any = self
        return bool(page.has_add_permission(request) and page.has_change_permission(request))

    @action(description="Import", url_path="import", permissions=["import"])
    def import_accounts(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        return self._page(request, AccountsTableForm())

    def preview_import(self, request: HttpRequest) -> HttpResponse:
        """Show what the table would change; store it, encrypted, if all rows can be imported."""
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:accounts_account_import_accounts"))
        self._require_permission(request)
        form = AccountsTableForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._page(request, form)
        plan: Plan = form.cleaned_data["plan"]
        name = ""
        if not plan.wrong and plan.changing:
            name = keep_upload(int(request.user.pk or 0), form.cleaned_data["content"], timezone.now())
        return self._page(request, AccountsTableForm(), plan=plan, upload_name=name)

    def confirm_import(self, request: HttpRequest) -> HttpResponse:
        """Import the previewed table if it is still stored and still valid."""
        self._require_permission(request)
        operator_id, now = int(request.user.pk or 0), timezone.now()
        try:
            plan = plan_import(open_upload(operator_id, request.POST.get("upload", ""), now))
        except (NotFoundError, UnreadableFileError):
            return self._back(request, "This preview is no longer there. Paste the table or choose the file again.")
        forget_upload(operator_id)
        if plan.wrong:
            return self._back(request, "An account has changed since the preview, and nothing was imported. Try again.")
        try:
            write_plan(plan, now)
        except IntegrityError:
            return self._back(request, "An account has changed since the preview, and nothing was imported. Try again.")
        for outcome, words in RECORDED_AS.items():
            accounts = [row.form.instance for row in plan.changing if row.outcome == outcome and row.form]
            if accounts:
                record(request, Account, accounts, words)
        counts = plan.counts
        messages.success(
            request, f"Imported: {counts['new']} new, {counts['changed']} changed, {counts['unchanged']} unchanged."
        )
        return HttpResponseRedirect(reverse("admin:accounts_account_changelist"))

    def _require_permission(self, request: HttpRequest) -> None:
        if not self.has_import_permission(request) or request.method != "POST":
            raise PermissionDenied

    def _back(self, request: HttpRequest, words: str) -> HttpResponse:
        messages.error(request, words)
        return HttpResponseRedirect(reverse("admin:accounts_account_import_accounts"))

    def _page(
        self, request: HttpRequest, form: AccountsTableForm, *, plan: Plan | None = None, upload_name: str = ""
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Import accounts",
            "opts": self.opts,
            "form": form,
            "result": plan,
            "upload_name": upload_name,
            "columns": COLUMNS,
            "token_kinds": tuple(TOKEN_RULES),
            "most_rows": f"{MOST_ROWS:,}",
        }
        return TemplateResponse(request, "admin/accounts/account/import.html", context)

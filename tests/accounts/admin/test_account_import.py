"""Pages that import accounts: preview, confirmation, permissions, audit log; no secret is shown again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Account, PendingUpload
from bingproject.edge.form_limits import is_large_form
from tests.accounts.admin.operating import Commit
from tests.factories import make_account
from tests.waiting_jobs import waiting_jobs

pytestmark = pytest.mark.django_db
PAGE, PREVIEW, CONFIRM = (
    f"admin:accounts_account_{way}" for way in ("import_accounts", "preview_import", "confirm_import")
)
LIST = "admin:accounts_account_changelist"
COOKIE = "a-cookie-of-bing-0123456789-0123456789-0123456789"
PROXY = "http://user:hunter2@proxy.example.org:3128"
AGAIN = "Cookies and tokens are not shown again: paste the corrected table once more."
TABLE = f"name,cookies,proxy\nanna,{COOKIE},{PROXY}\nbert,{COOKIE}-2,\n"


def preview(browser: Client, table: str = "", file: bytes | None = None) -> Any:
    """Paste a table or choose a file, and ask for the preview."""
    fields: dict[str, Any] = {"table": table}
    if file is not None:
        fields["file"] = SimpleUploadedFile("accounts.csv", file)
    return browser.post(reverse(PREVIEW), fields)


def confirm(browser: Client, previewed: Any) -> Any:
    """Press “Import” on a preview and follow the redirect."""
    return browser.post(reverse(CONFIRM), {"upload": previewed.context["upload_name"]}, follow=True)


def text_of(answer: Any) -> str:
    """Return the page's text without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


@pytest.mark.usefixtures("own_cluster")
@pytest.mark.parametrize("is_file", [False, True], ids=["pasted", "file"])
def test_a_table_is_previewed_and_imported(
    operator: Client, is_file: bool, django_capture_on_commit_callbacks: Commit
) -> None:
    """The preview changes nothing and shows no secret; the confirmed import records and checks each account."""
    make_account("bert", cookie=COOKIE, state="expired")
    make_account("carl", cookie=COOKIE)
    table = f"{TABLE}carl,,\n"
    assert reverse(PAGE) in operator.get(reverse(LIST)).content.decode()
    assert "name" in text_of(operator.get(reverse(PAGE)))
    previewed = preview(operator, file=table.encode()) if is_file else preview(operator, table)
    shown = text_of(previewed)
    for words in ("1 new", "1 changed", "1 unchanged", "0 wrong", "Nothing has been changed yet", "proxy: another"):
        assert words in shown
    assert Account.objects.count() == 2 and not LogEntry.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        done = confirm(operator, previewed)
    assert AGAIN not in shown
    assert "Imported: 1 new, 1 changed, 1 unchanged." in text_of(done)
    anna, bert = Account.objects.get(name="anna"), Account.objects.get(name="bert")
    assert (anna.cookies["_U"], anna.proxy) == (COOKIE, PROXY)
    assert (bert.cookies["_U"], bert.state) == (f"{COOKIE}-2", "unchecked")
    assert {job["args"] for job in waiting_jobs()} == {(anna.pk,), (bert.pk,)}
    entries = set(LogEntry.objects.values_list("object_repr", "object_id", "change_message"))
    assert entries == {("anna", str(anna.pk), "Added by import"), ("bert", str(bert.pk), "Changed by import")}
    assert not PendingUpload.objects.exists()
    pages = previewed.content.decode() + done.content.decode() + str(entries)
    assert COOKIE not in pages and "hunter2" not in pages


def test_the_table_is_encrypted_until_the_confirmation(operator: Client) -> None:
    """It can be read neither in the database nor on the page."""
    previewed = preview(operator, TABLE)
    upload = PendingUpload.objects.get()
    assert COOKIE not in str(PendingUpload.objects.values().get())
    assert previewed.context["upload_name"] == upload.name and COOKIE not in previewed.content.decode()


def test_wrong_rows(operator: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Each is named; there is no button and nothing is stored, so the table must be given again."""
    answer = preview(operator, f"{TABLE}carl,MUID={COOKIE},\n")
    shown = text_of(answer)
    assert "nothing was imported" in shown and "2 new" in shown and "1 wrong" in shown and "cookies:" in shown
    assert shown.count(AGAIN) == 1
    assert not answer.context["upload_name"] and not PendingUpload.objects.exists()
    assert not Account.objects.exists()
    assert COOKIE not in answer.content.decode() and COOKIE not in caplog.text


@pytest.mark.parametrize(
    ("table", "file", "field", "words"),
    [
        ("", None, "table", "one of the two"),
        (TABLE, TABLE.encode(), "table", "one of the two"),
        ("cookies\nx", None, "table", "no column name"),
        ("", b"", "file", "This file is empty"),
        ("", b"\xff", "file", "Save it as"),
    ],
)
def test_an_unreadable_table(operator: Client, table: str, file: bytes | None, field: str, words: str) -> None:
    """The error is at the field, and the paste is not shown again."""
    answer = preview(operator, table, file)
    assert words in str(answer.context["form"].errors[field]) and words in text_of(answer)
    assert (AGAIN in text_of(answer)) == (field == "table" and bool(table))
    assert COOKIE not in answer.content.decode() and not PendingUpload.objects.exists()


def test_a_file_that_is_too_large(operator: Client, settings: Any) -> None:
    """It is refused at its field, since this page accepts large forms."""
    settings.UPLOAD_LIMIT_BYTES = 1024 * 1024
    assert "At most 1 MiB" in text_of(preview(operator, file=b"x" * (1024 * 1024 + 1)))
    assert is_large_form(reverse(PREVIEW)) and not is_large_form(reverse(CONFIRM))


def test_nothing_to_change(operator: Client) -> None:
    """The page says so, without a button."""
    make_account("anna", cookie=COOKIE)
    answer = preview(operator, f"name,cookies\nanna,{COOKIE}\n")
    assert "There is nothing to change." in text_of(answer) and not answer.context["upload_name"]


def test_an_account_changed_since_the_preview(operator: Client) -> None:
    """The rows are checked again, and none is imported."""
    previewed = preview(operator, TABLE)
    Account.objects.create(name="anna", kind="m365")
    assert "nothing was imported" in text_of(confirm(operator, previewed))
    assert Account.objects.count() == 1 and not PendingUpload.objects.exists()


def test_an_expired_preview(operator: Client) -> None:
    """Replaced by another table, another operator's, or a forged form."""
    previewed = preview(operator, TABLE)
    other = Client()
    other.force_login(User.objects.create_superuser("other"))
    assert "no longer there" in text_of(confirm(other, previewed))
    preview(operator, f"name,cookies\ncarl,{COOKIE}\n")
    assert "no longer there" in text_of(confirm(operator, previewed))
    assert "no longer there" in text_of(operator.post(reverse(CONFIRM), {"upload": "../x"}, follow=True))
    assert not Account.objects.exists()


def test_permissions(client: Client) -> None:
    """Importing needs add and change; links change nothing."""
    clerk = User.objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    for word, status in (("view", 403), ("add", 403), ("change", 200)):
        clerk.user_permissions.add(Permission.objects.get(codename=f"{word}_account"))
        assert client.get(reverse(PAGE)).status_code == status
        assert preview(client, TABLE).status_code == status
        assert client.post(reverse(CONFIRM)).status_code == (302 if status == 200 else 403)
        assert (reverse(PAGE) in client.get(reverse(LIST)).content.decode()) == (status == 200)
    assert client.get(reverse(CONFIRM)).status_code == 403
    assert client.get(reverse(PREVIEW)).status_code == 302
    assert settings.UPLOAD_LIMIT_BYTES and not Account.objects.exists()


def test_markup_is_escaped(operator: Client) -> None:
    """In names and in wrong values."""
    for table in (f"name,cookies\n<script>alert(1)</script>,{COOKIE}\n", "name,kind\nx,<script>alert(1)</script>\n"):
        assert b"<script>alert" not in preview(operator, table).content

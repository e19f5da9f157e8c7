"""Import and export on the whitelist's page: preview, confirmation, permissions, audit log, the stored upload."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.admin import whitelist_rows
from accounts.models import PendingUpload, WhitelistedUser
from tests.factories import make_user
from tests.servers import LiveServer

pytestmark = pytest.mark.django_db
CSV, TXT = "0", "1"
IMPORT, LIST = "admin:accounts_whitelisteduser_import", "admin:accounts_whitelisteduser_changelist"
TEXT = b"user_id,name\nanna,Anna\nbert,Bert\n"


def upload(browser: Client, content: bytes, kind: str = CSV, name: str = "list.csv") -> Any:
    """Choose a file and ask for its preview."""
    fields = {"resource": "0", "format": kind, "import_file": SimpleUploadedFile(name, content)}
    return browser.post(reverse(IMPORT), fields)


def confirm(browser: Client, previewed: Any, **changed: str) -> Any:
    """Press “Confirm import” on a preview and follow the redirect."""
    form = previewed.context["confirm_form"]
    sent = {name: str(form.initial[name]) for name in form.fields} | changed
    return browser.post(reverse("admin:accounts_whitelisteduser_process_import"), sent, follow=True)


def text_of(answer: Any) -> str:
    """Return the page's text without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


def test_a_file_is_previewed_and_imported(operator: Client) -> None:
    """The preview changes nothing; the confirmed import does, with an audit log entry per user."""
    make_user("bert", name="Bertram")
    make_user("carl")
    previewed = upload(operator, TEXT + b"carl,\n")
    shown = text_of(previewed)
    for words in ("1 new", "1 changed", "1 unchanged", "0 wrong", "Nothing has been changed yet", "Confirm import"):
        assert words in shown
    assert "<span>Bert</span><del" in previewed.content.decode()
    assert not WhitelistedUser.objects.filter(user_id="anna").exists()
    assert "1 new, 1 updated, 0 deleted and 1 skipped" in text_of(confirm(operator, previewed))
    assert dict(WhitelistedUser.objects.values_list("user_id", "name")) == {"anna": "Anna", "bert": "Bert", "carl": ""}
    written = set(LogEntry.objects.values_list("object_repr", "change_message"))
    assert written == {("anna", "Added by import"), ("bert", "Changed by import")}
    anna = LogEntry.objects.get(object_repr="anna").get_edited_object()
    assert anna == WhitelistedUser.objects.get(user_id="anna")
    assert not PendingUpload.objects.exists()


def test_the_older_servers_file(operator: Client) -> None:
    """One id per line, both ways."""
    assert "2 new" in text_of(confirm(operator, upload(operator, b"anna\r\n\r\n bert\r\n", TXT, "whitelist.txt")))
    answer = operator.post(reverse("admin:accounts_whitelisteduser_export"), {"resource": "0", "format": TXT})
    assert answer.content == b"anna\nbert\n"


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"user_id,colour\nanna,red", CSV, "Unknown columns: colour"),
        (b"", CSV, "empty"),
        (b"\xff\xfe\x00", CSV, "Save it as"),
        (b"user_id\nanna", TXT, "Choose the format CSV"),
        (b"user_id\nanna", "", "required"),
        (b"user_id\nanna", "7", "not one of the available choices"),
    ],
)
def test_an_unreadable_file(operator: Client, content: bytes, kind: str, words: str) -> None:
    """The error is at the field, and nothing is stored or changed."""
    answer = upload(operator, content, kind)
    errors = answer.context["form"].errors
    assert words in str(errors) and set(errors) <= {"import_file", "format"}
    assert words in text_of(answer)
    assert not WhitelistedUser.objects.exists() and not PendingUpload.objects.exists()


def test_wrong_rows(operator: Client) -> None:
    """Each is named with line, column and value; there is no button to import the others."""
    answer = upload(operator, b"user_id,daily_chats\nanna,1\nan na,-5\nanna,2\n")
    shown = text_of(answer)
    assert "Nothing was imported" in shown and "1 new" in shown and "2 wrong" in shown
    assert "user_id: A user id is" in shown and "3 an na" in shown
    assert "daily_chats: Give a whole number" in shown and "-5" in shown
    assert "user_id: The same id as in line 2. 4 anna" in shown
    assert "confirm_form" not in answer.context
    assert not WhitelistedUser.objects.exists() and not PendingUpload.objects.exists()


def test_markup_in_a_file_is_escaped(operator: Client) -> None:
    """In a name and in an invalid id."""
    bad = b"user_id,name\n<script>alert(1)</script>,<b>x</b>\n"
    for content in (bad, bad + b"<i> </i>,\n"):
        assert b"<script>alert" not in upload(operator, content).content


def test_the_list_changed_since_the_preview(operator: Client) -> None:
    """Rows are checked again: one that has become wrong stops the import."""
    make_user("an na")
    previewed = upload(operator, b"user_id,name\nanna,Anna\nan na,x\n")
    WhitelistedUser.objects.all().delete()
    assert "has changed since the preview" in text_of(confirm(operator, previewed))
    assert not WhitelistedUser.objects.exists() and not PendingUpload.objects.exists()


def test_a_user_added_during_the_import(
    operator: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The database refuses the second row; the import is rolled back, and the log has the error."""
    previewed = upload(operator, b"user_id\nanna\nbert\n")
    make_user("bert")
    monkeypatch.setattr(whitelist_rows, "find_users", lambda _ids: {})
    assert "has changed since the preview" in text_of(confirm(operator, previewed))
    assert "was rolled back" in caplog.text
    assert WhitelistedUser.objects.get().user_id == "bert"


@pytest.mark.parametrize("place", ["find_users", "check_user_id"])
def test_an_unexpected_error_of_a_preview_is_raised(
    operator: Client, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """For the whole file or for a row: it reaches Django's log and error page, and no operator sees its stack."""

    def fail(*_arguments: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(whitelist_rows, place, fail)
    with pytest.raises(RuntimeError, match="a bug"):
        upload(operator, TEXT)


def test_an_expired_preview(operator: Client) -> None:
    """Replaced by another file, or a forged form: the operator must choose a file again."""
    previewed = upload(operator, TEXT)
    upload(operator, b"user_id\ncarl\n")
    for changed in ({}, {"import_file_name": "../../etc/passwd"}, {"import_file_name": ""}, {"format": "9"}):
        assert "Choose the file again" in text_of(confirm(operator, previewed, **changed))
    assert operator.get(reverse("admin:accounts_whitelisteduser_process_import")).status_code == 405
    assert not WhitelistedUser.objects.exists()


def test_another_operators_preview(operator: Client) -> None:
    """Nobody else can confirm it."""
    previewed = upload(operator, TEXT)
    other = Client()
    other.force_login(User.objects.create_superuser("other"))
    assert "Choose the file again" in text_of(confirm(other, previewed))
    assert "2 new" in text_of(confirm(operator, previewed))


def test_permissions(client: Client) -> None:
    """Importing needs add and change, exporting needs view; the buttons do, too."""
    clerk = User.objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    steps = (("view", 200, 403), ("add", 200, 403), ("change", 200, 200))
    export = reverse("admin:accounts_whitelisteduser_export")
    assert [client.get(reverse(name)).status_code for name in (IMPORT, LIST)] == [403, 403]
    assert client.get(export).status_code == 403
    for word, sees, imports in steps:
        clerk.user_permissions.add(Permission.objects.get(codename=f"{word}_whitelisteduser"))
        page = client.get(reverse(LIST))
        assert (page.status_code, client.get(export).status_code) == (sees, sees)
        assert client.get(reverse(IMPORT)).status_code == imports
        assert upload(client, TEXT).status_code == imports
        process = client.post(reverse("admin:accounts_whitelisteduser_process_import"), {})
        assert process.status_code == (302 if imports == 200 else 403)
        assert (reverse(IMPORT) in page.content.decode()) == (imports == 200)
        assert export in page.content.decode()


def test_an_export_is_what_the_list_shows(operator: Client) -> None:
    """It has the list's filters and search; its name has the date; it is recorded."""
    make_user("=anna", name="Anna")
    make_user("bert", is_active=False)
    address = f"{reverse('admin:accounts_whitelisteduser_export')}?is_active__exact=1"
    assert operator.get(address).status_code == 200
    answer = operator.post(address, {"resource": "0", "format": CSV})
    assert re.fullmatch(r'attachment; filename="whitelist-\d{4}-\d\d-\d\d\.csv"', answer.headers["Content-Disposition"])
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.decode("utf-8-sig").splitlines()[1:] == ["'=anna,Anna,,true,,,,"]
    assert LogEntry.objects.get().change_message == "Export as CSV"
    assert "0 new" in text_of(upload(operator, answer.content))


@pytest.fixture
def no_temporary_files(tmp_path: Path) -> Iterator[None]:
    """Make temporary files impossible: their folder does not exist."""
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path / "there is none")
    yield
    tempfile.tempdir = before


@pytest.mark.slow
@pytest.mark.usefixtures("no_temporary_files")
def test_a_large_file_stays_in_memory(site: LiveServer) -> None:
    """32 MiB pass the real server without a temporary file; one byte more is refused."""
    with pytest.raises(FileNotFoundError), tempfile.TemporaryFile():
        pass
    User.objects.create_superuser("admin", password="x")
    filler = b"user_id,note\n" + b"\n" * (settings.UPLOAD_LIMIT_BYTES - 40)
    content = filler + b"anna,x".rjust(settings.UPLOAD_LIMIT_BYTES - len(filler), b"\n")
    assert len(content) == settings.UPLOAD_LIMIT_BYTES
    with httpx.Client(base_url=site.url, timeout=120) as browser:
        token = _token(browser.get("/admin/login/").text)
        browser.post("/admin/login/", data={"username": "admin", "password": "x", "csrfmiddlewaretoken": token})
        fields = {"resource": "0", "format": CSV, "csrfmiddlewaretoken": _token(browser.get(reverse(IMPORT)).text)}
        for sent, status, words in (
            (content, 200, "Nothing has been changed yet"),
            (content + b"\n", 200, "At most 32 MiB"),
            (content + b"\n" * (2 * 1024 * 1024), 413, "too_large"),
        ):
            answer = browser.post(reverse(IMPORT), data=fields, files={"import_file": ("list.csv", sent)})
            assert answer.status_code == status and words in answer.text
    assert len(PendingUpload.objects.get().encrypted_content) < len(content) // 10


def _token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert found is not None
    return found[1]

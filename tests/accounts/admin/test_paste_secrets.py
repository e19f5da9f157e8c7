"""No part of a paste is shown again: not on the page, in a message, in the audit log or in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.accounts.admin.operating import form
from tests.accounts.microsoft.jwts import make_jwt
from tests.factories import make_account

pytestmark = pytest.mark.django_db

# Each mark is a value, a name that is a value in truth, or another part of an unknown text. Hosts are said again.
MARKS = ("S3CRETVALUE", "S3CRETNAME", "S3CRETTEXT", "S3CRETOTHER")
VALUE, NAME, TEXT, OTHER = MARKS
U = f"1{VALUE}abcdefghijklmnop"
TOKEN = make_jwt(aud=TEXT, scp=f"{TEXT}.Read", tid=TEXT, oid=TEXT, exp=4102444800, name=VALUE)
GOOD_TOKEN = make_jwt(exp=4102444800, scp=f"ChatAI.ReadWrite {TEXT}.Read", tid=TEXT, name=VALUE)

WHOLE = {
    "value": U,
    "value in quotes": f"'{U}'",
    "label": f"_U:{U}",
    "value with a comma": f"_U={U},",
    "text": f"{TEXT} {VALUE}",
    "page": f"<html>{TEXT}=1;{NAME}={VALUE}</html>",
    "address": f"https://www.bing.com/{TEXT}?{NAME}={VALUE}",
    "address with a password": f"https://{NAME}:{VALUE}@www.bing.com/{TEXT}",
    "header": f"Cookie: {NAME}={VALUE}; _U={U}",
    "header without _U": f"{NAME}={VALUE}",
    "headers": f"GET /{TEXT} HTTP/1.1\nHost: www.bing.com\nX: {OTHER}\nCookie: {NAME}={VALUE}; _U={U}",
    "headers of another site": f"Host: example.org\nCookie: {NAME}={VALUE}",
    "host that is none": f"Host: {TEXT}\nCookie: {NAME}={VALUE}",
    "answer": f"Set-Cookie: {NAME}={VALUE}",
    "cURL": f"curl 'https://www.bing.com/{TEXT}' -b '{NAME}={VALUE}; _U={U}' --data-raw $'it\\'s {OTHER}'",
    "cURL of two": f"curl 'https://www.bing.com/' -b '_U={U}' ;\ncurl 'https://example.org/{TEXT}' -b '{NAME}={OTHER}'",
    "cURL of a program": f"curl --unknown {TEXT} -b {NAME} {OTHER}",
    "cURL of cmd": f'curl ^"https://www.bing.com/{TEXT}^" -b ^"{NAME}={VALUE}; _U={U}^"',
    "PowerShell": f'$s.x\nInvoke-WebRequest -Uri "https://www.bing.com/{TEXT}" -Headers @{{"Cookie"="{NAME}={VALUE}"}}',
    "PowerShell's session": "$s = New-Object Microsoft.PowerShell.Commands.WebRequestSession\n"
    f'$s.Cookies.Add((New-Object System.Net.Cookie("{NAME}", "{VALUE}", "/", "{TEXT}")))\niwr "https://www.bing.com/"',
    "fetch": f'fetch("https://www.bing.com/{TEXT}", {{"headers": {{"cookie": "{NAME}={VALUE}; _U={U}"}}}});',
    "HAR": '{"log": {"entries": [{"request": {"url": "https://www.bing.com/'
    + TEXT
    + '", "headers": [{"name": "Cookie",'
    f' "value": "{NAME}={VALUE}; _U={U}"}}], '
    f'"cookies": [{{"name": "{NAME}", "value": null, "domain": "{TEXT}"}}]}}}}]}}}}',
    "JSON": f'[{{"name": "_U", "value": "{U}", "domain": "{TEXT}"}}, {{"name": "{NAME}", "value": "{VALUE}"}}]',
    "JSON names": f'{{"{NAME}": "{VALUE}", "{OTHER}": {{"a": "{TEXT}"}}}}',
    "expired JSON": f'[{{"name": "_U", "value": "{U}", "domain": ".bing.com", "expires": 1}}]',
    "JSON of a secret": f'{{"secret": "{VALUE}", "other": "{TEXT}"}}',
    "cookies.txt": f".bing.com\tTRUE\t/\tTRUE\t0\t{NAME}\t{VALUE}\n.bing.com\tTRUE\t/\tTRUE\t0\t_U\t{U}",
    "cookies.txt in another order": f"{VALUE}\tTRUE\t/\tTRUE\t0\t{NAME}\t{TEXT}",
    "row of a table": f"{NAME}\t{VALUE}\t.bing.com\t/\tSession\n_U\t{U}\t.bing.com\t/\tSession",
    "row in another order": f"{NAME}\t{VALUE}\t.bing.com\t/\n.bing.com\t/\t{OTHER}\t{TEXT}",
    "name and value": f'_U:"{U}"',
    "names and values with colons": f'{NAME}:"{VALUE}"\n_U:"{U}"',
    "wget": f"wget --header='Cookie: {NAME}={VALUE}; _U={U}' https://www.bing.com/{TEXT} -O {OTHER}",
    "HTTPie": f"http https://www.bing.com/{TEXT} 'Cookie:{NAME}={VALUE}; _U={U}'",
    "Python": f"cookies = {{\n    '{NAME}': '{VALUE}',\n    '_U': '{U}',\n}}",
    "JavaScript": f"let {TEXT} = axios.get('https://www.bing.com/', {{headers: {{cookie: '{NAME}={VALUE}'}}}});",
    "object": f"{{'{NAME}': '{VALUE}', '_U': '{U}'}}",
    "JSON of texts": f'["{NAME}={VALUE}", "_U={U}"]',
    "JSON of other texts": f'["{TEXT}", "{VALUE}"]',
    "Postman": f'{{"info": {{"name": "{TEXT}"}}, "item": [{{"key": "{NAME}", "value": "{VALUE}"}}]}}',
    "binary": f"\x01{NAME}\x02{VALUE}",
    "placeholder": f"<{NAME} {VALUE}>",
    "token": TOKEN,
    "good token": GOOD_TOKEN,
    "bearer": f"Bearer {TOKEN}",
    "headers with a token": f"Host: copilot.microsoft.com\nAuthorization: Bearer {GOOD_TOKEN}\nCookie: {NAME}={VALUE}",
    "socket": f"wss://copilot.microsoft.com/c/api/chat?accessToken={TOKEN}&X-UserIdentityType={NAME}",
    "Chathub": f"wss://substrate.office.com/m365Copilot/Chathub/{NAME}@{VALUE}?access_token={TOKEN}&scenario={TEXT}",
}


class Kept(logging.Handler):
    """Collect every log record as it would be written without redaction."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record with its traceback."""
        self.texts.append(logging.Formatter().format(record))


@pytest.fixture
def log() -> Iterator[Kept]:
    """Collect the log of the test, before redaction."""
    kept, root = Kept(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.INFO)
    yield kept
    root.removeHandler(kept)
    root.setLevel(level)


@pytest.mark.parametrize("name", WHOLE)
# All kinds share the form; one of them is enough for a quick answer.
@pytest.mark.parametrize(
    "kind", ["bing", pytest.param("copilot", marks=pytest.mark.slow), pytest.param("m365", marks=pytest.mark.slow)]
)
def test_no_part_of_a_paste_is_shown_again(operator: Client, log: Kept, kind: str, name: str) -> None:
    """Accepted, refused, with another error, or cut within a value; pasted and uploaded."""
    text, account = WHOLE[name], make_account("anna", kind=kind)
    add, change = reverse("admin:accounts_account_add"), reverse("admin:accounts_account_change", args=[account.pk])
    upload = SimpleUploadedFile("x.txt", text.encode())
    seen: list[str] = []
    for address, target, given in (
        (add, None, {"name": "new", "new_cookies": text}),
        (add, None, {"name": "", "cookies_file": upload}),  # the name is a fault
        (change, account, {"new_cookies": text[: -(len(text) // 3)]}),
    ):
        answer = operator.post(address, form(target, kind=kind) | given, follow=True)
        assert answer.status_code == 200
        seen += [answer.content.decode(), *map(str, get_messages(answer.wsgi_request))]
    for entry in LogEntry.objects.all():
        seen += [entry.change_message, entry.object_repr, entry.get_change_message()]
    seen += log.texts
    shown = "\n".join(seen).lower()
    assert [mark for mark in MARKS if mark.lower() in shown] == []

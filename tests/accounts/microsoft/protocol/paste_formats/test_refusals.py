"""Forms that are known and not read: each is refused by its name, and nothing of it is repeated or taken."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

import pytest

from accounts.microsoft.protocol import explain_refusal, find_cookies, find_credentials
from accounts.microsoft.protocol.paste_formats import read_paste

U = "SECRETabcdefghijklmnop"
REQUESTS = f"""import requests

cookies = {{
    'MUID': 'SECRET',
    '_U': '{U}',
}}

headers = {{
    'accept': '*/*',
}}

response = requests.get('https://www.bing.com/', cookies=cookies, headers=headers)
"""
AXIOS = f"""const response = await axios.get('https://www.bing.com/', {{
  headers: {{
    'cookie': '_U={U}'
  }}
}});
"""
NODE_FETCH = f"""import fetch from 'node-fetch';

fetch('https://www.bing.com/', {{
  headers: {{
    cookie: '_U={U}'
  }}
}});
"""
XHR = f"""xhr.open('GET', 'https://www.bing.com/');
xhr.setRequestHeader('cookie', '_U={U}');
"""
HTTPIE = f"""http https://www.bing.com/ \\
  Cookie:'_U={U}'
"""
FIREFOX_STORAGE = f'Created:"Mon, 30 Nov 2026 12:00:00 GMT"\nDomain:".bing.com"\n_U:"{U}"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HTTPIE, "HTTPie"),
        (f"$ https www.bing.com 'Cookie:_U={U}'", "HTTPie"),
        (f"# a note\nxh https://www.bing.com/ 'Cookie:_U={U}'", "HTTPie"),
        (REQUESTS, "Python code"),
        (f"headers = {{\n    'cookie': '_U={U}',\n}}", "Python code"),
        (
            f"from curl_cffi import requests\nr = requests.get('https://www.bing.com/', cookies={{'_U': '{U}'}})",
            "Python",
        ),
        (f"r = httpx.get('https://www.bing.com/', cookies=dict(_U='{U}'))", "Python code"),
        (AXIOS, "JavaScript code"),
        (AXIOS.removeprefix("const response = await "), "JavaScript code"),
        (NODE_FETCH, "JavaScript code"),
        (XHR, "JavaScript code"),
        (f"document.cookie = '_U={U}'", "JavaScript code"),
        (f"$.ajax({{url: 'https://www.bing.com/', headers: {{cookie: '_U={U}'}}}})", "JavaScript code"),
        (f"<?php\n$ch = curl_init();\ncurl_setopt($ch, CURLOPT_COOKIE, '_U={U}');", "a program's code"),
        (f'package main\n\nfunc main() {{ req.Header.Set("cookie", "_U={U}") }}', "a program's code"),
        (f"{{'_U': '{U}', 'MUID': 'SECRET'}}", "an object of Python or JavaScript"),
        (f'{{domain: "bing.com", name: "_U", value: "{U}"}}', "an object of Python or JavaScript"),
        (f"[{{'name': '_U', 'value': '{U}'}}]", "an object of Python or JavaScript"),
        (f"<!DOCTYPE html><html><p>_U={U}</p>", "HTML or XML"),
        (f"<p>a=b;_U={U}</p>", "HTML or XML"),
        (f'<?xml version="1.0"?><items><cookie>_U={U}</cookie></items>', "HTML or XML"),
        (f'#LWP-Cookies-2.0\nSet-Cookie3: _U={U}; path="/"; domain=".bing.com"', "libwww-perl"),
        (f"type: collection.insomnia.rest/5.0\nname: x\ncookie: _U={U}", "Insomnia"),
        (f"Here is what I copied:\ncurl 'https://www.bing.com/' -b '_U={U}'", "has a curl command in it"),
        (f"time curl -b '_U={U}' https://www.bing.com/", "has a curl command in it"),
        (FIREFOX_STORAGE, "names and values with colons"),
        (f'"_U": "{U}",', "names and values with colons"),
    ],
)
def test_texts_that_are_refused_by_name(text: str, said: str) -> None:
    """For Bing and for Copilot; line ends may be Windows'."""
    for given in (text, text.replace("\n", "\r\n"), text.encode()):
        found = find_cookies(given)
        assert found.usable == {} and said in explain_refusal(found)
        assert "SECRET" not in explain_refusal(found)
        credentials = find_credentials(given, "copilot", 1.0)
        assert credentials.cookies == {} and said in credentials.token_problem


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {
                "info": {"_postman_id": "x", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/"},
                "item": [{"request": {"header": [{"key": "Cookie", "value": f"_U={U}"}]}}],
            },
            "a collection of Postman",
        ),
        ({"values": [{"key": "_U", "value": U}], "_postman_exported_at": "2026-11-30"}, "an environment of Postman"),
        ({"_type": "export", "__export_format": 4, "resources": [{"cookies": [{"key": "_U"}]}]}, "export of Insomnia"),
        ({"constants": {}, "events": [{"params": {"headers": [f"cookie: _U={U}"]}}]}, "a network log of Chrome"),
        (["_U", U], "a JSON list of texts"),
        ([f"_U={U}; Domain=.bing.com; Path=/"], "a JSON list of texts"),
        ([f"_U={U}; Secure"], "a JSON list of texts"),
        ([""], "a JSON list of texts"),
    ],
)
def test_documents_that_are_refused_by_name(document: object, said: str) -> None:
    """They are JSON of other programs."""
    found = find_cookies(json.dumps(document))
    assert found.usable == {} and said in explain_refusal(found) and "SECRET" not in explain_refusal(found)


def packed(name: str) -> bytes:
    """A zip file with one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "_U=abcdefghijklmnop")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gzip.compress(b'{"log": {"entries": []}}', mtime=0), "packed with gzip. Unpack it"),
        (packed("www.bing.com.har"), "a zip file. Unpack it"),
        (b"SQLite format 3\0\x10\0\x01\x01", "a SQLite database"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7-Zip file"),
        (b"(\xb5/\xfd\x24\x05", "packed with zstd"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a binary file"),
        (b"cook\0\0\0\x01_U\0abcdefghijklmnop", "a binary file"),
        (b"\x01_U=abcdefghijklmnop", "a binary file"),
    ],
)
def test_files_that_are_refused_by_name(data: bytes, said: str) -> None:
    """By their first bytes, or by characters that no text has."""
    found = find_cookies(data)
    assert found.usable == {} and said in explain_refusal(found)
    assert find_credentials(data, "m365", 1.0).token_problem == explain_refusal(found)


def test_addresses_beside_a_form_that_is_not_read() -> None:
    """They do not make it one that is."""
    paste = read_paste(f"{REQUESTS}\nhttps://www.bing.com/")
    assert paste.cookies == () and "Python code" in paste.problem and len(paste.requests) == 1

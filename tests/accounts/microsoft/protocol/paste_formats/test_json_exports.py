"""JSON that is no HAR, in the dialects of the programs that write it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.microsoft.protocol import explain_refusal, find_cookies
from accounts.microsoft.protocol.paste_formats import STORAGE, read_paste
from accounts.microsoft.protocol.paste_formats.json_exports import read_json_export, read_json_lines
from accounts.microsoft.protocol.paste_formats.values import LONGEST_TEXT_BYTES, PasteError
from tests.accounts.microsoft.protocol.paste_formats.test_curl import SENT
from tests.samples.pastes import read_sample

NOW = 1_790_000_000
U = "abcdefghijklmnop"


def test_playwrights_storage_state() -> None:
    """Cookies of all sites: another's are left out."""
    found = find_cookies(read_sample("playwright_storage_state.json"), NOW)
    assert found.usable == SENT
    assert [(left.reason, left.site, left.count) for left in found.left_out] == [("another site", "www.example.org", 1)]


def test_the_browsers_cookie_store() -> None:
    """No domain is the page's own host, as for a header; ends are milliseconds."""
    found = find_cookies(read_sample("cookie_store.json"), NOW)
    assert set(found.usable) == {"MUID", "SRCHHPGUSR", "host1", "bang", "apos"}
    text = json.dumps(
        [{"name": "_U", "value": U, "domain": "bing.com"}, {"name": "MUID", "value": "1", "domain": None}]
    )
    assert find_cookies(text).usable == {"_U": U, "MUID": "1"}


@pytest.mark.parametrize(
    "document",
    [
        {"name": "_U", "value": U, "domain": ".bing.com", "path": "/", "sameSite": "None"},
        [{"Name raw": "_U", "Content raw": U, "Host raw": "https://.bing.com/", "Expires raw": "1900000000"}],
        [{"KeyName": "_U", "Value": U, "Host": ".bing.com", "ExpireDate": "2030-01-01T00:00:00Z"}],
        [{"Name": "_U", "Value": U, "Domain": ".bing.com"}],
        {"version": "tough-cookie@4", "cookies": [{"key": "_U", "value": U, "domain": "bing.com"}]},
        {"url": "https://www.bing.com", "cookies": [{"name": "_U", "value": U, "domain": ".bing.com"}]},
        {"Cookie": f"_U={U}", "Host": "www.bing.com"},
        {"cookie": f"_U={U}", "host": 5},
        {"Request Cookies": {"_U": U}},
        {"Request Headers (1 kB)": {"headers": [{"name": "Cookie", "value": f"_U={U}"}]}},
        [[{"name": "_U", "value": U}]],
        [5, None, {"name": "_U", "value": U}],
        {"_U": U, "n": 5, "bad name": "x"},
        [f"_U={U}"],
    ],
)
def test_dialects(document: Any) -> None:
    """One cookie alone, other spellings of the keys, names with values, Firefox's "Copy all"."""
    assert find_cookies(json.dumps(document), NOW).usable == {"_U": U}


@pytest.mark.parametrize("items", [[f"_U={U}", "MUID=1"], [f"_U={U}; MUID=1"], [f" _U = {U} ;", "MUID=1;"]])
def test_a_list_of_texts(items: list[str]) -> None:
    """Each is a cookie, or a header."""
    assert find_cookies(json.dumps(items)).usable == {"_U": U, "MUID": "1"}


def test_cookies_may_be_called_as_another_programs_keys() -> None:
    """Those of Postman and its like hold no texts."""
    document = {"_U": U, "info": "1", "item": "2"}
    assert find_cookies(json.dumps(document)).usable == document


def test_one_object_a_line() -> None:
    """As some command-line tools print cookies."""
    lines = "\n".join(json.dumps({"name": name, "value": U, "domain": ".bing.com"}) for name in ("_U", "MUID"))
    assert find_cookies(lines).usable == {"_U": U, "MUID": U}
    for bad in (b"{}\n[", b"{}\n5", b"{}", b"x" * (LONGEST_TEXT_BYTES + 1)):
        with pytest.raises(PasteError):
            read_json_lines(bad)


def test_what_cannot_be_read_is_counted() -> None:
    """A domain or a value of another type is left out, and said to be."""
    found = find_cookies(json.dumps([{"name": "a", "value": U, "domain": 5}, {"name": "b", "value": 5}, {"name": 5}]))
    assert not found.usable
    assert {(left.reason, left.count) for left in found.left_out} == {("no site", 1), ("not sendable", 2)}


def test_other_documents_have_no_cookies() -> None:
    """Nothing that merely looks like names with values deep inside something else."""
    for document in ({"dependencies": {"a": "1"}}, [[[[[[{"name": "a", "value": "b"}]]]]]], 5, {"cookies": 5}):
        assert not read_json_export(json.dumps(document).encode()).cookies


@pytest.mark.parametrize(
    "document", [{"credentialType": "AccessToken", "secret": "x" * 50}, {"key": "v", "other": '{"secret": "x"}'}]
)
def test_a_pages_storage_is_no_set_of_cookies(document: Any) -> None:
    """An entry with a token, or all entries."""
    paste = read_paste(json.dumps(document))
    assert (paste.form, paste.cookies) == (STORAGE, ()) and "x" in paste.notes


def test_a_document_far_too_long() -> None:
    """Is refused before it is read."""
    said = explain_refusal(find_cookies("[" + " " * LONGEST_TEXT_BYTES + "]"))
    assert said.startswith("This JSON is not a HAR, and far longer")

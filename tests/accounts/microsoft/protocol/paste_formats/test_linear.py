"""Every form is read in time that grows with its length alone: ten times the text takes at most 15 times as long."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable

import pytest

from accounts.microsoft.protocol import find_cookies, find_credentials

SMALL, LARGE = 100_000, 1_000_000
MOST = 15.0
TRIES = 12
# Below this a measurement is noise; a form whose time grows with the square is far above it at the large size.
LEAST_SECONDS = 0.001

CURL = "curl 'https://www.bing.com/' -b '_U=abcdefghijklmnop' "
CMD = 'curl ^"https://www.bing.com/^" -b ^"_U=abcdefghijklmnop^" '
POWERSHELL = 'Invoke-WebRequest -Uri "https://www.bing.com/" '
FETCH = 'fetch("https://www.bing.com/", {"headers": {"cookie": "_U=abcdefghijklmnop"}, "body": '
COOKIE_LINE = ".bing.com\tTRUE\t/\tTRUE\t1900000000\tname\tvalue\n"


def fill(start: str, piece: str, end: str = "") -> Callable[[int], str]:
    """A text of some length: the piece again and again."""
    return lambda length: start + piece * (length // len(piece)) + end


def har(piece: str, **field: object) -> Callable[[int], str]:
    """A HAR of some length."""
    request = {"url": "https://www.bing.com/", "headers": [{"name": "Cookie", "value": "a=b; c=d"}], "cookies": []}
    entry = json.dumps({"request": request | field, "response": {"content": {"text": "x" * 200}}})
    return lambda length: (
        '{"log": {"entries": [' + ", ".join([piece or entry] * (length // len(piece or entry))) + "]}}"
    )


TEXTS: dict[str, Callable[[int], str]] = {
    "bare value": fill("", "x"),
    "bare value with ends": fill("", "=="),
    "one cookie": fill("_U=", "x"),
    "many cookies": fill("_U=abcdefghijklmnop", "; a=b"),
    "quotes": fill("'", "_U=x; ", "'"),
    "quote that is not closed": fill("'", "x"),
    "label and blanks": fill("cookie", " "),
    "words": fill("", "word "),
    "lines": fill("", "a=b\n"),
    "blank lines": fill("a", "\n", "b"),
    "blanks": fill("a", " ", "b"),
    "headers": fill("", "Host: www.bing.com\nCookie: a=b\n"),
    "one long header": fill("Cookie: ", "a=b; "),
    "header names": fill("", "cookie "),
    "header names on lines": fill("", "cookie\n"),
    "tabs before headers": fill("", "\t", "cookie: a=b"),
    "request lines": fill("", "GET /x HTTP/1.1\n"),
    "addresses": fill("", "https://www.bing.com/\n"),
    "one long address": fill("https://www.bing.com/", "x"),
    "cookies.txt": fill("", COOKIE_LINE),
    "one long field of a cookies.txt": fill(".bing.com\tTRUE\t/\tTRUE\t0\t_U\t", "x"),
    "no flag in a cookies.txt": fill("", "x\t"),
    "cURL: one long argument": fill(CURL + "--data-raw '", "x", "'"),
    "cURL: a quote that is not closed": fill(CURL + "--data-raw '", "x"),
    "cURL: a double quote that is not closed": fill(CURL + '--data-raw "', "x"),
    "cURL: an ANSI quote that is not closed": fill(CURL + "--data-raw $'", "\\'"),
    "cURL: escapes": fill(CURL + "--data-raw $'", "\\x27\\n", "'"),
    "cURL: double quotes with escapes": fill(CURL + '--data-raw "', '\\"', '"'),
    "cURL: glued quotes": fill(CURL, "'x'\"y\""),
    "cURL: backslashes": fill(CURL, "\\\\"),
    "cURL: continued lines": fill(CURL, "\\\n "),
    "cURL: dollars": fill(CURL, "$"),
    "cURL: options": fill(CURL, "-H 'a: b' "),
    "cURL: letters of one option": fill(CURL + "-", "s"),
    "cURL: commands": fill("", CURL + ";\n"),
    "cURL: --next": fill(CURL, "--next https://example.org/ -b a=b "),
    "cURL: separators": fill(CURL, ";"),
    "cURL: comments": fill(CURL, "\n#"),
    "cURL: comments before it": fill("", "# x\n", CURL),
    "cURL: blank lines before it": fill("#", "\n", CURL),
    "cURL: redirections": fill(CURL, "> x 2>&1 "),
    "cURL: redirections without files": fill(CURL, "<>"),
    "wget: headers": fill("wget https://www.bing.com/ ", "--header='cookie: a=b' "),
    "wget: addresses": fill("wget ", "https://www.bing.com/ "),
    "rows of a table": fill("", "_U\tabcdefghijklmnop\t.bing.com\t/\tSession\n"),
    "tabs in a table": fill("_U\tabcdefghijklmnop\t.bing.com\t/", "\t"),
    "a name and its value": fill("_U: ", "x"),
    "names with colons": fill("", "_U: a b\n"),
    "dots after names": fill("_U\tx\t", "a."),
    "code": fill("", "const x, "),
    "imports": fill("", "from a import b, "),
    "a page": fill("<p>", "<b>;a=b"),
    "a console": fill("document.cookie\n", "'a=b'; "),
    "placeholders": fill("", "your cookie "),
    "words and curl": fill("x ", "curl -"),
    "attributes": fill("_U=abcdefghijklmnop", "; path"),
    "cmd: one long argument": fill(CMD + '--data-raw ^"', "x", '^"'),
    "cmd: carets": fill(CMD, "^"),
    "cmd: escaped quotes": fill(CMD + '--data-raw ^"', '^\\^"', '^"'),
    "cmd: plain quotes": fill('curl.exe "https://www.bing.com/" -b "', '""', '"'),
    "cmd: a quote that is not closed": fill(CMD + '"', "x"),
    "cmd: continued lines": fill(CMD, "^\r\n"),
    "cmd: caret and blanks": fill("curl ", "^ "),
    "cmd: redirections": fill(CMD, "2> x "),
    "cmd: commands": fill("", CMD + "&\r\n"),
    "PowerShell: one long body": fill(POWERSHELL + '-Body "', "x", '"'),
    "PowerShell: escapes": fill(POWERSHELL + '-Body "', '`"$([char]233)', '"'),
    "PowerShell: a quote that is not closed": fill(POWERSHELL + '-Body "', "`x"),
    "PowerShell: cookies": fill("", '$s.Cookies.Add((New-Object System.Net.Cookie("a", "b", "/", ".bing.com")))\n'),
    "PowerShell: sessions": fill(POWERSHELL + "\n", '$s.Cookies.Add((New-Object System.Net.Cookie("a", "b")))\n'),
    "PowerShell: headers": fill(POWERSHELL + "-Headers @{", '"a"="b"\n', "}"),
    "PowerShell: tables that do not end": fill(POWERSHELL, "-Headers @{ "),
    "PowerShell: commands": fill("", POWERSHELL + ";\n"),
    "PowerShell: dots": fill(POWERSHELL, "."),
    "fetch: one long body": fill(FETCH + '"', "x", '"});'),
    "fetch: calls": fill("", FETCH + "null});\n"),
    "fetch: blanks": fill("fetch", " "),
    "fetch: a body that breaks off": fill(FETCH + '"', "\\n"),
    "HAR": har(""),
    "HAR: odd entries": har("", headers=None),
    "HAR: entries of null": har("null"),
    "HAR: one long body": lambda length: har("")(400)[:-3] + ', {"request": {}, "x": "' + "x" * length + '"}]}}',
    "HAR: half surrogates": lambda length: har("")(400)[:-3] + ', {"x": "' + "\\ud800" * (length // 6) + '"}]}}',
    "HAR: a body full of quotes": lambda length: (
        har("")(400)[:-3] + ', {"request": {}, "x": {\n"text": "' + '\\"' * (length // 2) + '"\n}}]}}'
    ),
    "HAR: a body of backslashes": lambda length: har("")(400)[:-3] + ', {"text": "' + "\\" * length + '"}]}}',
    "HAR: bodies": fill('{"log": {"entries": [], "x": [', '{"text":  "\\""}, ', "0]}}"),
    "HAR: many cookies": har("", cookies=[{"name": "a", "value": "b"}] * 50),
    "HAR: long headers": har("", headers=[{"name": "Cookie", "value": "a=b; " * 2_000}]),
    "HAR: breaks off": fill('{"log": {"entries": [', '{"request": {}}, '),
    "JSON: list": fill("[", '{"name": "a", "value": "b"},', '{"name": "a", "value": "b"}]'),
    "JSON: names": fill("{", '"a": "b", ', '"a": "b"}'),
    "JSON: one long value": fill('{"_U": "', "x", '"}'),
    "JSON: lines": fill("", '{"name": "a", "value": "b"}\n'),
    "JSON: nested": fill("", "["),
    "JSON: texts": fill("[", '"a=b; c=d", ', '"a=b"]'),
    "JSON: no JSON": fill("[", "{a"),
    "JSON: storage": fill('{"secret": "x", "other": "', "bearer ", '"}'),
    "tokens": fill("", "bearer " + "x" * 40 + "\n"),
    "words before tokens": fill("x ", "access_token"),
    "bearer and blanks": fill("bearer", " "),
}


def seconds(read: Callable[[str], object], text: str) -> float:
    """How long it takes, without the garbage collector: its time depends on what else lives in the process."""
    gc.disable()
    try:
        began = time.process_time()
        read(text)
        return time.process_time() - began
    finally:
        gc.enable()


@pytest.mark.slow
@pytest.mark.parametrize("form", TEXTS)
def test_time_grows_with_the_length_alone(form: str) -> None:
    """Whatever the text: an account of Bing's and one of Copilot's are read from it by turns."""

    def read(text: str) -> object:
        return find_cookies(text, 1.0), find_credentials(text, "copilot", 1.0)

    small, large = TEXTS[form](SMALL), TEXTS[form](LARGE)
    cheap = dear = float("inf")
    for _ in range(TRIES):
        # Another process may have had the caches, which only ever adds: a fault is what stays at the best of all.
        cheap, dear = min(cheap, seconds(read, small)), min(dear, seconds(read, large))
        if dear <= MOST * max(LEAST_SECONDS, cheap):
            return
    raise AssertionError(f"a megabyte takes {dear / cheap:.0f} times as long as a tenth of it")

"""Refuse forms that are recognised but not read, each by its name and with what to paste instead.

Each is recognised by text that only this form has, so that no readable paste is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from accounts.microsoft.protocol.paste_formats.shells import program_of, without_comments
from accounts.microsoft.protocol.paste_formats.values import Form, PasteError, damaged, refused
from accounts.microsoft.protocol.placeholders import is_placeholder

COPY_CURL = (
    "Copy the request as cURL instead: in the browser's developer tools, on the Network page, from the request's menu."
)
_UNPACK = "Unpack it, and choose the file inside."
_EXPORT = "Export the cookies instead, with an extension such as Cookie-Editor."
_FIRST_BYTES = (
    (b"\x1f\x8b", f"This is a file packed with gzip. {_UNPACK}"),
    (b"PK\x03\x04", f"This is a zip file. {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"This is a 7-Zip file. {_UNPACK}"),
    (b"(\xb5/\xfd", f"This is a file packed with zstd. {_UNPACK}"),
    (b"SQLite format 3\0", f"This is a SQLite database, as browsers keep their cookies in. {_EXPORT}"),
    (b"%PDF-", f"This is a PDF. {COPY_CURL}"),
)
_BINARY = f"This is a binary file, not text. {_EXPORT}"
# Control characters that text never has. ESC is not one of them: a terminal's colours begin with it.
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")

_HTTPIE = ("http", "https", "xh", "xhs", "httpie", "curlie")
_PYTHON = re.compile(
    r"^[ \t]*+(?:import[ ]{1,4}(?:requests|httpx|aiohttp|urllib|http|os|json)\b"
    r"|from[ ]{1,4}[a-z_]{1,40}(?:\.[a-z_]{1,40}){0,4}[ ]{1,4}import\b"
    r"|(?:cookies|headers|cookie_jar|jar)[ ]{0,4}=[ ]{0,4}(?:\{|dict\()"
    r"|(?:\w{1,40}[ ]{0,4}=[ ]{0,4})?(?:requests|httpx|session|client)\.(?:get|post|put|request|Session|cookies)\b)",
    re.MULTILINE,
)
_JAVASCRIPT = re.compile(
    r"^[ \t]*+(?:(?:const|let|var)[ ]{1,4}[\w${}, ]{1,80}=|import[ ]{1,4}[\w*{}, ]{1,80} from[ ]{1,4}['\"]"
    r"|(?:await[ ]{1,4})?(?:axios|\$\.ajax|\$\.get|\$\.post|got|superagent)[.(]"
    r"|\w{1,40}\.setRequestHeader\(|(?:async[ ]{1,4})?function\b|document\.cookie[ ]{0,4}=)",
    re.MULTILINE,
)
_SOURCE = re.compile(
    r"^[ \t]*+(?:<\?php|package[ ]{1,4}main\b|using[ ]{1,4}System|require[ ]{1,4}['\"](?:net/http|uri|httparty)"
    r"|use[ ]{1,4}reqwest|import[ ]{1,4}(?:java|okhttp3|kotlin|Foundation)\b|library\(httr2?\))",
    re.MULTILINE,
)
_PAGE = re.compile(r"\s*+<(?:!|\?xml|(?:html|head|body|div|p|script|table|span|a)\b)", re.IGNORECASE)
_LWP = re.compile(r"#LWP-Cookies|^Set-Cookie3:", re.IGNORECASE | re.MULTILINE)
_INSOMNIA = re.compile(r"\s*+type:[ ]*+(?:collection|spec)\.insomnia\b", re.IGNORECASE)
_INNER_CURL = re.compile(r"\bcurl(?:\.exe)?[ \t]++(?:-|['\"^]{0,2}https?:)", re.IGNORECASE)
_COLONS = re.compile(r"""^[ \t]*+["']?_U["']?[ \t]*+:""", re.MULTILINE)
_LONGEST_PLACEHOLDER = 5000
_LITERAL = re.compile(rb"""[\[{]\s*+(?:[\[{]\s*+)?(?:'|[A-Za-z_$][\w$]{0,80}+\s*+:)""")

PLACEHOLDER = "This is a placeholder. Paste what the browser gives in its place."
OBJECT = f"This is an object of Python or JavaScript, not JSON. {COPY_CURL}"
INSOMNIA = f"This is an export of Insomnia. {COPY_CURL}"


def _code(name: str, pattern: re.Pattern[str]) -> Form:
    return refused(name, _has(pattern), f"This is {name}, which is not run here. {COPY_CURL}")


def _has(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None


def _begins(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.match(text) is not None


def _is_httpie(text: str) -> bool:
    return program_of(without_comments(text)) in _HTTPIE


# Tried before the forms of headers, because a line of code may look like a header.
COMMANDS_AND_CODE = (
    refused("an HTTPie command", _is_httpie, f"This is a command of HTTPie or its like. {COPY_CURL}"),
    _code("JavaScript code", _JAVASCRIPT),
    _code("Python code", _PYTHON),
    _code("a program's code", _SOURCE),
    refused("a page", _begins(_PAGE), f"This is HTML or XML, which has no cookies. {COPY_CURL}"),
    refused("libwww-perl's cookies", _has(_LWP), f"These are cookies as libwww-perl and Python store them. {_EXPORT}"),
    refused("an export of Insomnia", _begins(_INSOMNIA), INSOMNIA),
    refused(
        "a text with a curl command", _has(_INNER_CURL),
        "This text has a curl command in it, but does not begin with it. Paste the command alone.",
    ),
)  # fmt: skip
# Tried last, because their patterns match much.
LEFTOVERS = (
    refused(
        "names and values with colons", _has(_COLONS),
        "These look like cookies as names and values with colons between. Copy the value of _U alone, or a request as "
        "cURL.",
    ),
    refused("a placeholder", is_placeholder, PLACEHOLDER),
)  # fmt: skip


def check_text(data: bytes) -> None:
    """Refuse files of known binary formats.

    Raises:
        PasteError: The file has one.
    """
    for first, reason in _FIRST_BYTES:
        if data.startswith(first):
            raise PasteError(reason)


def check_characters(data: bytes) -> None:
    """Refuse other binary data; `data` is in UTF-8.

    Raises:
        PasteError: The data has control characters that text never has.
    """
    if _CONTROL.search(data) is not None:
        raise PasteError(_BINARY)


def no_json(data: bytes) -> PasteError:
    """Return the error for a text that begins like JSON and cannot be decoded."""
    if is_placeholder(data[:_LONGEST_PLACEHOLDER].decode("utf-8", "replace")):
        return PasteError(PLACEHOLDER)
    return PasteError(OBJECT) if _LITERAL.match(data) is not None else damaged("JSON")

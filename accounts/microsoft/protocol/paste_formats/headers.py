"""Read a request's headers as text, the value of a Cookie header alone, or one bare value."""

from __future__ import annotations

import re

from accounts.microsoft.protocol.paste_formats.values import (
    COOKIE_NAME,
    Paste,
    PastedCookie,
    PastedRequest,
    damaged,
    host_of,
    is_name,
    make_request,
    of_requests,
    split_header,
)

BARE_VALUE = "a bare value"  # read as the value of `_U`
COOKIE_HEADER = "a Cookie header"
ADDRESS = "an address"

_BARE_VALUE = re.compile(r"""[^\s=;<>{}\[\]"'\\]{1,4096}+|[^\s=;<>{}\[\]"'\\]{16,4096}+={1,2}""")
_KNOWN = "cookie|host|:authority|:path|authorization|user-agent|x-useridentitytype"
# Browsers copy a header's name and value as one line or as two.
_LINE = re.compile(
    rf"^[ \t]*+(?:(?P<name>{_KNOWN})[ \t]*+(?::[ \t]*+(?:\r?\n[ \t]*+)?|\r?\n[ \t]*+)(?P<value>\S[^\r\n]*+)"
    r"|(?:GET|POST|PUT|PATCH|DELETE|OPTIONS|HEAD)[ ](?P<path>\S++)[ ]HTTP/[\d.]{1,3}[ \t\r]*+$)",
    re.IGNORECASE | re.MULTILINE,
)
# Recognised by the header's name, or by an attribute that requests do not send.
_SET_COOKIE = re.compile(
    r"^[ \t]*+set-cookie[ \t]*+:|;[ \t]*+(?:domain|path|expires|max-age|samesite)[ \t]*+=", re.IGNORECASE | re.MULTILINE
)
# A console's input line, before the output that has the cookies.
_CONSOLE = re.compile(r"\A(?:>\s++)?document\.cookie;?[ \t\r]*+\n(?:<\s++)?", re.IGNORECASE)
# `Cookie=…`, `BING_COOKIE_U="…"`, `cookie: …` of an environment file, a compose file or a script.
_LABEL = re.compile(r"(?:export\s++)?(?:-\s++)?(?:cookies?|bing_cookie(?:_u)?)\s*+[:=]\s*+", re.IGNORECASE)
_QUOTES = {"'": "'", '"': '"', "`": "`", "\u201c": "\u201d", "\u2018": "\u2019"}
_LONGEST_ADDRESS = 16 * 1024
_MOST_ADDRESSES = 10  # removing each one copies the paste
_ADDRESS = re.compile(r"""["']?(?:wss?|https?)://[^\s"'<>]{1,16384}["']?,?""", re.IGNORECASE)
# If the line before an address matches, it is a header's name or another header, and the address is a header's value.
_BEFORE_VALUE = re.compile(r":?[A-Za-z][A-Za-z-]{1,40}+(?::.*+)?", re.DOTALL)
_BEARER = re.compile(r"(?:authorization\s*+[:=]\s*+)?bearer\s++\S{1,16384}", re.IGNORECASE)


def unquote(text: str) -> str:
    """Remove quotes around the whole text, such as those of a console or an environment file.

    Raises:
        PasteError: The closing quote is missing.
    """
    text = _without_label(_CONSOLE.sub("", text))
    closing = _QUOTES.get(text[:1])
    if closing is None:
        return text
    inner = text[1:].rstrip(",; \t\r\n")
    if not inner.endswith(closing):
        raise damaged("a text in quotes")
    return inner[:-1].strip()


def _without_label(text: str) -> str:
    """Remove a label such as `Cookie=`, unless it is the first of several cookies."""
    label = _LABEL.match(text)
    if label is None or "\n" in text:
        return text
    rest = text[label.end() :]
    is_cookie = label[0].rstrip().endswith("=") and ";" in rest and "=" not in rest.partition(";")[0]
    return text if is_cookie and rest[:1] not in _QUOTES else rest


def is_bare_value(text: str) -> bool:
    """True for a single word that is not an address."""
    return "://" not in text and _BARE_VALUE.fullmatch(text) is not None


def read_bare_value(text: str) -> Paste:
    """Read the text as the value of `_U`."""
    return Paste(BARE_VALUE, (PastedCookie(COOKIE_NAME, text),))


def is_header_lines(text: str) -> bool:
    """True if one of the lines is a known header."""
    return any(found["name"] for found in _LINE.finditer(text))


def read_header_lines(text: str) -> Paste:
    """Read the headers of one or several requests; a second host or a request line starts the next request."""
    blocks: list[list[tuple[str, str]]] = [[]]
    for found in _LINE.finditer(text):
        name = (found["name"] or ":path").lower().replace(":authority", "host")
        if found["path"] or (name == "host" and any(title == "host" for title, _ in blocks[-1])):
            blocks.append([])
        blocks[-1].append((name, (found["value"] or found["path"]).strip()))
    blocks = [block for block in blocks if block]
    return of_requests(COOKIE_HEADER, tuple(_request(block, is_alone=len(blocks) == 1) for block in blocks))


def is_cookie_pairs(text: str) -> bool:
    """True if the whole text consists of `name=value` pairs, as in a Cookie header."""
    pairs = [pair.strip() for line in text.splitlines() for pair in line.split(";")]
    names = [pair.partition("=") for pair in pairs if pair]
    return bool(names) and all(equals and is_name(name.strip()) for name, equals, _ in names)


def read_cookie_pairs(text: str) -> Paste:
    """Read the pairs of one line or several."""
    return Paste(COOKIE_HEADER, tuple(cookie for line in text.splitlines() for cookie in split_header(line)))


def is_answer(text: str) -> bool:
    """True for the headers of a response, or the value of a `Set-Cookie`."""
    return _SET_COOKIE.search(text) is not None


def take_addresses(data: bytes) -> tuple[bytes, tuple[PastedRequest, ...]]:
    """Remove lines that are addresses or tokens from both ends of a paste; return the rest, and them as requests.

    Operators are asked to give a socket's address in the same field as the paste that has the cookies.
    """
    requests: list[PastedRequest] = []
    while len(requests) < _MOST_ADDRESSES and (request := _read_line(line := _line(data, is_last=True))):
        rest = data[: -len(line)].rstrip()
        if rest.endswith((b"\\", b"^", b"`")) or _BEFORE_VALUE.fullmatch(_text(_line(rest, is_last=True))):
            break  # the line belongs to a command or to a request's headers
        data = rest
        requests.append(request)
    while len(requests) < _MOST_ADDRESSES and (request := _read_line(line := _line(data, is_last=False))):
        data = data[len(line) :].lstrip()
        requests.append(request)
    return data, tuple(requests)


def _line(data: bytes, *, is_last: bool) -> bytes:
    """Return the last or the first line; b"" if it is too long for an address."""
    if is_last:
        at = data.rfind(b"\n", max(0, len(data) - _LONGEST_ADDRESS))
        return data[at + 1 :] if at >= 0 or len(data) <= _LONGEST_ADDRESS else b""
    at = data.find(b"\n", 0, _LONGEST_ADDRESS)
    return data[:at] if at >= 0 else data if len(data) <= _LONGEST_ADDRESS else b""


def _read_line(line: bytes) -> PastedRequest | None:
    text = _text(line)
    if _ADDRESS.fullmatch(text):
        return make_request(text.strip("\"',"))
    return PastedRequest(headers=(("authorization", text),)) if _BEARER.fullmatch(text) else None


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()


def _request(block: list[tuple[str, str]], *, is_alone: bool) -> PastedRequest:
    host = next((value for name, value in block if name == "host"), "")
    path = next((value for name, value in block if name == ":path"), "/")
    url = f"https://{host}{path}" if host_of(f"https://{host}/") else ""
    # Beside other requests, the cookies of a request without a host belong to no known site.
    is_stray = not url and not is_alone
    headers = ((name, _without_quotes(value) if name == "cookie" else value) for name, value in block)
    return make_request(url, headers, is_stray=is_stray)


def _without_quotes(line: str) -> str:
    """Remove quotes around a value, as in `cookie: "…"` of a YAML file."""
    is_quoted = len(line) > 1 and line[0] == line[-1] and line[0] in "\"'"
    return line[1:-1] if is_quoted else line

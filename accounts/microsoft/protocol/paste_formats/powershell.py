"""Read requests copied as PowerShell: `Invoke-WebRequest` with a `WebRequestSession`, as Chrome and Edge write it."""

from __future__ import annotations

import re

from accounts.microsoft.protocol.paste_formats.shells import UnclosedQuoteError, character, scan, without_comments
from accounts.microsoft.protocol.paste_formats.values import (
    Paste,
    PastedCookie,
    PastedRequest,
    damaged,
    host_of,
    make_request,
    of_requests,
)

POWERSHELL = "a request copied as PowerShell"
_IS_POWERSHELL = re.compile(
    r"\s*(?:\$\w{1,40}\s*=\s*New-Object\s+Microsoft\.PowerShell\.Commands\.WebRequestSession"
    r"|(?:Invoke-WebRequest|Invoke-RestMethod|iwr|irm)\s)",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"""
      (?P<blank>(?:[ \t]|`\r?\n)++)
    | (?P<end>[;\s]++)
    | "(?P<double>(?:[^"`]++|`.|"")*+)"
    | '(?P<single>(?:[^']++|'')*+)'
    | (?P<mark>[(){}=,])
    | (?P<word>(?:[^\s"'(){}=,;`]|`.)++)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r'\$\(\[char\](\d{1,7})\)|`(.)|""', re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_COMMANDS = ("invoke-webrequest", "invoke-restmethod", "iwr", "irm")
_COOKIE_PARTS = 4

Token = tuple[str, str]


def is_powershell(text: str) -> bool:
    """True if the text begins like a request copied as PowerShell, after any comments."""
    return _IS_POWERSHELL.match(without_comments(text)) is not None


def read_powershell(text: str) -> Paste:
    """Read the requests, each with the cookies that were added to its session.

    Raises:
        PasteError: A quote is not closed.
    """
    reader = _Reader(_tokens(text))
    reader.read()
    return of_requests(POWERSHELL, tuple(reader.requests))


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    try:
        for kind, part in scan(_TOKEN, without_comments(text)):
            if kind == "double":
                tokens.append(("text", _ESCAPE.sub(_read_escape, part)))
            elif kind == "single":
                tokens.append(("text", part.replace("''", "'")))
            elif kind != "blank":
                tokens.append((kind, part))
    except UnclosedQuoteError:
        raise damaged(POWERSHELL) from None
    return tokens


def _read_escape(found: re.Match[str]) -> str:
    if found[1] is not None:
        return character(int(found[1]))
    return _LETTERS.get(found[2], found[2]) if found[2] is not None else '"'


class _Reader:
    """Collect requests from the tokens; a session's cookies and User-Agent go with the requests after it."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._cookies: list[PastedCookie] = []
        self._agent = ""
        self.requests: list[PastedRequest] = []

    def read(self) -> None:
        """Read all tokens into `requests`."""
        while self._position < len(self._tokens):
            kind, word = self._next()
            name = word.casefold() if kind == "word" else ""
            if name.endswith(".useragent") and self._skips("="):
                self._agent = self._text()
            elif name.endswith("webrequestsession"):
                self._cookies, self._agent = [], ""
            elif name.endswith("system.net.cookie") and self._skips("("):
                self._add_cookie()
            elif name in _COMMANDS:
                self._read_request()

    def _next(self) -> Token:
        self._position += 1
        return self._tokens[self._position - 1]

    def _peek(self) -> Token:
        return self._tokens[self._position] if self._position < len(self._tokens) else ("end", "")

    def _skips(self, mark: str) -> bool:
        is_there = self._peek() == ("mark", mark)
        self._position += is_there
        return is_there

    def _text(self) -> str:
        """Return the next token and skip it if it is a value, else ""."""
        kind, word = self._peek()
        if kind in ("mark", "end"):
            return ""
        self._position += 1
        return word

    def _add_cookie(self) -> None:
        """Read `("name", "value", "path", "domain")`."""
        parts = [self._text()]
        while self._skips(","):
            parts.append(self._text())
        parts += [""] * (_COOKIE_PARTS - len(parts))
        self._cookies.append(PastedCookie(parts[0], parts[1], parts[3]))

    def _read_request(self) -> None:
        """Read a command's options up to the end of the statement."""
        url, headers = "", [("user-agent", self._agent)] if self._agent else []
        while self._position < len(self._tokens) and self._peek()[0] != "end":
            kind, word = self._next()
            option = word.casefold() if kind == "word" else ""
            if option in _COMMANDS:
                self._position -= 1
                break
            if option == "-uri" or (kind == "text" and not url and "://" in word):
                url = self._text() if option else word
            elif option == "-useragent":
                headers.append(("user-agent", self._text()))
            elif option == "-headers":
                headers += self._table()
            elif option.startswith("-") and self._peek()[0] == "text":
                self._position += 1  # skip the option's value, such as the body
        host = host_of(url)
        cookies = [
            PastedCookie(cookie.name, cookie.value, cookie.domain or host, is_stray=not (cookie.domain or host))
            for cookie in self._cookies
        ]
        self.requests.append(make_request(url, headers, cookies))

    def _table(self) -> list[tuple[str, str]]:
        """Read `@{ "name"="value" … }`."""
        headers: list[tuple[str, str]] = []
        if self._text() != "@" or not self._skips("{"):
            return headers  # a variable
        while self._position < len(self._tokens) and not self._skips("}"):
            kind, word = self._next()
            if kind in ("text", "word") and self._skips("="):
                headers.append((word.lower(), self._text()))
        return headers

"""Read Netscape's cookies.txt, as curl, yt-dlp and browser extensions write it.

`http.cookiejar.MozillaCookieJar` is not used: it reads only files, requires the first line that some tools leave out,
and rejects the whole file for one malformed line or for an expiry with a fraction.
"""

from __future__ import annotations

import re

from accounts.microsoft.protocol.paste_formats.values import Paste, PastedCookie, damaged, unix_seconds

COOKIES_TXT = "a cookies.txt"
_IS_COOKIES_TXT = re.compile(
    r"^#[ \t]*(?:Netscape )?HTTP Cookie File|^(?:#HttpOnly_)?[^\s#]\S{0,255}+[ \t]++(?:TRUE|FALSE)[ \t]++",
    re.IGNORECASE | re.MULTILINE,
)
_HTTP_ONLY = "#HttpOnly_"
_FIELDS = 7


def is_cookies_txt(text: str) -> bool:
    """True if a line is a cookie's, or the first line of the format."""
    return _IS_COOKIES_TXT.search(text) is not None


def read_cookies_txt(text: str) -> Paste:
    """Return the cookies of all lines: domain, flag, path, flag, expiry, name, value.

    The separators are tabs, or blanks if an editor has replaced them. Comments and lines whose second field is neither
    TRUE nor FALSE are ignored; `#HttpOnly_` before the domain is no comment.

    Raises:
        PasteError: A cookie's line has fewer than six fields.
    """
    cookies = []
    for line in text.splitlines():
        is_comment = line.startswith("#") and not line.startswith(_HTTP_ONLY)
        fields = line.removeprefix(_HTTP_ONLY).split(None if "\t" not in line else "\t")
        if is_comment or len(fields) < 2 or fields[1].upper() not in ("TRUE", "FALSE"):
            continue
        if len(fields) < _FIELDS - 1:
            raise damaged(COOKIES_TXT)
        fields += [""]  # an editor may have removed the tab before an empty value
        if fields[0] and fields[5]:
            cookies.append(PastedCookie(fields[5], fields[6].strip(), fields[0], unix_seconds(fields[4])))
    return Paste(COOKIES_TXT, tuple(cookies))

"""Refuse request heads that later parsers would need more than linear time for.

The limit of 64 KiB for a whole head is still too much for Django's parser of header parameters (`Content-Type`), for
the standard library's parser of quoted cookies, and for the patterns that a path is matched with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bingproject.api.request_body import CHARSETS, read_content_type
from bingproject.errors import InvalidRequestError, NotFoundError, ServiceError

PATH_CHARACTERS = 8192
# Django logs the paths of the admin, matches them with many patterns and puts them into forms.
ADMIN_PATH_CHARACTERS = 2048
CONTENT_TYPE_CHARACTERS = 256
HOST_CHARACTERS = 300  # a name of 253, a port
# Browsers limit a cookie to 4 KiB, and the admin's are short. Each backslash in quotes costs a scan of the rest.
COOKIE_CHARACTERS = 16 * 1024
COOKIE_BACKSLASHES = 500
# For the other headers that are parsed as a whole; content negotiation, for one, splits and sorts `Accept`.
VALUE_CHARACTERS = 4096
_READ_WHOLE = ("accept", "accept-language", "authorization", "forwarded", "origin", "x-api-key", "x-forwarded-for")


class RefusedHeadError(Exception):
    """A head to answer with `error`, under a status that the error's code does not have elsewhere."""

    def __init__(self, status: int, error: ServiceError) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error


def check_head(scope: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """Refuse a head that would be expensive to parse.

    Raises:
        RefusedHeadError: The path (414), a cookie or another header (431) is too long.
        InvalidRequestError: `Content-Type`, `Host` or the query is not acceptable.
        NotFoundError: A path of the admin contains U+0000.
    """
    path, is_admin = scope["path"], scope["path"].startswith("/admin")
    longest = ADMIN_PATH_CHARACTERS if is_admin else PATH_CHARACTERS
    if len(path) > longest:
        message = f"The address may have {longest} characters before its question mark."
        raise RefusedHeadError(414, InvalidRequestError(message, code="too_large"))
    # PostgreSQL rejects U+0000 and SQLite stores it; no page needs it.
    if is_admin and "\0" in path:
        raise NotFoundError
    if b"%00" in scope["query_string"]:
        raise InvalidRequestError("The address must not contain U+0000.")
    if len(headers.get("content-type", "")) > CONTENT_TYPE_CHARACTERS:
        raise InvalidRequestError(
            f"Content-Type may have {CONTENT_TYPE_CHARACTERS} characters.", code="unsupported_media_type"
        )
    # Django decodes a form by any codec of Python: some take more than linear time, some produce surrogates.
    if is_admin and read_content_type(headers.get("content-type", ""))[1] not in CHARSETS:
        raise InvalidRequestError("Send the form in UTF-8.", code="unsupported_media_type")
    if len(headers.get("host", "")) > HOST_CHARACTERS:
        raise InvalidRequestError("Host is too long.", param="Host")
    _check_cookie(headers.get("cookie", ""))
    for name in _READ_WHOLE:
        if len(headers.get(name, "")) > VALUE_CHARACTERS:
            message = f"The header {name} may have {VALUE_CHARACTERS} characters."
            raise RefusedHeadError(431, InvalidRequestError(message, code="too_large"))


def _check_cookie(cookie: str) -> None:
    if len(cookie) > COOKIE_CHARACTERS or (
        len(cookie) > COOKIE_BACKSLASHES and cookie.count("\\") > COOKIE_BACKSLASHES
    ):
        raise RefusedHeadError(
            431,
            InvalidRequestError("The Cookie header is too large: clear the cookies of this site.", code="too_large"),
        )

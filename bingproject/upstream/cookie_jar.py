"""The cookie jar of one account's client, without cookies that a `Cookie` header cannot carry."""

from __future__ import annotations

import logging
from http.cookiejar import Cookie, CookieJar

logger = logging.getLogger(__name__)


class SendableCookieJar(CookieJar):
    """A jar that ignores cookies with characters outside printable ASCII.

    httpx encodes headers as ASCII. A single cookie with another character, such as one in a first name, would make
    every later request of the account fail. Servers cope without it, as they do with a browser that has no such cookie.
    """

    def set_cookie(self, cookie: Cookie) -> None:
        """Store the cookie unless it cannot be sent."""
        text = f"{cookie.name}{cookie.value or ''}"
        if text.isascii() and text.isprintable():
            super().set_cookie(cookie)
        else:
            name = cookie.name.encode("ascii", "backslashreplace").decode("ascii")
            logger.warning("the cookie %s of %s is left out: a header cannot carry it", name, cookie.domain)


def make_cookie(name: str, value: str, domain: str, marks: dict[str, str]) -> Cookie:
    """Return a cookie that lasts as long as its jar; `marks` distinguish it from those that a server set."""
    return Cookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        domain=domain,
        domain_specified=True,
        domain_initial_dot=domain.startswith("."),
        path="/",
        path_specified=True,
        secure=False,
        expires=None,
        discard=True,
        comment=None,
        comment_url=None,
        rest=dict(marks),
    )

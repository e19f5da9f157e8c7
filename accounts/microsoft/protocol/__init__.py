"""Read what operators paste, the page that shows if an account is signed in, and proxy addresses. All pure.

Source: docs/wire/image_creator.md, section 1.
"""

from accounts.microsoft.protocol.cookies import (
    PASTE_A_COOKIE,
    FoundCookies,
    LeftOut,
    choose_cookies,
    describe_cookies,
    explain_refusal,
    find_cookies,
    format_cookies,
    parse_cookies,
)
from accounts.microsoft.protocol.credentials import (
    CLEARANCE_COOKIE,
    CLEARANCE_MINUTES,
    FoundCredentials,
    describe_credentials,
    find_credentials,
)
from accounts.microsoft.protocol.paste_formats import COOKIE_NAME
from accounts.microsoft.protocol.proxies import (
    PASSWORD_MASK,
    PROXY_FORM,
    describe_proxy,
    find_proxy_fault,
    holds_secret,
    mask_proxy,
)
from accounts.microsoft.protocol.session import SESSION_PATH, Session, build_search_cookie, parse_session

__all__ = [
    "CLEARANCE_COOKIE",
    "CLEARANCE_MINUTES",
    "COOKIE_NAME",
    "PASSWORD_MASK",
    "PASTE_A_COOKIE",
    "PROXY_FORM",
    "SESSION_PATH",
    "FoundCookies",
    "FoundCredentials",
    "LeftOut",
    "Session",
    "build_search_cookie",
    "choose_cookies",
    "describe_cookies",
    "describe_credentials",
    "describe_proxy",
    "explain_refusal",
    "find_cookies",
    "find_credentials",
    "find_proxy_fault",
    "format_cookies",
    "holds_secret",
    "mask_proxy",
    "parse_cookies",
    "parse_session",
]

"""What operators paste, the page that proves an account alive, the form of our keys, a proxy's address.

All pure. Source: docs/wire/image_creator.md, section 1.
"""

from accounts.protocol.cookies import (
    PASTE_A_COOKIE,
    FoundCookies,
    describe_cookies,
    explain_refusal,
    find_cookies,
    format_cookies,
    parse_cookies,
)
from accounts.protocol.credentials import (
    CLEARANCE_COOKIE,
    CLEARANCE_MINUTES,
    TIERS,
    FoundCredentials,
    describe_credentials,
    find_credentials,
)
from accounts.protocol.keys import KEY_PREFIX, build_api_key, hash_api_key, is_api_key
from accounts.protocol.pastes import COOKIE_NAME
from accounts.protocol.proxies import (
    PASSWORD_MASK,
    PROXY_FORM,
    describe_proxy,
    find_proxy_fault,
    holds_secret,
    mask_proxy,
)
from accounts.protocol.session import SESSION_PATH, Session, build_search_cookie, parse_session

__all__ = [
    "CLEARANCE_COOKIE",
    "CLEARANCE_MINUTES",
    "COOKIE_NAME",
    "KEY_PREFIX",
    "PASSWORD_MASK",
    "PASTE_A_COOKIE",
    "PROXY_FORM",
    "SESSION_PATH",
    "TIERS",
    "FoundCookies",
    "FoundCredentials",
    "Session",
    "build_api_key",
    "build_search_cookie",
    "describe_cookies",
    "describe_credentials",
    "describe_proxy",
    "explain_refusal",
    "find_cookies",
    "find_credentials",
    "find_proxy_fault",
    "format_cookies",
    "hash_api_key",
    "holds_secret",
    "is_api_key",
    "mask_proxy",
    "parse_cookies",
    "parse_session",
]

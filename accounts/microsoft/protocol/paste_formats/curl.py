"""Read requests that Chrome, Edge, Firefox or Safari copied as cURL, for bash or for Windows' cmd.

Each command's cookies belong to its own address: "Copy all as cURL" puts requests to many sites into one text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from accounts.microsoft.protocol.paste_formats.shells import (
    Command,
    UnclosedQuoteError,
    arguments_of,
    program_of,
    without_comments,
)
from accounts.microsoft.protocol.paste_formats.values import (
    Paste,
    PastedCookie,
    PastedRequest,
    damaged,
    host_of,
    make_request,
    of_requests,
)

CURL = "a request copied as cURL"
# The options of curl 8 that take an argument. Without this list, an argument would be taken for an address.
_SHORT = frozenset("ACDEFHKPQTUXYbcdehmortuwxyz")
_LONG = frozenset(
    """
    abstract-unix-socket alt-svc aws-sigv4 cacert capath cert cert-type ciphers config connect-timeout connect-to
    continue-at cookie cookie-jar create-file-mode crlfile curves data data-ascii data-binary data-raw data-urlencode
    delegation dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url dump-header ech egd-file engine
    etag-compare etag-save expect100-timeout form form-string ftp-account ftp-alternative-to-user ftp-method ftp-port
    ftp-ssl-ccc-mode happy-eyeballs-timeout-ms haproxy-clientip header help hostpubmd5 hostpubsha256 hsts interface
    ip-tos ipfs-gateway json keepalive-cnt keepalive-time key key-type krb libcurl limit-rate local-port login-options
    mail-auth mail-from mail-rcpt max-filesize max-redirs max-time netrc-file noproxy oauth2-bearer output output-dir
    parallel-max pass pinnedpubkey preproxy proto proto-default proto-redir proxy proxy-cacert proxy-capath proxy-cert
    proxy-cert-type proxy-ciphers proxy-crlfile proxy-header proxy-key proxy-key-type proxy-pass proxy-pinnedpubkey
    proxy-service-name proxy-tls13-ciphers proxy-tlsauthtype proxy-tlspassword proxy-tlsuser proxy-user proxy1.0 pubkey
    quote random-file range rate referer request request-target resolve retry retry-delay retry-max-time sasl-authzid
    service-name socks4 socks4a socks5 socks5-gssapi-service socks5-hostname speed-limit speed-time stderr
    telnet-option tftp-blksize time-cond tls-max tls13-ciphers tlsauthtype tlspassword tlsuser trace trace-ascii
    trace-config unix-socket upload-file url url-query user user-agent variable vlan-priority write-out
    """.split()  # noqa: SIM905 - a list would take 190 lines
)
_NAMES = {"b": "cookie", "H": "header", "A": "user-agent"}
# curl also accepts a host without a scheme.
_BARE_HOST = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,126}(?::\d{1,5})?(?:[/?#].*)?", re.DOTALL)


def is_curl(text: str) -> bool:
    """True if the text begins with a curl command, after any comments."""
    return program_of(without_comments(text)) == "curl"


def read_curl(text: str) -> Paste:
    """Read the requests of all curl commands; skip other commands.

    Raises:
        PasteError: A quote is not closed.
    """
    try:
        requests = [request for words in arguments_of("curl", text) for request in _requests(words)]
    except UnclosedQuoteError:
        raise damaged(CURL) from None
    if len(requests) > 1:
        requests = [_without_site(request) if not request.host else request for request in requests]
    return of_requests(CURL, tuple(requests))


def _requests(words: Command) -> Iterator[PastedRequest]:
    chosen: list[tuple[str, str]] = []
    for name, argument in _options(words):
        if name == "next":
            yield _request(chosen)
            chosen = []
        chosen.append((name, argument))
    yield _request(chosen)


def _options(words: Command) -> Iterator[tuple[str, str]]:
    """Yield the long name and the argument of each option; an address has the name "url"."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            name, equals, argument = word[2:].partition("=")
            if equals:
                yield name, argument
            else:
                yield name, next(rest, "") if name in _LONG else ""
        elif word.startswith("-"):
            letters = re.match(r"-[^ACDEFHKPQTUXYbcdehmortuwxyz]*", word)
            at = letters.end() if letters else len(word)
            if at < len(word):
                yield _NAMES.get(word[at], word[at]), word[at + 1 :] or next(rest, "")
        else:
            yield "url", word


def _request(options: list[tuple[str, str]]) -> PastedRequest:
    urls = [_with_scheme(argument) for name, argument in options if name == "url"]
    hosts = {host for host in map(host_of, urls) if host}
    headers: list[tuple[str, str]] = []
    for name, argument in options:
        if name == "header":
            title, _, value = argument.partition(":")
            headers.append((title.strip().lower(), value.strip()))
        elif name in ("cookie", "user-agent"):
            headers.append((name, argument.strip()))
    url = next(filter(host_of, urls), "") if len(hosts) == 1 else ""
    return make_request(url, headers, is_stray=len(hosts) > 1)


def _with_scheme(address: str) -> str:
    return f"http://{address}" if _BARE_HOST.fullmatch(address) else address


def _without_site(request: PastedRequest) -> PastedRequest:
    cookies = tuple(PastedCookie(cookie.name, cookie.value, is_stray=True) for cookie in request.cookies)
    return PastedRequest(request.url, request.headers, cookies)

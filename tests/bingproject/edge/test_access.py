"""Who is let in: hosts, peers, origins; from headers alone, and over a real port."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bingproject.conf.environment import SettingError
from bingproject.edge.access import caller_address, check_access, is_loopback, read_headers, seen_scheme
from bingproject.errors import InvalidRequestError, NotWhitelistedError, ServiceError

PEER = "127.0.0.1"
HOST = {"host": "127.0.0.1:7860"}


@pytest.fixture(autouse=True)
def open_server(settings: Any) -> None:
    """A server in open mode that answers to loopback names."""
    settings.ACCESS = "open"
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "pictures.example.org"]
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.org"]
    settings.PUBLIC_URL = ""


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-site"},  # another port of this machine
        {"sec-fetch-mode": "cors"},  # Node's fetch sends this and no site
        {"origin": "http://127.0.0.1:7860"},
        {"origin": "HTTP://127.0.0.1:7860", "sec-fetch-site": "same-origin"},
        {"origin": "https://app.example.org", "sec-fetch-site": "cross-site"},
    ],
)
def test_lets_programs_and_its_own_pages_in(headers: dict[str, str]) -> None:
    """curl, SDKs, the server's own pages, and pages of origins the operator named."""
    check_access("http", PEER, HOST | headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "null"},
        {"origin": ""},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:7861"},
        {"origin": "https://127.0.0.1:7860"},
        {"origin": "http://localhost:7860"},
        {"origin": "https://evil.example, https://app.example.org"},
        {"origin": "https://app.example.org.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": " Cross-Site "},
        {"forwarded": "for=192.0.2.1"},
        {"x-forwarded-for": "127.0.0.1"},
        {"x-real-ip": "127.0.0.1"},
        {"via": "1.1 proxy"},
    ],
)
def test_keeps_foreign_pages_and_proxies_out(headers: dict[str, str], settings: Any) -> None:
    """403 in open mode, whatever else is set; with keys the key decides."""
    with pytest.raises(NotWhitelistedError) as caught:
        check_access("http", PEER, HOST | headers)
    assert caught.value.code == "origin_not_allowed"
    settings.ACCESS = "keys"
    check_access("http", PEER, HOST | headers)


@pytest.mark.parametrize("peer", ["192.0.2.7", "10.0.0.1", "", "::", "2001:db8::1", "::ffff:192.0.2.7", "localhost"])
def test_keeps_other_machines_out(peer: str) -> None:
    """In open mode only this machine may ask, whatever its headers say."""
    with pytest.raises(NotWhitelistedError):
        check_access("http", peer, HOST)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "::1%lo"])
def test_knows_this_machine(peer: str) -> None:
    """Every loopback address, IPv4 in IPv6 too."""
    assert is_loopback(peer)


@pytest.mark.parametrize("access", ["open", "keys"])
@pytest.mark.parametrize(
    "host", ["evil.example", "", "127.0.0.1.evil.example", "127.0.0.1:80:80", "a b", "127.0.0.1, evil.example", "[::2]"]
)
def test_answers_to_its_own_names_only(host: str, access: str, settings: Any) -> None:
    """A foreign Host is 400 in both modes: a name that is made to point here must not read answers."""
    settings.ACCESS = access
    with pytest.raises(InvalidRequestError) as caught:
        check_access("http", PEER, {"host": host})
    assert caught.value.param == "Host"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:7860", "LOCALHOST", "[::1]:7860", "pictures.example.org."])
def test_answers_to_all_its_names(host: str) -> None:
    """With or without a port, in any letter case."""
    check_access("http", PEER, {"host": host})


def test_knows_its_public_address(settings: Any) -> None:
    """A page under PUBLIC_URL is the server's own, also where TLS ends before us."""
    settings.PUBLIC_URL = "https://pictures.example.org"
    check_access("http", PEER, HOST | {"origin": "https://pictures.example.org"})


def test_believes_trusted_proxies_about_the_scheme_only(settings: Any) -> None:
    """`X-Forwarded-Proto` counts from addresses in TRUSTED_PROXIES; a wrong setting is a plain error."""
    told = {"x-forwarded-proto": "HTTPS"}
    assert seen_scheme("http", "10.1.2.3", told) == "http"
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "::1"]
    assert seen_scheme("http", "10.1.2.3", told) == seen_scheme("http", "::1", told) == "https"
    assert seen_scheme("http", "192.0.2.1", told) == seen_scheme("http", "", told) == "http"
    assert seen_scheme("http", "10.1.2.3", {"x-forwarded-proto": "gopher"}) == "http"
    settings.TRUSTED_PROXIES = ["nonsense"]
    with pytest.raises(SettingError, match="TRUSTED_PROXIES"):
        seen_scheme("http", "10.1.2.3", told)


def test_joins_headers_of_one_name() -> None:
    """Two of a name are a list; names are in lower case."""
    scope = {"headers": [(b"Prefer", b"wait=1"), (b"prefer", b"respond-async"), (b"X-A", b"\xe9")]}
    assert read_headers(scope) == {"prefer": "wait=1, respond-async", "x-a": "é"}


@pytest.mark.parametrize("path", ["/", "/healthz", "/admin/login/", "/static/nothing.css", "/api/docs/", "/nowhere"])
def test_holds_on_every_path(http: httpx.Client, path: str) -> None:
    """The rules apply before everything else, also to the admin and static files."""
    refused: list[tuple[dict[str, str], int, type[ServiceError]]] = [
        ({"Host": "evil.example"}, 400, InvalidRequestError),
        ({"Origin": "https://evil.example"}, 403, NotWhitelistedError),
        ({"Sec-Fetch-Site": "cross-site"}, 403, NotWhitelistedError),
        ({"X-Forwarded-For": "127.0.0.1"}, 403, NotWhitelistedError),
    ]
    for headers, status, error in refused:
        answer = http.get(path, headers=headers)
        assert answer.status_code == status
        assert answer.json()["error"]["code"] in error.codes
        assert answer.headers["x-request-id"]
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # not a trusted proxy: its header does not count
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # the first is what the caller claims
        ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),  # two trusted proxies
        ("10.0.0.1", "203.0.113.9, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
        ("::ffff:10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("fe80::1%eth0", "", "fe80::1"),
        ("", "198.51.100.7", ""),
    ],
)
def test_who_asks_behind_proxies(peer: str, forwarded: str, caller: str, settings: Any) -> None:
    """The last address in the list that no trusted proxy is; without trusted proxies the peer."""
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    assert caller_address(peer, headers) == caller
    settings.TRUSTED_PROXIES = []
    assert caller_address(peer, headers) == caller_address(peer, {})


NO_KEY_PATHS = ("/", "/health", "/options", "/healthz", "/readyz", "/api/schema/", "/api/docs/", "/admin/login/")


@pytest.mark.parametrize("path", NO_KEY_PATHS)
def test_keys_mode_has_open_doors(http: httpx.Client, path: str, settings: Any) -> None:
    """What anybody may ask for needs no key in `keys` mode either, nor does a preflight of the API."""
    settings.ACCESS = "keys"
    assert http.get(path).status_code in (200, 503)
    assert http.options("/create/image").status_code == 204


@pytest.mark.parametrize(("method", "path"), [("GET", "/tasks"), ("POST", "/create/image"), ("GET", "/v1/models")])
def test_keys_mode_asks_for_one(http: httpx.Client, method: str, path: str, settings: Any) -> None:
    """Everything else is 401, with the same words for no key, a wrong one and another kind of credential."""
    settings.ACCESS = "keys"
    tries: list[dict[str, str]] = [
        {}, {"X-API-Key": "bp_" + "a" * 43}, {"Authorization": "Bearer sk-other"}, {"Authorization": "Basic YTpi"},
    ]  # fmt: skip
    answers = [http.request(method, path, headers=headers) for headers in tries]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


def test_the_admin_is_guarded_alike(http: httpx.Client, settings: Any) -> None:
    """A foreign Host is 400 in both modes; a foreign origin 403, by the access rules or by those of forms."""
    for access in ("open", "keys"):
        settings.ACCESS = access
        for path in ("/admin/", "/admin/login/", "/admin/accounts/account/"):
            assert http.get(path, headers={"Host": "evil.example"}).status_code == 400
        foreign = {"Origin": "https://evil.example"}
        assert http.post("/admin/login/", data={"username": "a"}, headers=foreign).status_code == 403


def test_secure_over_tls(http: httpx.Client, settings: Any) -> None:
    """Behind a trusted proxy that ended TLS the cookies are secure and HSTS is sent, once; else neither is."""
    settings.ACCESS, settings.TRUSTED_PROXIES = "keys", ["127.0.0.1"]
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    for path in ("/admin/login/", "/", "/health"):
        secure = http.get(path, headers={"X-Forwarded-Proto": "https"})
        assert secure.headers.get_list("strict-transport-security") == ["max-age=31536000"]
        assert "strict-transport-security" not in http.get(path).headers
    cookie = http.get("/admin/login/", headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]
    assert "csrftoken" in cookie and "; Secure" in cookie

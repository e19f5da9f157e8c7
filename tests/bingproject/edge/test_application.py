"""The gate over a real port: ids, limits, preflights, paths, and bodies that never end."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped] # ships no types
import pytest

from bingproject.cluster.process_registry import Registration
from bingproject.conf.environment import SettingError
from bingproject.edge.application import EdgeApplication, allowed_methods, canonical_path
from bingproject.errors import NotFoundError
from bingproject.models import LiveProcess
from tests.rig.servers import wait_for
from tests.servers import LiveServer

MEGABYTE = 1024 * 1024
HUGE = 10 * 1024 * MEGABYTE


@pytest.fixture(autouse=True)
def test_paths(settings: Any) -> None:
    """The paths of `api_urls` in front of the project's own."""
    settings.ROOT_URLCONF = "tests.bingproject.api.api_urls"


def send_head(site: LiveServer, *lines: str) -> socket.socket:
    """A connection that has sent a request's head."""
    line = socket.create_connection((site.host, site.port), timeout=20)
    line.sendall("\r\n".join([*lines, f"Host: {site.host}:{site.port}", "", ""]).encode())
    return line


def read_answer(line: socket.socket) -> tuple[int, dict[str, Any], bytes]:
    """Status, headers and body of an answer, up to the connection's end."""
    received = b""
    while chunk := line.recv(65536):
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status, *rest = head.decode().split("\r\n")
    return int(status.split()[1]), dict(item.lower().split(": ", 1) for item in rest), body


def check_too_large(line: socket.socket) -> None:
    """The answer is 413 in the error shape, and the connection ends."""
    status, headers, body = read_answer(line)
    assert (status, json.loads(body)["error"]["code"]) == (413, "too_large")
    assert headers["x-request-id"]
    assert headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/echo", "/wait", "/nowhere", "/admin/login/", "/v1/echo"])
def test_cuts_off_what_is_announced_too_large(site: LiveServer, path: str) -> None:
    """An announced 10 GB is refused before its first byte, for every path and every sender."""
    with send_head(site, f"POST {path} HTTP/1.1", f"Content-Length: {HUGE}", "X-API-Key: bp_wrong") as line:
        line.shutdown(socket.SHUT_WR)
        check_too_large(line)


def test_does_not_invite_what_is_too_large(site: LiveServer) -> None:
    """A client that asks first whether to send gets the refusal and no 100."""
    head = ("POST /echo HTTP/1.1", f"Content-Length: {HUGE}", "Expect: 100-continue")
    with send_head(site, *head) as line:
        line.shutdown(socket.SHUT_WR)
        check_too_large(line)


def test_cuts_off_a_body_without_end(site: LiveServer, tmp_path: Path) -> None:
    """Chunks for ever: refused when the limit is passed, not much more is read, nothing is kept on disk."""
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    sent = 0
    before = psutil.Process().memory_info().rss
    with send_head(site, "POST /echo HTTP/1.1", "Transfer-Encoding: chunked", "Content-Type: application/json") as line:
        known = {found.path for found in psutil.Process().open_files()}  # the run's own log, for one
        files: set[str] = set()
        try:
            while sent < HUGE:
                line.sendall(piece)
                sent += len(piece)
                files |= {found.path for found in psutil.Process().open_files() if "/tmp" in found.path}
        except OSError:
            pass
        status, _, body = read_answer(line)
    assert (status, json.loads(body)["error"]["code"]) == (413, "too_large")
    assert sent < 64 * MEGABYTE
    assert not {path for path in files - known if "sqlite" not in path}
    assert psutil.Process().memory_info().rss - before < 64 * MEGABYTE


def test_takes_a_body_up_to_the_limit(http: httpx.Client) -> None:
    """A megabyte is read, one byte more is not; the client that sends everything first finds the answer."""
    frame = len(b'{"a": ""}')
    for extra, status in ((0, 200), (1, 413)):
        text = b"x" * (MEGABYTE - frame + extra)
        for content in (b'{"a": "%s"}' % text, iter([b'{"a": "', text, b'"}'])):
            answer = http.post("/echo", content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code == status


def test_a_caller_who_leaves_early_leaves_nothing(site: LiveServer, http: httpx.Client) -> None:
    """Half a body and gone: the next request is served."""
    for _ in range(5):
        send_head(site, "POST /echo HTTP/1.1", "Content-Length: 1000").close()
    assert http.get("/echo").status_code == 200


@pytest.mark.parametrize("given", ["a", "Req-1.x_y", "x" * 128])
def test_keeps_the_callers_request_id(http: httpx.Client, given: str) -> None:
    """A sane id comes back, on errors too."""
    for path in ("/echo", "/nowhere", "/fail/bug", "/static/none.css", "/admin/login/"):
        assert http.get(path, headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a,b", "<script>", "é"])
def test_replaces_an_odd_request_id(http: httpx.Client, given: str) -> None:
    """Anything else is replaced by a new id each time."""
    headers = [(b"X-Request-ID", given.encode())]
    ids = {http.get("/echo", headers=headers).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert given not in ids


@pytest.mark.django_db(transaction=True)
def test_a_server_says_that_it_lives() -> None:
    """From its start to its end there is a row of it, renewed now and then."""
    sign = Registration("web", every_seconds=0.05)
    server = LiveServer(EdgeApplication(start=sign.begin, registration=sign)).start()
    (row,) = LiveProcess.objects.all()
    wait_for(lambda: LiveProcess.objects.get().seen_at > row.seen_at, "a renewal")
    server.stop()
    assert not LiveProcess.objects.exists()


async def test_an_address_that_is_no_text_is_refused() -> None:
    """A query that is not UTF-8 is 400 in the error shape; servers other than uvicorn let it through."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/echo", "query_string": b"a=\xff", "client": ("127.0.0.1", 1)}
    await EdgeApplication(start=lambda: None)(scope | {"headers": [(b"host", b"localhost")]}, receive, send)
    assert sent[0]["status"] == 400
    assert json.loads(sent[1]["body"])["error"]["code"] == "invalid_value"


def test_streams_carry_the_request_id(http: httpx.Client) -> None:
    """A stream's answer is an answer too."""
    assert http.get("/wait", headers={"X-Request-ID": "s-1"}).headers["x-request-id"] == "s-1"


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/echo", "GET, HEAD, OPTIONS, POST"), ("/wait/", "DELETE, GET, HEAD, OPTIONS, POST"),
     ("/healthz", "GET, HEAD, OPTIONS"), ("/api/schema/", "GET, HEAD, OPTIONS")],
)  # fmt: skip
def test_answers_preflights_without_a_key(http: httpx.Client, settings: Any, path: str, methods: str) -> None:
    """204 with Allow and no body; nothing that would let a foreign page read."""
    settings.ACCESS = "keys"
    answer = http.options(path, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, methods, b"")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert http.options("/nowhere").status_code == 404


def test_lets_named_origins_read(http: httpx.Client, settings: Any) -> None:
    """An origin in CORS_ALLOWED_ORIGINS gets the headers its browser needs, on errors too; others get none."""
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.org"]
    page = {"Origin": "https://app.example.org", "Sec-Fetch-Site": "cross-site"}
    answer = http.options(
        "/echo", headers=page | {"Access-Control-Request-Headers": "authorization, content-type, x-stainless-os"}
    )
    assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type, x-stainless-os"
    assert "POST" in answer.headers["access-control-allow-methods"]
    for path in ("/echo", "/nowhere", "/fail/blocked"):
        answer = http.get(path, headers=page)
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
        assert "Origin" in answer.headers["vary"]
    answer = http.get("/echo")
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin"
    answer = http.options("/echo", headers=page | {"Access-Control-Request-Headers": "x\x7f"})
    assert "access-control-allow-headers" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/nowhere", "/nowhere/", "/echo//", "/v1/nothing", "/adminfoo", "/%00", "/..%2f..%2fetc/passwd"]
)
def test_unknown_paths_are_json(http: httpx.Client, path: str) -> None:
    """404 in the error shape, whatever is accepted."""
    answer = http.get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_slash_at_the_end_makes_no_difference(http: httpx.Client) -> None:
    """Accepted, never redirected; the admin is found without one."""
    assert http.post("/echo/", json={"a": 1}).json()["data"]["body"] == {"a": 1}
    assert http.get("/admin").headers["location"] == http.get("/admin/").headers["location"]
    assert canonical_path("/", is_admin=False) == "/"
    assert canonical_path("/a/b/", is_admin=False) == "/a/b"
    assert canonical_path("/admin/x/", is_admin=True) == "/admin/x/"


def test_the_admin_keeps_its_pages(http: httpx.Client) -> None:
    """HTML with session and CSRF there; neither on API paths."""
    answer = http.get("/admin/login/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "csrftoken" in answer.cookies
    http.cookies.clear()
    answer = http.post("/admin/login/", data={"username": "a", "password": "b"})
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    answer = http.get("/echo")
    assert not answer.cookies
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_says_https_is_to_stay(http: httpx.Client, settings: Any) -> None:
    """Behind a trusted proxy that ended TLS, every answer says so."""
    settings.SECURE_HSTS_SECONDS = 100
    assert "strict-transport-security" not in http.get("/echo").headers
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    answer = http.get("/echo", headers={"X-Forwarded-Proto": "https"})
    assert answer.headers["strict-transport-security"] == "max-age=100"


def test_names_methods_of_known_paths_only() -> None:
    """An unknown path has none."""
    with pytest.raises(NotFoundError):
        allowed_methods("/nowhere")


async def test_a_setting_that_cannot_work_stops_the_start() -> None:
    """One line through the server's own log, and no start."""

    def refuse() -> None:
        raise SettingError("SEAL_KEYS is wrong.")

    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    await EdgeApplication(start=refuse)({"type": "lifespan"}, receive, send)
    assert sent == [{"type": "lifespan.startup.failed", "message": "bingproject cannot start: SEAL_KEYS is wrong."}]


async def test_takes_no_sockets() -> None:
    """A WebSocket is closed before it opens."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    await EdgeApplication(start=lambda: None)({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    ("path", "length"), [("/admin/", 2048), ("/create/image/", 8192), ("/nowhere/", 8192), ("/static/", 8192)]
)
def test_a_long_path_is_refused_before_anything_looks_at_it(http: httpx.Client, path: str, length: int) -> None:
    """414 in the error shape above the limit; a path of that length has its usual answer."""
    longest = path + "a" * (length - len(path))
    assert http.post(longest).status_code in (403, 404, 405)
    refused = http.post(longest + "a")
    assert (refused.status_code, refused.json()["error"]["code"]) == (414, "too_large")
    assert refused.headers["x-request-id"] and refused.headers["x-should-retry"] == "false"


def test_an_anonymous_post_below_the_admin_costs_no_more_than_any_other(site: LiveServer) -> None:
    """The path that once kept the process busy for minutes is answered; what is logged of it is cut."""
    with send_head(site, f"POST /admin/{'_' * 2000} HTTP/1.1", "Content-Length: 0", "Connection: close") as line:
        assert read_answer(line)[0] == 403


@pytest.mark.parametrize("path", ["/create/image", "/admin/login/", "/nowhere"])
def test_a_long_content_type_is_refused(http: httpx.Client, path: str) -> None:
    """Above 256 characters the answer is 415, for every value and every sender."""
    for length, is_refused in ((256, False), (257, True), (60_000, True)):
        kind = "application/json; a=" + "b" * (length - 20)
        answer = http.post(path, content=b"{}", headers={"Content-Type": kind})
        assert (
            answer.status_code == 415 and answer.json()["error"]["message"].startswith("Content-Type")
        ) == is_refused


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Cookie", "a=" + "b" * 16_400),
        ("Cookie", 'a="' + "\\" * 501 + '"'),
        ("Accept", "a/b," * 1100),
        ("Authorization", "Bearer " + "x" * 4100),
        ("X-Forwarded-For", "1," * 2100),
        ("Forwarded", "for=1," * 800),
    ],
)
def test_a_long_value_of_a_header_is_refused(http: httpx.Client, header: str, value: str) -> None:
    """431, before it is parsed."""
    for path in ("/echo", "/admin/login/"):
        answer = http.get(path, headers={header: value})
        assert (answer.status_code, answer.json()["error"]["code"]) == (431, "too_large")


def test_usual_headers_are_long_enough(http: httpx.Client) -> None:
    """A browser with many cookies and a long list of what it accepts is served."""
    cookies = "; ".join(f"name{number}=" + "x" * 100 for number in range(100))
    headers = {"Cookie": cookies, "Accept": "text/html," * 100 + "*/*", "Accept-Language": "de,en;q=0.5"}
    assert http.get("/admin/login/", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/echo?a=%00", "/admin/login/?next=%00", "/tasks?cursor=%00"])
def test_no_address_holds_nul(http: httpx.Client, path: str) -> None:
    """400 on both databases: PostgreSQL would fail with it, SQLite would keep it."""
    for method in ("GET", "POST"):
        answer = http.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")

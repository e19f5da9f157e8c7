"""Viewsets over a real port: bodies in, answers out, exceptions as errors, waiting without threads."""

from __future__ import annotations

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions
from rest_framework.test import APIRequestFactory

from bingproject.api.contracts import OPENAI
from bingproject.api.viewsets import error_body, exception_handler, translate
from bingproject.errors import by_code
from tests.bingproject.api import api_urls
from tests.servers import LiveServer

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def test_paths(settings: Any) -> None:
    """The paths of `api_urls` in front of the project's own."""
    settings.ROOT_URLCONF = "tests.bingproject.api.api_urls"


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The error object of an answer that has one."""
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    found: dict[str, Any] = answer.json()["error"]
    assert set(found) >= {"message", "type", "param", "code"}
    return found


@pytest.mark.parametrize("path", ["/echo", "/echo/", "/wait"])
def test_reads_json_byte_exact(http: httpx.Client, path: str) -> None:
    """The body comes back as it was sent, emoji and all, chunked or not."""
    body = {"query": "  🦊 \u202eabc\u2028 é ", "n": 1, "b": True, "x": None, "f": 1.5}
    encoded = json.dumps(body).encode()
    for content in (encoded, iter([encoded[:5], encoded[5:]])):
        answer = http.post(path, content=content, headers=JSON)
        assert answer.status_code == 200
        assert answer.json()["success"] is True
        assert answer.json()["data"]["body"] == body


def test_reads_forms_where_the_contract_takes_them(http: httpx.Client) -> None:
    """Bing-Create reads forms, OpenAI does not."""
    assert http.post("/echo", data={"query": "a fox 🦊"}).json()["data"]["body"] == {"query": "a fox 🦊"}
    answer = http.post("/v1/echo", data={"prompt": "a fox"})
    assert (answer.status_code, error_of(answer)["code"]) == (415, "unsupported_media_type")
    assert http.post("/v1/echo", json={"prompt": "a fox"}).json() == {"prompt": "a fox"}


@pytest.mark.parametrize("path", ["/echo", "/wait"])
def test_no_body_is_an_empty_one(http: httpx.Client, path: str) -> None:
    """A POST without a body reaches the action with `{}`."""
    assert http.post(path).json()["data"]["body"] == {}


@pytest.mark.parametrize("path", ["/echo", "/wait", "/v1/echo"])
@pytest.mark.parametrize(
    ("content", "param"),
    [(b"{", None), (b"[]", None), (b"null", None), (b'{"a": 1, "a": 2}', "a"), (b'{"a": NaN}', "a"), (b"\xff", None),
     (b'{"a": "\\ud800"}', "a"), (b'{"a": "\\u0000"}', "a"), (b"[" * 100_000, None), (b'{"a": 1e999}', "a")],
)  # fmt: skip
def test_refuses_bad_bodies(http: httpx.Client, path: str, content: bytes, param: str | None) -> None:
    """400 naming the field, and no repeat asked for."""
    answer = http.post(path, content=content, headers=JSON)
    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["param"]) == ("invalid_value", param)
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/xml"}, {"Content-Type": "multipart/form-data"},
     {"Content-Type": "application/json; charset=utf-16"}, JSON | {"Content-Encoding": "gzip"}],
)  # fmt: skip
def test_refuses_other_types(http: httpx.Client, headers: dict[str, str]) -> None:
    """415 for what is neither JSON nor a form, or is compressed."""
    answer = http.post("/echo", content=b'{"query": "a fox"}', headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (415, "unsupported_media_type")


def test_names_what_a_method_may_be(http: httpx.Client) -> None:
    """405 with `Allow`, for viewsets of both kinds."""
    for path, methods in (
        ("/echo", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/wait", {"POST", "GET", "HEAD", "DELETE", "OPTIONS"}),
    ):
        for method in ("PUT", "PATCH", "TRACE"):
            answer = http.request(method, path)
            assert (answer.status_code, error_of(answer)["code"]) == (405, "method_not_allowed")
            assert set(answer.headers["allow"].split(", ")) == methods


def test_says_what_a_serializer_found(http: httpx.Client) -> None:
    """The first fault as message, the field in `param` and named by the message."""
    for body, text in (
        ({}, "tails: This field is required."),
        ({"tails": "many"}, "tails: A valid integer is required."),
    ):
        answer = http.post("/check", json=body)
        assert answer.status_code == 400
        assert (error_of(answer)["message"], error_of(answer)["param"]) == (text, "tails")


def test_keeps_idempotency_keys_and_refuses_bad_ones(http: httpx.Client) -> None:
    """The header reaches the action; a malformed one is 400."""
    assert http.post("/echo", headers={"Idempotency-Key": "order 12"}).json()["data"]["key"] == "order 12"
    assert http.post("/echo").json()["data"]["key"] is None
    answer = http.post("/echo", headers={"Idempotency-Key": "x" * 256})
    assert (answer.status_code, error_of(answer)["param"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_answers_failures_by_the_contract(http: httpx.Client, prefix: str) -> None:
    """Status, code and headers differ by contract, the shape does not."""
    answer = http.get(f"{prefix}/fail/blocked")
    assert answer.status_code == (400 if prefix else 422)
    assert error_of(answer)["code"] == ("content_policy_violation" if prefix else "blocked")
    answer = http.get(f"{prefix}/fail/cookie_expired")
    assert answer.status_code == (503 if prefix else 401)
    assert http.get(f"{prefix}/fail/throttled").headers["retry-after"] == "7"
    answer = http.get(f"{prefix}/fail/timeout")
    assert (answer.status_code, error_of(answer)["taskId"]) == (504, "t-1")


def test_a_failure_that_a_row_remembers_is_logged_once(http: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """With its code and cause, as a raised one is, in place of Django's "Gateway Timeout: /path"."""
    http.get("/fail/timeout")
    assert [
        (record.name, record.getMessage()[:8]) for record in caplog.records if record.levelno >= logging.WARNING
    ] == [("bingproject.api.viewsets", "timeout:")]


@pytest.mark.parametrize(("method", "path"), [("GET", "/fail/bug"), ("DELETE", "/wait"), ("GET", "/broken")])
def test_a_bug_says_nothing_and_is_logged(
    http: httpx.Client, caplog: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    """500 without detail; the log has the stack and the request id is the one answered."""
    with caplog.at_level(logging.ERROR):
        answer = http.request(method, path, headers={"X-Request-ID": "req-42"})
    assert (answer.status_code, error_of(answer)["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "req-42"
    assert any(record.exc_info or record.exc_text for record in caplog.records)


def test_honours_preferences_and_says_so(http: httpx.Client) -> None:
    """Several headers count as one list; what was honoured and what the answer depends on is named."""
    answer = http.post("/wait", headers=[("Prefer", "handling=lenient"), ("Prefer", "WAIT=20")])
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.headers["vary"] == "Prefer"
    answer = http.post("/wait")
    assert "preference-applied" not in answer.headers
    assert answer.headers["vary"] == "Prefer"


def test_streams_to_whoever_accepts_events(http: httpx.Client) -> None:
    """`Accept: text/event-stream` is no 406, and `Accept` never changes JSON into anything else."""
    answer = http.get("/wait", headers={"Accept": "text/event-stream"})
    assert answer.text == "data: 1\n\ndata: 2\n\n"
    assert http.get("/echo", headers={"Accept": "text/html"}).headers["content-type"] == "application/json"
    assert http.get("/echo?format=xml", headers={"Accept": "image/png"}).status_code == 200


def test_encodes_responses_of_drf(http: httpx.Client) -> None:
    """A DRF response keeps its status and headers."""
    answer = http.get("/public")
    assert (answer.status_code, answer.headers["x-fox"], answer.json()) == (203, "red", {"anybody": True})


def test_answers_head_where_get_works(http: httpx.Client) -> None:
    """The same headers, no body."""
    answer = http.head("/public")
    assert (answer.status_code, answer.content) == (203, b"")
    assert answer.headers["content-length"] == str(len(http.get("/public").content))


def test_one_thread_hop_before_the_wait(http: httpx.Client, thread_hops: list[str]) -> None:
    """Policies and action run in the same hop, on the same thread; what comes after needs none."""
    http.post("/wait", json={})  # the process's first request may set things up
    api_urls.policy_threads.clear()
    thread_hops.clear()
    answer = http.post("/wait", json={"name": "fox"}, headers={"Prefer": "wait=1"})
    assert api_urls.policy_threads == [answer.json()["data"]["thread"]]
    assert thread_hops == ["prepare"]


@pytest.mark.slow
def test_many_wait_on_few_threads(site: LiveServer) -> None:
    """200 requests wait at once; the process has no more threads for them, and others are served meanwhile."""
    before = threading.active_count()
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=site.url, limits=limits, timeout=30) as client, ThreadPoolExecutor(200) as pool:
        waits = [pool.submit(client.post, "/wait", headers={"Prefer": "wait=2000"}) for _ in range(200)]
        time.sleep(0.8)
        serving = {thread.name for thread in threading.enumerate() if thread.name.startswith(("lane", "spare"))}
        thread_count = threading.active_count() - before - 200
        assert client.get("/echo").status_code == 200
        assert {wait.result().status_code for wait in waits} == {200}
    assert len(serving) <= 8
    assert thread_count <= 6


def test_a_caller_who_leaves_ends_the_wait(site: LiveServer) -> None:
    """The action is cancelled and nothing of the request stays."""
    api_urls.left.clear()
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{site.url}/wait", json={"name": "gone"}, headers={"Prefer": "wait=60000"}, timeout=0.5)
    deadline = time.monotonic() + 10
    while not api_urls.left and time.monotonic() < deadline:
        time.sleep(0.02)
    assert api_urls.left == ["gone"]


@pytest.mark.parametrize(
    ("foreign", "code"),
    [
        (Http404(), "not_found"),
        (exceptions.NotFound(), "not_found"),
        (exceptions.MethodNotAllowed("PUT"), "method_not_allowed"),
        (exceptions.UnsupportedMediaType("text/xml"), "unsupported_media_type"),
        (exceptions.NotAuthenticated(), "invalid_api_key"),
        (exceptions.AuthenticationFailed(), "invalid_api_key"),
        (exceptions.PermissionDenied(), "not_whitelisted"),
        (PermissionDenied(), "not_whitelisted"),
        (exceptions.ParseError(), "invalid_value"),
        (exceptions.NotAcceptable(), "invalid_value"),
        (exceptions.ValidationError({"a": {"b": ["Wrong."]}}), "invalid_value"),
        (exceptions.ValidationError("Wrong."), "invalid_value"),
        (exceptions.Throttled(wait=9), "rate_limit_exceeded"),
        (SuspiciousOperation("?"), "invalid_value"),
        (RequestDataTooBig(), "too_large"),
        (by_code("expired"), "expired"),
        (KeyError("?"), "internal"),
        (exceptions.APIException(), "internal"),
    ],
)
def test_translates_every_exception(foreign: Exception, code: str) -> None:
    """DRF's and Django's exceptions keep their meaning; the rest is a bug."""
    assert translate(foreign).code == code


def test_a_failure_after_the_status_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """In the contract's words; of a bug nothing but that there was one."""
    assert error_body(by_code("timeout"), OPENAI).error.code == "timeout"
    body = error_body(ValueError("secret"), OPENAI)
    assert body.error.code == "internal"
    assert "secret" not in str(body)
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


def test_throttling_says_when_to_come_back() -> None:
    """DRF's wait becomes Retry-After, outside of any view too."""
    response = exception_handler(exceptions.Throttled(wait=9), {"request": APIRequestFactory().get("/")})
    assert (response.status_code, response.headers["Retry-After"]) == (429, "9")

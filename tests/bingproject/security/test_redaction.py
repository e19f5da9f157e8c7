"""The net below: no secret leaves by the log, whatever its shape; the rest of a line stays readable."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from io import StringIO

import pytest

from bingproject.security import request_id
from bingproject.security.redaction import (
    ARGUMENT_CHARACTERS,
    LINE_CHARACTERS,
    MASK,
    TEXT_CHARACTERS,
    ConsoleFormatter,
    JsonFormatter,
    RedactionFilter,
    redact,
)

SECRET = "s3cretValue-1234567890"


@pytest.mark.parametrize(
    "text",
    [
        f"_U={SECRET}",
        f"cookies: MUID=1; _U={SECRET}; SRCHD=AF",
        f"Cookie: SRCHD=AF; unknown_name={SECRET}",
        f"cookie: {{'a': 1}} Set-Cookie: KievRPSSecAuth={SECRET}; path=/",
        f"{{'cookie': 'x=1; y={SECRET}'}}",
        f"headers=[(b'cookie', b'_U={SECRET}')]",
        f"KievRPSSecAuth={SECRET}",
        f'{{"name": "_U", "value": "{SECRET}"}}',
        f"{{'_U': '{SECRET}'}}",
        f'{{"_U":"{SECRET}"}}',
        f"bp_{SECRET}",
        f"the key bp_{SECRET}.",
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}",
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f"[('authorization', 'Token {SECRET}')]",
        f"Proxy-Authorization: Basic {SECRET}",
        f"X-API-Key: {SECRET}",
        f"sec_access_token={SECRET}",
        f'"sec_access_token": "{SECRET}"',
        f"https://www.bing.com/images/create?q={SECRET}&rt=4",
        f"GET /images/create?rt=4&q={SECRET} HTTP/1.1",
        f"/images/create?q=a+{SECRET}+b%20c&IG=1",
        f"body: q={SECRET}&qs=ds",
        f"url=%2Fimages%2Fcreate%3Fq%3D{SECRET}",
        f"http://name:{SECRET}@proxy.example.org:3128",
        f"postgres://user:{SECRET}@db/bingproject",
        f"access_token={SECRET}",
        f"password={SECRET}",
        f"sessionid={SECRET}",
        f"ALERT_WEBHOOK_SECRET={SECRET}",
        f"otpauth://totp/bingproject:anna?secret={SECRET}&issuer=bingproject",
        f"smtp://name:{SECRET}@mail.example.org:587/?tls=starttls",
        f'{{Salt:"{SECRET}"}}',
        f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx{SECRET}.c2ln",
    ],
)
def test_no_secret_gets_through(text: str) -> None:
    """Headers, cookies, JSON, Python's repr, query strings, addresses."""
    shown = redact(text)
    assert SECRET not in shown and "1234567890" not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "text", ["/images/create?FORM=GENCRE&IG={}&rt=3", '_G={{IG:"{}"}}', '"IG": "{}"', "x%26IG%3D{}"]
)
def test_the_number_of_a_session_is_no_business_of_a_log(text: str) -> None:
    """In an address, in a page's script, escaped."""
    number = "0123456789ABCDEF" * 2
    assert redact(text.format(number)) == text.format(MASK)
    assert redact(text.format("1")) == text.format("1")


@pytest.mark.parametrize(
    "text",
    [
        "account 12: 3 of 4 pictures after 12.5 s",
        "GET /task/1f0c4f62-7a11-4f5e-9a52-0d5f6b6b7d11 200",
        "Cookie _U is not set. Add an account in the admin, or start with BING_COOKIE_U.",
        "the queue is full (q 12)",
        "ValueError: 'DALLE' is not a valid value",
    ],
)
def test_plain_lines_stay_as_they_are(text: str) -> None:
    """A log that hides everything helps nobody."""
    assert redact(text) == text


def test_what_is_around_a_secret_stays() -> None:
    """It is still clear which request it was."""
    shown = redact(f"GET https://www.bing.com/images/create?q={SECRET}&rt=4&FORM=GENCRE status 302")
    assert shown == f"GET https://www.bing.com/images/create?q={MASK}&rt=4&FORM=GENCRE status 302"


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, logging.Handler, StringIO]]:
    """A logger with the filter of our settings, and what it has written."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RedactionFilter())
    logger = logging.getLogger("tests.redaction")
    logger.propagate = False
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger, handler, written
    logger.removeHandler(handler)
    logger.propagate = True


Log = tuple[logging.Logger, logging.Handler, StringIO]


def fail() -> None:
    """Raise what a library would: a text with an address in it."""
    raise ConnectionError(f"cannot connect to https://www.bing.com/?q={SECRET}")


@pytest.mark.parametrize("formatter", [ConsoleFormatter, JsonFormatter])
def test_exceptions_and_stacks_are_masked(log: Log, formatter: type[logging.Formatter]) -> None:
    """The exception's text, those of its causes, and the stack asked for."""
    logger, handler, written = log
    handler.setFormatter(formatter())
    try:
        try:
            fail()
        except ConnectionError as error:
            raise RuntimeError(f"_U={SECRET}") from error
    except RuntimeError:
        logger.exception("failed with %s", {"_U": SECRET}, stack_info=True)
    shown = written.getvalue()
    assert SECRET not in shown
    assert "ConnectionError" in shown and "RuntimeError" in shown and "in fail" in shown


def test_the_next_handler_sees_no_secret_either(log: Log) -> None:
    """The record itself is masked: a handler without the filter has nothing to leak."""
    logger, _, _ = log
    second = StringIO()
    plain = logging.StreamHandler(second)
    logger.addHandler(plain)
    try:
        fail()
    except ConnectionError:
        logger.exception("with bp_%s", SECRET)
    finally:
        logger.removeHandler(plain)
    assert SECRET not in second.getvalue() and "ConnectionError" in second.getvalue()


def test_a_record_is_cut_before_it_is_masked(log: Log) -> None:
    """A megabyte in one record leaves a few thousand characters: masking more would hold up the whole process."""
    logger, _, written = log
    try:
        raise RuntimeError("e" * 1_000_000 + "\nlast line")
    except RuntimeError:
        logger.exception("m%s", "_" * 1_000_000)
    logger.error("\n".join(f"line {number}" for number in range(100_000)))
    first, _, rest = written.getvalue().partition("\n")
    assert first.startswith("m____") and first.endswith("characters cut]") and len(first) < LINE_CHARACTERS + 100
    assert len(rest) < 3 * TEXT_CHARACTERS
    assert "last line" in rest and "line 0\n" in rest and "line 99999" in rest and "lines cut]" in rest


@pytest.mark.parametrize(
    "text",
    [
        "Cookie: a=" + "x" * 3900 + "; _U=" + SECRET * 100_000,
        "Authorization: Bearer " + SECRET * 100_000,
        "x" * 3950 + " Cookie: a=" + SECRET * 100_000,
        "x" * 3990 + " _U=" + SECRET * 100_000,
        " ".join([f"_U={SECRET}"] * 40_000),
        "\n".join([f"Set-Cookie: a={SECRET}"] * 40_000),
        f"postgres://user:{SECRET * 100_000}@db/bingproject",
        f"x https://name:{SECRET * 100_000}@proxy.example.org",
        "x" * 3980 + f" eyJhbGciOiJI.{SECRET}.c2ln" + "x" * 1_000_000,
        "x" * 1_000_000 + f"\n_U={SECRET}\n" + "x" * 1_000_000,
    ],
)
def test_secrets_are_masked_across_the_cut(log: Log, text: str) -> None:
    """Wherever the cut is: the name is on the side of what is kept of the value, or nothing of the value is kept."""
    logger, _, written = log
    logger.error("%s", text)
    assert "s3cret" not in written.getvalue() and "1234567890" not in written.getvalue()
    assert len(written.getvalue()) <= TEXT_CHARACTERS + 1000


@pytest.mark.parametrize("name", ["django.security.csrf", "django.request", "uvicorn.error"])
def test_the_path_of_a_request_is_cut(log: Log, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Libraries log it whole; our own lines say what they mean to say."""
    logger, handler, written = log
    caplog.set_level(logging.WARNING, name)  # servers that other tests started leave uvicorn's levels changed
    library = logging.getLogger(name)
    library.addHandler(handler)
    try:
        library.warning("Forbidden (%s): %s", "CSRF token missing.", "/admin/" + "_" * 60_000)
    finally:
        library.removeHandler(handler)
    assert written.getvalue() == f"Forbidden (CSRF token missing.): /admin/{'_' * (ARGUMENT_CHARACTERS - 7)}…\n"
    logger.warning("%s", "a" * (ARGUMENT_CHARACTERS + 1))
    assert written.getvalue().endswith("a" * (ARGUMENT_CHARACTERS + 1) + "\n")


def test_a_wrong_call_is_logged_rather_than_lost(log: Log) -> None:
    """Arguments that do not fit the message are shown beside it, masked."""
    logger, _, written = log
    logger.warning("%d pictures", f"_U={SECRET}")
    assert "pictures" in written.getvalue() and SECRET not in written.getvalue()


def test_a_line_for_a_person(log: Log) -> None:
    """Time, level, logger, text, and the request it belongs to."""
    logger, handler, written = log
    handler.setFormatter(ConsoleFormatter())
    logger.warning("without")
    token = request_id.current.set("abc-1")
    logger.warning("within %s", "a request")
    request_id.current.reset(token)
    without, within = written.getvalue().splitlines()
    assert without.endswith("WARNING tests.redaction: without")
    assert within.endswith("WARNING tests.redaction: within a request [abc-1]")


def test_a_line_for_a_machine(log: Log) -> None:
    """One JSON object a line, whatever the message holds; absent things are left out."""
    logger, handler, written = log
    handler.setFormatter(JsonFormatter())
    token = request_id.current.set("abc-1")
    logger.info("two\nlines ✓")
    request_id.current.reset(token)
    try:
        fail()
    except ConnectionError:
        logger.exception("failed")
    first, second = map(json.loads, written.getvalue().splitlines())
    assert (first["message"], first["level"], first["logger"]) == ("two\nlines ✓", "INFO", "tests.redaction")
    assert first["request_id"] == "abc-1" and first["at"].endswith("+00:00")
    assert "exception" not in first and "stack" not in first and "request_id" not in second
    assert "ConnectionError" in second["exception"]


def test_a_formatter_alone_still_shows_exceptions() -> None:
    """A handler that somebody adds without the filter loses no stack."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    try:
        fail()
    except ConnectionError:
        handler.handle(logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", None, sys.exc_info()))
    assert "ConnectionError" in json.loads(written.getvalue())["exception"]

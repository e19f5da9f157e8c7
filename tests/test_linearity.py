"""Every regular expression and parser that sees text from outside takes time in proportion to that text.

A new pattern needs a row in `PATTERNS`: how it is applied, and inputs that might cost it most besides those that are
tried with all of them; or the number of characters that the code before it lets through, where it is not linear.
"""

from __future__ import annotations

import ast
import gc
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from django.conf import settings

from accounts.microsoft.access_tokens import find_tokens
from accounts.microsoft.protocol.session import parse_session
from bingproject.api.request_body import parse_body, read_content_type
from bingproject.api.request_headers import parse_prefer
from bingproject.database.text_fields import clean_text
from bingproject.database.word_search import read_terms
from bingproject.errors import ServiceError
from bingproject.security.redaction import redact, shorten
from bingproject.upstream.cookie_jar import SendableCookieJar
from bingproject.upstream.markup import is_readable
from chat.protocol.citation_marks import MarkStripper
from chat.protocol.m365.alignment import find_tail
from chat.protocol.signalr import Decoder
from chat.protocol.surrogates import SurrogateJoiner, load_object
from chat.protocol.sydney.grounding import parse_called_query
from chat.protocol.sydney.records import SydneyMessage
from creator.protocol import parse_create_response, parse_results_page, parse_video_result
from tests.linearity_rows import PATTERNS

APPS = ("accounts", "bingproject", "chat", "creator")
ROOT = Path(__file__).parent.parent
TRIED, LARGE = 20_000, 1_000_000
MOST_TIMES = 15
DEAREST = 2
TRIES = 12  # a parser that builds a tree needs memory, and waits for it while other processes fill the caches
# Below this a ratio says nothing: ten times nothing is noise.
WORTH_A_LOOK_SECONDS = 0.05


# Repeated up to the size, with and without something before and after.
RUNS = ("a", "_", " ", "\n", "\t", "0", '"', "'", "\\", "=", ",", ";", ":", "-", ".", "/", "&", "a.", "a_", "a+", "a=",
        "a ", "a,", "a;", " ;", "; a=", '\\"', "\r\n", "[^", "{", "<", "%3D", "é", "http://", "a://", "x_secret",
        "-eyJaaaaaaaa", "eyJaaaaaaaa.", "cookie:")  # fmt: skip


def modules() -> Iterator[Any]:
    """Every module of the product but the sandbox, which only tests and the demo talk to."""
    for app in APPS:
        yield (package := importlib.import_module(app))
        for found in pkgutil.walk_packages(package.__path__, f"{app}."):
            is_product = not any(
                part in found.name.split(".") for part in ("sandbox", "migrations", "asgi", "settings")
            )
            if is_product:
                yield importlib.import_module(found.name)


def patterns_in(value: Any, name: str) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """A pattern, or those in a container, each with its name."""
    if isinstance(value, re.Pattern):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from patterns_in(item, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from patterns_in(item, f"{name}[{place}]")


def compiled() -> dict[str, re.Pattern[Any]]:
    """Every compiled pattern by the name of the module that made it."""
    return {
        name: pattern
        for module in modules()
        for key, value in vars(module).items()
        if not key.startswith("__")
        for name, pattern in patterns_in(value, f"{module.__name__}.{key}")
    }


def inline() -> dict[str, re.Pattern[Any]]:
    """Patterns that functions hand to `re` as texts, by module and text."""
    found = {}
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if ".sandbox." in name or ".migrations." in name:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (text := _pattern_of(node)) is not None:
                    found[f"{name} {text}"] = re.compile(text)
    return found


def _pattern_of(node: ast.AST) -> str | None:
    """What a call of `re.sub` and its like looks for; `re.compile` makes a name, and is found by that."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return None
    is_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
    if not is_re or node.func.attr in ("compile", "escape"):
        return None
    first = node.args[0]
    assert isinstance(first, ast.Constant) and isinstance(first.value, str), (
        f"compile it by a name: {ast.unparse(node)}"
    )
    return first.value


def apply(pattern: re.Pattern[Any], way: str, text: str) -> None:
    """Look for all that matches; anchored ways look once."""
    given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    if way == "search":
        for _ in pattern.finditer(given):
            pass
    elif way == "scan":  # as a reader of words does: from the end of one match to the next
        position = 0
        while position < len(given):
            match = pattern.match(given, position)
            if match is None or match.end() == position:
                return  # a text that breaks off is refused
            position = match.end()
    else:
        getattr(pattern, way)(given)


def check_linear(work: Callable[[str], object], nasty: tuple[str, ...], what: str) -> None:
    """Ten times the text takes about ten times as long. All inputs are tried small, the dearest at full size."""
    cost = {}
    for label, build in inputs(nasty):
        cost[label, build] = check_ratio(work, build, TRIED, f"{what} with {label}")
    for label, build in sorted(cost, key=lambda key: cost[key], reverse=True)[:DEAREST]:
        check_ratio(work, build, LARGE, f"{what} with {label}")


def measure(work: Callable[[str], object], text: str) -> float:
    """Seconds of CPU for a text, without the garbage collector: its time depends on what else lives in the process."""
    gc.disable()
    try:
        before = time.process_time()
        work(text)
        return time.process_time() - before
    finally:
        gc.enable()


def check_ratio(work: Callable[[str], object], build: Callable[[int], str], size: int, what: str) -> float:
    """Compare a text with a tenth of it, and return what it cost at best.

    Measured again where it seems too much: on a busy machine caches and memory are others' as well, and what others do
    only ever adds.
    """
    text, tenth = build(size), build(size // 10)
    dear = cheap = float("inf")
    for _ in range(TRIES):
        dear = min(dear, measure(work, text))
        if dear <= WORTH_A_LOOK_SECONDS:
            return dear
        cheap = min(cheap, measure(work, tenth))
        if dear <= MOST_TIMES * max(cheap, WORTH_A_LOOK_SECONDS / 10):
            return dear
    raise AssertionError(f"{what}: {size} characters take {dear / cheap:.0f} times as long as a tenth of them")


def inputs(nasty: tuple[str, ...]) -> Iterator[tuple[str, Callable[[int], str]]]:
    """Texts of any size that are likely to cost much: runs, and runs after something that begins a match."""
    for run in (*RUNS, *nasty):
        yield repr(run), lambda size, run=run: (run * (size // len(run) + 1))[:size]  # type: ignore[misc]
        yield f"{run!r}, then !", lambda size, run=run: (run * (size // len(run) + 1))[:size] + "\x01!"  # type: ignore[misc]
    for opening in nasty:
        for run in ("a", " ", "0", "\\", ".", "-", opening[-1]):
            yield f"{opening!r}, then {run!r}", lambda size, o=opening, run=run: o + run * size  # type: ignore[misc]


def in_settings() -> dict[str, re.Pattern[Any]]:
    """Patterns that settings hold as texts."""
    return {
        f"settings.{name}[{place}]": re.compile(item if isinstance(item, str) else item[0])
        for name in ("ALERT_PAGES", "PASSWORD_PATHS")
        for place, item in enumerate(getattr(settings, name))
    }


@cache
def every_pattern() -> dict[str, re.Pattern[Any]]:
    """Under each name by which one is found."""
    return compiled() | inline() | in_settings()


@cache
def found_patterns() -> dict[str, re.Pattern[Any]]:
    """All of them, once for each text and flags: what a module imports is the same pattern."""
    unique: dict[tuple[Any, int], str] = {}
    every = every_pattern()
    for name in sorted(every, key=lambda name: (name not in PATTERNS, name)):
        unique.setdefault((every[name].pattern, every[name].flags), name)
    return {name: every[name] for name in unique.values()}


def test_every_pattern_has_a_row() -> None:
    """Somebody has thought of what may cost it most; a row without its pattern is taken out."""
    assert set(found_patterns()) - set(PATTERNS) == set()
    assert set(PATTERNS) - set(every_pattern()) == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_patterns_are_linear(name: str) -> None:
    """A megabyte takes at most fifteen times as long as a tenth of it, whatever it is made of."""
    pattern, row = found_patterns().get(name), PATTERNS[name]
    if pattern is None or row.bound:
        return
    check_linear(lambda text: apply(pattern, row.way, text), row.nasty, name)


def _quietly(work: Callable[[], object]) -> None:
    """What a parser refuses costs what it costs as well."""
    with suppress(ServiceError, ValueError, RecursionError):
        work()


def _in_pieces(feed: Callable[[str], object], text: str) -> None:
    """As it comes over a socket: never all at once."""
    for start in range(0, len(text), 1000):
        feed(text[start : start + 1000])


def _read_body(text: str, content_type: str = "application/json") -> None:
    _quietly(lambda: parse_body(text.encode("utf-8", "replace"), content_type, takes_forms=True))


def set_cookie(text: str) -> None:
    """As a client of Bing's does with the header of an answer."""
    request = httpx.Request("GET", "https://www.bing.com/")
    headers = [(b"set-cookie", text.encode("ascii", "replace").translate(None, b"\r\n\0"))]
    httpx.Cookies(SendableCookieJar()).extract_cookies(httpx.Response(200, headers=headers, request=request))


MEDIA_URL = "https://th.bing.com"
# What people paste has its own test: tests/accounts/microsoft/protocol/paste_formats/test_linear.py.
PARSERS: dict[str, tuple[Callable[[str], object], tuple[str, ...]]] = {
    "a body of JSON": (_read_body, ('{"a":"', '{"a":[', "[],", '{"a":0.', '{"a":{"', '"\\u0041')),
    "a body of a form": (lambda text: _read_body(text, "application/x-www-form-urlencoded"), ("a=b&", "%41", "a=%")),
    "a media type": (read_content_type, ("application/json;", ";charset=", ';charset="', "charset*=")),
    "cookies that are set": (set_cookie, ("a=b;", 'a="', "a=\\", "; Domain=", "a=b; Expires=")),
    "a log's long text": (
        lambda text: redact(shorten(text)),
        ("a\n", "Cookie: a=", "cookie:", '{"value":"', "Bearer "),
    ),
    "a column's text": (clean_text, ("\0", "\ud800", "\ud83c\udf15")),
    "tokens in a text": (lambda text: _quietly(lambda: find_tokens(text)), ("Bearer ", '"secret":"', "access_token=")),
    "a session's page": (
        lambda text: _quietly(lambda: parse_session(200, {}, text)),
        ('<script>IG:"', "<a>", "<p ", "&amp;"),
    ),
    "a page of results": (
        lambda text: _quietly(lambda: parse_results_page(200, {}, text, media_url=MEDIA_URL)),
        ("<img>", "<p>", "<a ", "&amp;", "https://th.bing.com/th/id/", "0 coins available", '{"a":['),
    ),
    "an answer to a submit": (
        lambda text: _quietly(lambda: parse_create_response(200, {}, text)),
        ("<p>", "/async/results/1-", '{"a":"'),
    ),
    "a page of a video": (
        lambda text: _quietly(lambda: parse_video_result(200, {}, text, media_url=MEDIA_URL)),
        ("<p>", '{"a":"', "<video>"),
    ),
    "frames of SignalR": (lambda text: _quietly(lambda: _in_pieces(Decoder().feed, text)), ("\x1e", "a\x1e")),
    "the query of a search": (
        lambda text: parse_called_query(msgspec.convert({"invocation": text}, SydneyMessage)),
        ('(query="', '(query="a")', '")'),
    ),
    "marks in an answer": (
        lambda text: _in_pieces(MarkStripper().feed, text),
        ("\ue200cite", "\ue200", "\ue200a"),
    ),
    "a whole text beside its pieces": (
        lambda text: find_tail(text, text.replace("[a](b)", "").replace("[a]:", "") + "more"),
        ("[a](b) and ", "[a]: b\n", "[a](b", "<a", "[", "]:", "\ue200cite"),
    ),
    "halves of characters": (lambda text: _in_pieces(SurrogateJoiner().join, text), ("\ud83c\udf15", "\ud83c")),
    "a frame of JSON": (lambda text: load_object(text.encode("utf-8", "replace")), ('{"a":"', '{"a":[[', "[")),
    "the depth of a page": (is_readable, ("<div class='a'>words &amp; more</div>", "<div>", "<p>one<li>", "</div>")),
    "words of a search": (read_terms, ('"a ', "a b ", "\u3040")),
    "a Prefer header": (parse_prefer, ('a="\\', "a;", "a ,", "respond-async, ")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_parsers_are_linear(name: str) -> None:
    """As patterns are; a parser that refuses a text at its beginning is none the worse for it."""
    parse, nasty = PARSERS[name]
    check_linear(parse, nasty, name)

"""Requests copied as fetch."""

from __future__ import annotations

import pytest

from accounts.microsoft.protocol import explain_refusal, find_cookies
from accounts.microsoft.protocol.paste_formats.fetch import is_fetch, read_fetch
from accounts.microsoft.protocol.paste_formats.values import PasteError
from tests.samples.pastes import read_sample


def test_for_nodejs() -> None:
    """With the cookies, each request's its own."""
    hosts = [cookie.domain for cookie in read_fetch(read_sample("bing.all.fetch_node.txt")).cookies]
    assert {"www.bing.com", "www.example.org"} == set(hosts)


def test_for_the_console() -> None:
    """Without cookies: the advice says which copy has them."""
    said = explain_refusal(find_cookies(read_sample("bing.post.fetch.txt")))
    assert said.startswith("This is a request copied as fetch with requests to bing.com, but the browser left the")
    assert "Copy as fetch (Node.js)" in said


def test_other_calls() -> None:
    """With await, without options, with odd headers; an address that cannot be read is nobody's."""
    paste = read_fetch('await fetch("https://[bad", {"headers": {"Cookie": "a=1", "x": 5}});fetch("https://a/",{},);')
    assert [(cookie.name, cookie.is_stray) for cookie in paste.cookies] == [("a", True)]
    assert read_fetch('fetch("https://a/")').requests[0].host == "a"
    assert read_fetch('fetch("https://a/", {"headers": 5})').requests[0].headers == ()
    assert is_fetch(" await fetch(") and not is_fetch("fetched(")


@pytest.mark.parametrize(
    "text",
    [
        'fetch("https://a/',
        'fetch("https://a/", {"headers": {',
        'fetch("https://a/", options)',
        'fetch("https://a/"',
        "fetch(5)",
        'fetch("https://a/"); alert(1)',
        f'fetch("https://a/", {{"x": {"[" * 100_000}',
    ],
)
def test_what_is_not_a_browsers_copy(text: str) -> None:
    """Is refused by name, not half read."""
    with pytest.raises(PasteError, match="a request copied as fetch"):
        read_fetch(text)

"""The jar: what a header can carry, no more."""

from __future__ import annotations

import pytest

from bingproject.upstream.cookie_jar import SendableCookieJar, make_cookie


@pytest.mark.parametrize("value", ["a", "", "a=b&c", '"quoted, with blank"', "%C3%A9"])
def test_what_can_be_sent_is_kept(value: str) -> None:
    """As it came, however odd it looks."""
    jar = SendableCookieJar()
    jar.set_cookie(make_cookie("name", value, ".bing.com", {}))
    assert [(cookie.name, cookie.value, cookie.domain) for cookie in jar] == [("name", value, ".bing.com")]


@pytest.mark.parametrize(("name", "value"), [("a", "\u00e9"), ("\u00e9", "a"), ("a", "b\r\nc"), ("a", "b\x00")])
def test_what_cannot_is_left_out_and_named(caplog: pytest.LogCaptureFixture, name: str, value: str) -> None:
    """The log has the name, and never the value."""
    jar = SendableCookieJar()
    jar.set_cookie(make_cookie(name, value, ".bing.com", {"ours": ""}))
    assert list(jar) == []
    assert ".bing.com is left out" in caplog.text
    assert "b\r\nc" not in caplog.text

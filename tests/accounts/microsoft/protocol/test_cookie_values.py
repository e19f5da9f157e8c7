"""What cannot be the value of _U."""

from __future__ import annotations

import pytest

from accounts.microsoft.protocol import explain_refusal, find_cookies
from accounts.microsoft.protocol.cookie_values import find_value_fault, unquote_value


@pytest.mark.parametrize(
    "word",
    [
        "changeme", "change-me", "your_cookie_here", "null", "None", "undefined", "0", "-", "_U", "$COOKIE",
        "${COOKIE}", "%COOKIE%", "{{ cookie }}", "<cookie>", "/run/secrets/cookie", "./cookie.txt",
        "C:\\cookies\\u.txt", "...", "xxxxxxxx", "paste-your-cookie", "cookie-here", "bing_cookie", "hello",
        "_U:abcdefghijklmnop", "replace_me_with_your_cookie", "YOUR_COOKIE", "YOURCOOKIEHERE", "REPLACE-ME",
        "your.bing.cookie.value", "[REDACTED]", "redacted", "example-cookie-value", "x" * 20, "0" * 20, "a" * 3000,
        "XxXxXxXxXxXxXxXx", "00000000-0000-0000", "************", "12345678901234567890", "www.bing.com_Archive.har",
        "cookies-bing-com.txt", "document.cookie", "${BING_COOKIE}",
    ],
)  # fmt: skip
def test_placeholders_and_labels_are_refused_by_name(word: str) -> None:
    """Alone as a value, and behind "_U="; what was given is not repeated."""
    assert not find_cookies(word).has_sign_in
    if word != "hello":
        assert find_value_fault(word, is_bare=False)
    said = explain_refusal(find_cookies(word))
    assert said.startswith(("This is a placeholder", "This is too short", "The cookie's name is in front"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("1AbCd\u2026XyZ0123456", "shortened or masked"),
        ("1AbCd...XyZ0123456", "shortened or masked"),
        ("1AbCd***XyZ0123456", "shortened or masked"),
        ("1Ab\u2022\u2022\u2022\u2022\u2022\u2022\u2022\u2022\u2022", "shortened or masked"),
        ("www.bing.com/images/create", "This is an address"),
        ("bing.com/images/create", "This is an address"),
        ("some.body@example.com", "This is an address"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "This is an access token"),
    ],
)
def test_other_things_than_a_value_are_refused_by_name(value: str, said: str) -> None:
    """What stands near it in a browser, and in the other fields of the form."""
    for text in (value, f"_U={value}"):
        found = find_cookies(text)
        assert not found.has_sign_in
        assert said in explain_refusal(found)


@pytest.mark.parametrize("mark", ["'", '"', "`", ","])
def test_marks_are_never_stored_in_it(mark: str) -> None:
    """In the midst or at one end, in a header or in an export."""
    for value in (f"abcdefgh{mark}ijklmnop", f"{mark}abcdefghijklmnop", f"abcdefghijklmnop{mark}"):
        found = find_cookies(f"MUID=1; _U={value}")
        assert not found.has_sign_in
        assert "has a quote, a backtick or a comma in it" in explain_refusal(found)


def test_a_good_one_beside_a_bad_one_counts() -> None:
    """Of several the first that can be sent."""
    assert find_cookies("_U=null; _U=abcdefghijklmnop").usable == {"_U": "abcdefghijklmnop"}


@pytest.mark.parametrize(
    "value",
    [
        "abcdefghijklmnop", "1Ab-_.c/d+e==", "first-cookie", "new-demo-cookie", "cookie-0123456789abcdef", "1Ab-" * 750,
        "0000000000000000000000000000000a1b2", "123456789012345678901234567890ab",
    ],
)  # fmt: skip
def test_values(value: str) -> None:
    """Nothing is said against a real one, or against one that is made up for the demo."""
    assert find_value_fault(value, is_bare=True) == ""


def test_quotes_around_a_value() -> None:
    """A pair is taken off, one alone is not."""
    assert unquote_value('"abc"') == "abc" and unquote_value("'abc") == "'abc" and unquote_value("'") == "'"

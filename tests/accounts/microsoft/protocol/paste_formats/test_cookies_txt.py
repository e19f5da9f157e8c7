"""Netscape's cookies.txt."""

from __future__ import annotations

import pytest

from accounts.microsoft.protocol import explain_refusal, find_cookies
from accounts.microsoft.protocol.paste_formats.cookies_txt import is_cookies_txt, read_cookies_txt
from accounts.microsoft.protocol.paste_formats.values import PasteError
from tests.accounts.microsoft.protocol.paste_formats.test_curl import SENT
from tests.samples.pastes import read_sample

NOW = 1_790_000_000


@pytest.mark.parametrize("name", ["curl_cookie_jar.txt", "yt_dlp_cookies.txt"])
def test_files_of_real_programs(name: str) -> None:
    """curl's jar, with its mark before cookies that scripts may not read, and yt-dlp's."""
    assert find_cookies(read_sample(name), NOW).usable == SENT


def test_an_end_with_a_fraction_counts() -> None:
    """Firefox 142 and later write one: the cookie has expired all the same."""
    found = find_cookies(".bing.com\tTRUE\t/\tTRUE\t1600000000.742\t_U\tabcdefghijklmnop\n", NOW)
    assert explain_refusal(found).startswith("The cookie _U in this paste expired on 2020-09-13.")


@pytest.mark.parametrize("end", ["0", "-1", "1900000000.5", "1900000000000", "13900000000000000", "soon"])
def test_ends_that_are_still_to_come(end: str) -> None:
    """None, 0, -1, and the future in seconds, milliseconds and Chromium's microseconds."""
    assert find_cookies(f".bing.com\tTRUE\t/\tTRUE\t{end}\t_U\tabcdefghijklmnop", NOW).has_sign_in


def test_odd_lines() -> None:
    """Comments, blank lines and a value that an editor has taken away are no fault."""
    text = (
        "# Netscape HTTP Cookie File\n\nwords\n# .bing.com\tTRUE\t/\n"
        ".bing.com true / TRUE 0 a 1\nb.example\tFALSE\t/\tTRUE\t0\tx\n"
    )
    assert is_cookies_txt(text)
    cookies = read_cookies_txt(text + ".c.example\tTRUE\t/\tTRUE\t0\t\tvalue").cookies
    assert [(cookie.name, cookie.value, cookie.domain) for cookie in cookies] == [
        ("a", "1", ".bing.com"),
        ("x", "", "b.example"),
    ]


def test_a_line_that_is_cut() -> None:
    """Is refused by name."""
    with pytest.raises(PasteError, match=r"a cookies\.txt"):
        read_cookies_txt(".bing.com\tTRUE\t/\tTRUE\t17000")
    assert not is_cookies_txt("a=b; TRUE")

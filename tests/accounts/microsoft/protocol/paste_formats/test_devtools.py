"""Rows of the developer tools' cookie table, and `_U` with its value."""

from __future__ import annotations

import pytest

from accounts.microsoft.protocol import describe_cookies, explain_refusal, find_cookies
from accounts.microsoft.protocol.paste_formats import UNKNOWN, read_paste

NOW = 1_790_000_000
U = "1Abc0ffee-_abcdefghijklmnop"
# The columns of Chromium 156, Firefox and Safari: the first five are the same.
CHROMIUM = f"_U\t{U}\t.bing.com\t/\t2027-11-30T12:00:00.000Z\t130\t\u2713\t\u2713\tNone\t\t\tMedium"
FIREFOX = f"_U\t{U}\t.bing.com\t/\tTue, 30 Nov 2027 12:00:00 GMT\t130\ttrue\ttrue\tNone\tMon, 30 Nov 2026 12:00:00 GMT"
SAFARI = f"_U\t{U}\t.bing.com\t/\t11/30/2027, 12:00:00 PM\t130 B\t\u2713\t\u2713\tNone"
TITLES = "Name\tValue\tDomain\tPath\tExpires / Max-Age\tSize\tHttpOnly\tSecure\tSameSite\tPriority"


@pytest.mark.parametrize(
    "text", [CHROMIUM, FIREFOX, SAFARI, f"_U\t{U}\t.bing.com", f"_U\t{U}\twww.bing.com\t/\tSession"]
)
def test_one_row(text: str) -> None:
    """With its site; the line's end may be Windows'."""
    for given in (text, f"{text}\r\n", f"\n{TITLES}\n{text}"):
        found = find_cookies(given, NOW)
        assert found.usable == {"_U": U} and found.origins["_U"].endswith("bing.com")


def test_several_rows() -> None:
    """Those of other sites and those that have expired are left out."""
    text = "\r\n".join(
        (
            CHROMIUM,
            "MUID\tABC\t.bing.com\t/\tSession\t8",
            "",
            "SRCHD\tAF=NOFORM\t.bing.com\t/\t2020-01-01T00:00:00.000Z\t8",
            "a\tSECRET\twww.example.org\t/\tSession\t8",
        )
    )
    found = find_cookies(text, NOW)
    assert found.usable == {"_U": U, "MUID": "ABC"}
    assert {(left.reason, left.site) for left in found.left_out} == {
        ("another site", "www.example.org"),
        ("expired", "bing.com"),
    }
    assert "SECRET" not in describe_cookies(found)


def test_an_expired_row() -> None:
    """Is refused by its date."""
    said = explain_refusal(find_cookies(FIREFOX.replace("2027", "2020"), NOW))
    assert said.startswith("The cookie _U in this paste expired on 2020-11-30.")


@pytest.mark.parametrize(
    "text",
    [
        f"{CHROMIUM}\n_U\tSECRET",
        f"{CHROMIUM}\nSECRET\t.bing.com\t/\tMUID",
        f"{CHROMIUM}\nsome words",
        f"words\n{CHROMIUM}",
        f"{CHROMIUM}\n\tSECRET\t.bing.com\t/",
        f"{CHROMIUM}\nMUID\tSECRET\t.bing.com\tSession",
    ],
)
def test_other_lines_make_it_no_table(text: str) -> None:
    """It is refused by name as a whole."""
    said = explain_refusal(find_cookies(text, NOW))
    assert said.startswith("This looks like rows of the developer tools' cookie table, but the columns are not")
    assert "SECRET" not in said


@pytest.mark.parametrize(
    "text", [f'_U:"{U}"', f"_U: '{U}'", f"_U: {U}", f"_U\t{U}", f"_U {U}", f"_U\n{U}\n", f'_U:"{U}",', f"_U: {U}=="]
)
def test_the_name_with_its_value(text: str) -> None:
    """As Firefox' storage page copies it, or as two cells."""
    found = find_cookies(text)
    assert found.usable == {"_U": U + ("==" if "==" in text else "")}


@pytest.mark.parametrize("text", ["_U: abc def", '_U:"abcdefghijklmnop', "_U: a;b"])
def test_more_than_a_value(text: str) -> None:
    """Is not half read."""
    assert read_paste(text).form == UNKNOWN
    assert explain_refusal(find_cookies(text)).startswith("These look like cookies as names and values with colons")
    assert read_paste(f"MUID {U}").form == UNKNOWN

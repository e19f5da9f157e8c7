"""Requests as wget commands."""

from __future__ import annotations

import pytest

from accounts.microsoft.protocol import explain_refusal, find_cookies
from accounts.microsoft.protocol.paste_formats import read_paste

U = "abcdefghijklmnop"


@pytest.mark.parametrize(
    "text",
    [
        f"wget --header='Cookie: _U={U}' https://www.bing.com/",
        f"wget --header 'Cookie: _U={U}' --referer https://other.example/ 'https://www.bing.com/' -O out.html",
        f"$ wget -qO- https://www.bing.com/ \\\n  --header='accept: */*' \\\n  --header='cookie: _U={U}' | less",
        f'wget.exe "https://www.bing.com/" --header="Cookie: _U={U}" > out.html',
        f"# a note\nwget https://www.bing.com/a https://www.bing.com/b --header='Cookie: _U={U}'",
    ],
)
def test_the_cookies_of_a_command(text: str) -> None:
    """They are those of its site."""
    assert find_cookies(text).usable == {"_U": U}
    assert [request.host for request in read_paste(text).requests] == ["www.bing.com"]


def test_the_user_agent() -> None:
    """Both spellings."""
    for option in ("--user-agent='Mozilla/5.0 (X11)'", "-U 'Mozilla/5.0 (X11)'"):
        [request] = read_paste(f"wget {option} https://copilot.microsoft.com/").requests
        assert request.values("user-agent") == ("Mozilla/5.0 (X11)",)


def test_each_command_has_its_own_site() -> None:
    """Another site's cookies are left out by its name."""
    text = (
        f"wget --header='Cookie: _U={U}' https://www.bing.com/\nwget --header='Cookie: a=SECRET' https://example.org/\n"
    )
    found = find_cookies(text)
    assert found.usable == {"_U": U}
    assert [(left.reason, left.site) for left in found.left_out] == [("another site", "example.org")]


@pytest.mark.parametrize("sites", ["https://www.bing.com/ https://example.org/", "www.bing.com", ""])
def test_a_command_without_a_single_site_is_nobodys(sites: str) -> None:
    """It is refused by name."""
    said = explain_refusal(find_cookies(f"wget --header='Cookie: _U={U}' {sites}"))
    assert said.startswith("This is a wget command, but it does not show which site its cookies are for")


def test_a_command_that_breaks_off() -> None:
    """Is refused by name."""
    assert "looks like a wget command, but breaks off" in explain_refusal(find_cookies("wget --header='Cookie: a"))

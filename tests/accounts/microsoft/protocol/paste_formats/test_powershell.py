"""Requests copied as PowerShell."""

from __future__ import annotations

import pytest

from accounts.microsoft.protocol.paste_formats.powershell import is_powershell, read_powershell
from accounts.microsoft.protocol.paste_formats.values import PasteError
from tests.samples.pastes import read_sample


def test_chromiums_own_form() -> None:
    """Cookies with their domains, headers, the User-Agent; what stands in the body does not count."""
    paste = read_powershell(read_sample("bing.post.powershell.txt"))
    [request] = paste.requests
    assert [(cookie.name, cookie.domain) for cookie in paste.cookies][:4] == [
        ("_U", ".bing.com"),
        ("MUID", ".bing.com"),
        ("SRCHHPGUSR", ".bing.com"),
        ("host1", "www.bing.com"),
    ]
    assert request.values("sec-ch-ua") == ('"Not:A-Brand";v="8", "Chromium";v="156"',)


def test_each_session_has_its_own_cookies() -> None:
    """A cookie without a domain is the request's; one of a header too; without an address it is nobody's."""
    text = (
        "Invoke-WebRequest 'https://a.example/it''s' -Body \"-Uri `\"https://bad.example`\" `$x $([char]233)\" -Verbose"
        ' `\n-Headers @{ "Cookie"="a=1"; Accept=*/* ; } -UserAgent "Me`n" -Method Get\n'
        'iwr -Uri "https://b.example/""q""" -Headers x\n'
        "$s = New-Object Microsoft.PowerShell.Commands.WebRequestSession\n"
        '$s.Cookies.Add((New-Object System.Net.Cookie("b", "2")))\n'
        "irm -WebSession $s; $s.UserAgent; System.Net.Cookie; $([char]9999999)"
    )
    paste = read_powershell(text)
    assert [request.host for request in paste.requests] == ["a.example", "b.example", ""]
    assert len(read_powershell('iwr "https://a.example/" | irm "https://b.example/"').requests) == 2
    assert paste.requests[0].values("user-agent") == ("Me\n",)
    assert [(cookie.name, cookie.domain, cookie.is_stray) for cookie in paste.cookies] == [
        ("a", "a.example", False),
        ("b", "", True),
    ]


def test_comments_before_it() -> None:
    """They may hold quotes."""
    text = "# it's mine\n\niwr 'https://a.example/' -Headers @{ 'Cookie'='a=1' }"
    assert is_powershell(text) and [cookie.domain for cookie in read_powershell(text).cookies] == ["a.example"]


@pytest.mark.parametrize("text", ['iwr "https://a.example', "iwr 'x", 'iwr "x`"'])
def test_a_copy_that_breaks_off(text: str) -> None:
    """Is refused by name."""
    with pytest.raises(PasteError, match="a request copied as PowerShell"):
        read_powershell(text)


@pytest.mark.parametrize(
    "text",
    ['iwr "https://a.example" -Uri', "iwr -Headers @{ a", "iwr -Headers @{ a=", "irm -UserAgent", "$s.UserAgent ="],
)
def test_a_statement_without_its_end(text: str) -> None:
    """Has what stands there."""
    assert not read_powershell(text).cookies


def test_characters_by_number() -> None:
    """As Chromium writes letters beyond ASCII."""
    paste = read_powershell('iwr "https://a.example/" -Headers @{"x"="caf$([char]233)$([char]9999999)"}')
    assert paste.requests[0].values("x") == ("café",)


def test_how_it_begins() -> None:
    """With a session or with the command."""
    assert is_powershell(read_sample("bing.all.powershell.txt")) and is_powershell("Invoke-WebRequest -Uri x")
    assert not is_powershell("$x = 5")

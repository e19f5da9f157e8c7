"""What an operator writes, and what browsers and clients send: equal, or refused."""

from __future__ import annotations

import pytest

from bingproject.conf.origins import allowed_host, host_of, origin_of, web_origin_of


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("https://app.example.org", "https://app.example.org"),
        ("Https://App.Example.org", "https://app.example.org"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("https://app.example:8443", "https://app.example:8443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("app://obsidian.md", "app://obsidian.md"),
        ("tauri://localhost", "tauri://localhost"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://abcdefghijklmnopabcdefghijklmnop", "chrome-extension://abcdefghijklmnopabcdefghijklmnop"),
        (
            "moz-extension://6f2b2c4e-0000-4000-8000-000000000000",
            "moz-extension://6f2b2c4e-0000-4000-8000-000000000000",
        ),
        ("vscode-webview://1a2b", "vscode-webview://1a2b"),
        ("null", "null"),
        ("file://", "file://"),
    ],
)
def test_origins(text: str, sent: str) -> None:
    """Every scheme://host, in the form that is sent."""
    assert origin_of(text) == sent


@pytest.mark.parametrize(
    "text",
    [
        "*", "app.example.org", "https://", "https://app.example/", "https://app.example/x", "https://app.example?x=1",
        "https://app.example?", "https://app.example#", "https://u:p@app.example", "https://bücher.example",
        "https://a.example:99999", "https://a.example:", "https://*.example.org", "app://", "1app://x",
        '"https://app.example"', "https://app example", "https://a.example,b.example",
    ],
)  # fmt: skip
def test_what_no_browser_sends(text: str) -> None:
    """It could never match, so it is refused."""
    assert origin_of(text) == ""


def test_sites() -> None:
    """A server's own origin is http or https; a slash at its end is no path."""
    assert web_origin_of("Https://Nas.example/") == "https://nas.example"
    assert (
        web_origin_of("app://obsidian.md") == web_origin_of("null") == web_origin_of("https://nas.example/bing") == ""
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("NAS.Example.", "nas.example"), ("10.0.0.7", "10.0.0.7"), ("::1", "[::1]"), ("[FE80::1]", "[fe80::1]"),
        ("my_nas", "my_nas"), ("nas.example:8443", ""), ("https://nas.example", ""), ('"nas.example"', ""),
        ('["nas.example"]', ""), ("a b", ""), ("", ""), ("-a.example", ""), ("300.1.1.1", ""), ("bücher.example", ""),
    ],
)  # fmt: skip
def test_hosts(text: str, name: str) -> None:
    """As they stand in the Host header."""
    assert host_of(text) == name


def test_allowed_hosts() -> None:
    """Besides a host a whole domain, or all of them, as Django has it; not with a star."""
    assert [allowed_host(text) for text in ("*", ".Example.org", "*.example.org", ".::1", "a.example")] == [
        "*", ".example.org", "", "", "a.example",
    ]  # fmt: skip

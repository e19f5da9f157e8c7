"""What pages may load and run, as their headers say it; tests/browser shows that nothing is missing."""

from __future__ import annotations

import httpx
import pytest

from bingproject.edge.content_policy import DOCUMENTATION_POLICY, HOME_POLICY

HEADER = "content-security-policy"
NOTHING = "default-src 'none'; frame-ancestors 'none'"


def scripts(policy: str) -> list[str]:
    """What the policy says of scripts."""
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    return rules.get("script-src", rules["default-src"])


@pytest.mark.parametrize(
    ("path", "policy"),
    [("/", HOME_POLICY), ("/api/docs/", DOCUMENTATION_POLICY), ("/health", NOTHING), ("/nowhere", NOTHING)],
)
def test_each_page_has_its_own(http: httpx.Client, path: str, policy: str) -> None:
    """The home page, the documentation, and nothing at all for what is no page, errors too."""
    assert http.get(path, headers={"Accept": "text/html"}).headers[HEADER] == policy


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/nowhere/"])
def test_the_admins(http: httpx.Client, path: str) -> None:
    """Scripts from files of this server only; what the theme needs besides is evaluation, not inline scripts."""
    policy = http.get(path, follow_redirects=True).headers[HEADER]
    assert scripts(policy) == ["'self'", "'unsafe-eval'"]
    for rule in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert rule in policy


@pytest.mark.parametrize("path", ["/", "/api/docs/"])
def test_no_inline_scripts(http: httpx.Client, path: str) -> None:
    """Neither allowed nor there: the documentation's starting script is a file of its own."""
    page = http.get(path, headers={"Accept": "text/html"})
    assert not {"'unsafe-inline'", "'unsafe-eval'"} & set(scripts(page.headers[HEADER]))
    assert page.text.count("<script") == page.text.count("<script src=")


def test_the_documentations_script(http: httpx.Client) -> None:
    """It comes as a script, and starts the page."""
    script = http.get("/api/docs/?script=")
    assert script.headers["content-type"].startswith("application/javascript") and "SwaggerUIBundle" in script.text

"""What a browser gives of the two Copilots' sites, for tests: requests copied as cURL, HARs, a socket's address."""

from __future__ import annotations

import json
from typing import Any

AGENT = "Mozilla/5.0 (X11; Linux x86_64) Edg/131.0"
OBJECT_ID, TENANT_ID = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000"


def curl(token: str = "", cookies: str = "cf_clearance=clear; MUID=1", agent: str = AGENT) -> str:
    """A call of Copilot's site, copied as cURL."""
    lines = ["curl 'https://copilot.microsoft.com/c/api/conversations'", "-X POST"]
    lines += [f"-H 'authorization: Bearer {token}'"] if token else []
    lines += [f"-b '{cookies}'"] if cookies else []
    lines += [f"-H 'user-agent: {agent}'"] if agent else []
    return " \\\n  ".join(lines)


def har(url: str, headers: dict[str, str], **more: Any) -> str:
    """A HAR with one request."""
    pairs = [{"name": name, "value": value} for name, value in headers.items()]
    return json.dumps({"log": {"entries": [{"request": {"url": url, "headers": pairs} | more}]}})


def chathub(token: str, scenario: str = "OfficeWebIncludedCopilot", is_edu: str = "false") -> str:
    """The address of Microsoft 365's socket."""
    place = f"{OBJECT_ID}@{TENANT_ID}"
    query = f"access_token={token}&isEdu={is_edu}&scenario={scenario}"
    return f"wss://substrate.office.com/m365Copilot/Chathub/{place}?chatsessionid=1&{query}"

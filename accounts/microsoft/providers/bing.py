"""Describe Bing: pictures, videos and Bing Chat, with the cookies of bing.com."""

from __future__ import annotations

from accounts.microsoft.providers.descriptor import ONCE, SEALED, UNREAD_FILE, CapabilityTerms, Provider

BING = Provider(
    kind="bing",
    name="Bing",
    site="bing.com",
    secrets="cookies",
    capabilities=(
        CapabilityTerms("image", "pictures", limit=3),
        CapabilityTerms("video", "videos", limit=3),
        CapabilityTerms("chat", "chat with Bing", limit=4),
    ),
    help_texts={
        "kind": f"Makes pictures and videos, and chats where Bing Chat still answers; needs bing.com's cookies. {ONCE}",
        "new_cookies": "Sign in at bing.com in a browser, then paste whatever it gives: the value of the cookie _U, "
        "rows of the cookie table, a Cookie header, “Copy as cURL”, “Copy as PowerShell”, “Copy as fetch (Node.js)”, "
        "a cookie editor's JSON export, a cookies.txt, a HAR. _U is enough for pictures and videos; for chat, give all "
        f"cookies. Cookies of other sites are left out. {SEALED}",
        "cookies_file": f"A HAR, cookies.txt or JSON export of up to 32 MiB. {UNREAD_FILE}",
        "user_agent": "Optional: the User-Agent of the browser that the cookies come from.",
    },
    credential_fields=("cookies_shown", "new_cookies", "cookies_file"),
    paste_steps="paste its cookies below",
    expired_note="Meanwhile it is checked again every 30 minutes, and at once when no other account is usable: "
    "cookies have been seen to work again.",
    demo_model="balanced",
    page_to_use="the page",
)

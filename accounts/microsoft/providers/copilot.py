"""Describe the consumer's Copilot: a token in the socket's address, and cookies for Cloudflare.

Source: docs/wire/copilot.md, section 1. Microsoft does not document audience and scope: they are as seen in tokens.
"""

from __future__ import annotations

from accounts.microsoft.providers.descriptor import (
    ONCE,
    SEALED,
    TOKEN_COMMAND,
    UNREAD_FILE,
    CapabilityTerms,
    Provider,
    RequiredField,
    TokenRules,
)

COPILOT = Provider(
    kind="copilot",
    name="Copilot",
    site="copilot.microsoft.com",
    secrets="token and cookies",
    # With more than one turn at a time the service fails: docs/wire/copilot.md.
    capabilities=(CapabilityTerms("copilot", "chat with Copilot", limit=1, pace=(12, 4)),),
    token=TokenRules(
        name="Copilot (copilot.microsoft.com)",
        host="copilot.microsoft.com",
        audiences=("140e65af-45d1-4427-bf08-3e7295db6836",),
        scopes=("chatai.readwrite",),
        can_be_opaque=True,
        has_identity_type=True,
        # The HAR of a page that was opened without sending a message has cookies and no token.
        cookies_alone="Read {}: {}, but no access token, and cookies alone cannot chat. Send a message while the "
        "developer tools' Network page is open, then give “Copy as cURL (bash)” of the socket “chat?api-version=2…”, "
        "or export the HAR after that and give that one. Or give this once more and after it, in the same field, the "
        "socket's address.",
    ),
    help_texts={
        "kind": f"Chats as copilot.microsoft.com does; needs its access token, and usually its cookies. {ONCE}",
        "new_cookies": "Sign in at copilot.microsoft.com, open the developer tools' Network page and send a message. "
        "Then paste “Copy as cURL (bash)” of the socket “chat?api-version=2…”, or choose a HAR exported “with "
        f"sensitive data”: token, cookies and User-Agent are in either. {SEALED}",
        "cookies_file": f"A HAR “with sensitive data” of up to 32 MiB. {UNREAD_FILE}",
        "user_agent": "The User-Agent of the browser that token and cookies come from: Cloudflare's clearance is bound "
        "to it. Taken from what you paste if that has it.",
        "identity_type": "Empty for a Microsoft account's password; the name of another sign-in, e.g. google. Taken "
        "from what you paste if that has it.",
        "token_command": TOKEN_COMMAND,
    },
    credential_fields=(
        "token_shown", "clearance_shown", "cookies_shown", "new_cookies", "cookies_file", "token_command",
        "identity_type",
    ),
    paste_label="New token or cookies",
    paste_steps="open the developer tools' network page, send a message, and paste “Copy as cURL (bash)” of the socket "
    "“chat?api-version=2…” of copilot.microsoft.com below, or a HAR “with sensitive data”: token, cookies and "
    "User-Agent are in either",
    expired_note="A token lives 60 to 90 minutes; a token command can renew it.",
    required_fields=(
        RequiredField(
            "user_agent",
            "Give the User-Agent of the browser that the cookies and the token come from: Cloudflare's clearance is "
            "bound to it. A HAR and “Copy as cURL” have it in them.",
        ),
    ),
    demo_model="copilot",
)  # fmt: skip

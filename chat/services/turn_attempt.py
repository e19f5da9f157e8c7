"""What can be told of an account of one of the two Copilots without asking a question, or with the operator's leave."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from accounts.models import CheckState
from accounts.services import Finding, Look
from accounts.tokens import describe_token, read_token
from bingproject.errors import CookieExpiredError
from bingproject.transcripts import Transcript
from bingproject.upstream import Door, cookie_domain
from chat import client
from chat.protocol import copilot
from chat.protocol.copilot import Identity, Manner
from chat.services.backends.backend import CALL_SECONDS, at_most
from chat.services.probes import probe_chat

UNKNOWN_HERE = "Copilot does not know the account. The operator must give a new token in the admin."


async def check_copilot(look: Look) -> Finding:
    """Whether Copilot knows who asks; the account's one call that costs nothing.

    Raises: CookieExpiredError when it does not; what `parse_user_response` raises, NotSentError, OutcomeUnknownError.
    """
    account = look.account
    identity = Identity(account.token, account.identity_type)
    manners: tuple[Manner, ...] = ("bearer", "cookies") if account.sealed_cookies else ("bearer",)
    async with Door() as door:
        http = door.client(
            account.cookies | account.jar,
            domain=cookie_domain(settings.COPILOT_URL),
            proxy=account.proxy,
            user_agent=account.user_agent,
        )
        for manner in manners:
            request = copilot.build_user_request(identity, manner)
            answer = await client.call(http, settings.COPILOT_URL, request, seconds=at_most(CALL_SECONDS))
            if copilot.parse_user_response(answer.status, answer.headers, answer.text):
                break
        else:
            raise CookieExpiredError(UNKNOWN_HERE)
    return await _ask(look) if look.may_open else Finding(CheckState.OK, "Copilot knows the account.")


async def _ask(look: Look) -> Finding:
    """One question, which counts against the account. Raises: what the turn came to."""
    await probe_chat(look.account, look.account.kind, Transcript(str))  # kind and capability have one name
    return Finding(CheckState.OK, "A question was answered.")


async def check_m365(look: Look) -> Finding:
    """What its token says; whether a question is answered only a question could tell.

    Source: docs/wire/m365.md, section 1: no call is known that costs nothing.
    """
    account = look.account
    missing = [name for name, value in (
        ("object id", account.object_id), ("tenant id", account.tenant_id), ("licence", account.tier),
    ) if not value]  # fmt: skip
    if missing:
        return Finding(CheckState.FAILED, f"Without its {', '.join(missing)} the account cannot be addressed.")
    if look.may_open:
        return await _ask(look)
    said = describe_token(read_token(account.token), timezone.now().timestamp())
    return Finding(CheckState.UNKNOWN, f"Cannot tell without asking a question. {said}")

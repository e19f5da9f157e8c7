"""What can be told of an account's chat: little, unless a conversation is opened, which counts against the account."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Capability, CheckState
from accounts.services import Finding, Look
from bingproject.errors import AccountError
from chat import client
from chat.protocol import sydney
from chat.protocol.sydney import Credentials
from chat.services.backends import BACK_ENDS
from chat.services.backends.backend import CALL_SECONDS, at_most

REST_SECONDS = 3600.0  # of a chat that Bing slows down without naming a time


async def check_chat(look: Look) -> Finding:
    """Whether Bing lists the account's conversations; with the operator's leave also whether it opens one.

    Raises: what `parse_create_response` raises, NotSentError, OutcomeUnknownError.
    """
    if look.may_open:
        return await _open(look)
    request, seconds = sydney.build_list_request(), at_most(CALL_SECONDS)
    answer = await client.call(look.client, settings.BING_URL, request, seconds=seconds)
    count = sydney.parse_list_response(answer.status, answer.headers, answer.text)
    known = f"Bing lists {count} conversation{'' if count == 1 else 's'} of this account."
    return Finding(CheckState.UNKNOWN, f"Cannot tell without opening a conversation. {known}")


async def _open(look: Look) -> Finding:
    try:
        credentials = await BACK_ENDS["bing"].open_session(look.account)
    except AccountError as error:
        await sync_to_async(accounts.settle)(
            look.account, Capability.CHAT, error, timezone.now(), rest_seconds=error.retry_after or REST_SECONDS
        )
        raise
    if sydney.is_anonymous(Credentials(**credentials)):
        return Finding(CheckState.FAILED, "Bing opened a conversation, but as for somebody who is not signed in.")
    return Finding(CheckState.OK, "Bing opened a conversation.")

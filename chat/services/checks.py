"""Check the chat of an account. Without a question, which counts against the account, little can be proved."""

from __future__ import annotations

from accounts.microsoft.services import CheckContext, Finding
from accounts.models import CAPABILITIES, AccountKind, CheckState
from bingproject.upstream.recording import Transcript
from chat.services.backends import BACK_ENDS
from chat.services.backends.backend import ANSWERED
from chat.services.probes import probe_chat


async def check_chat(context: CheckContext) -> Finding:
    """Check the account by its back end. Raises what its `check_account` raises."""
    owned = CAPABILITIES[AccountKind(context.account.kind)]
    back_end = next(one for one in BACK_ENDS.values() if one.capability in owned)

    async def ask(context: CheckContext) -> Finding:
        """Ask one question, which counts against the account. Raises the error of the turn."""
        await probe_chat(context.account, back_end.capability, Transcript(str))
        return Finding(CheckState.OK, ANSWERED)

    return await back_end.check_account(context, ask)

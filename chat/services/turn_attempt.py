"""Prepare one attempt at a turn: the upstream conversation, the prompt for it, and the socket's address."""

from __future__ import annotations

from asgiref.sync import sync_to_async

from chat import client
from chat.protocol.events import Dialect, Prompt, ServedBy
from chat.protocol.model_spec import Route
from chat.protocol.transcript import fit
from chat.services.backends import TurnAttempt
from chat.services.catalogue import fit_opening
from chat.services.conversation_history import with_stored_history
from chat.services.turn_state import ActiveTurn

OFFLINE = "offline"


async def prepare(turn: ActiveTurn) -> tuple[client.Address, Dialect]:
    """Return where the socket leads and the dialect to speak over it, which becomes the turn's own.

    Raises: ServiceError of opening the conversation or handing over a picture; ConflictError when nothing is stored
    that could be replayed; InvalidRequestError for a prompt that is too long for this back end.
    """
    account, back_end, route = turn.account, turn.back_end, turn.route
    assert route is not None  # it is set together with the lease
    turn.dialect = None
    stored = turn.session_credentials()
    prompt, turn.summary.dropped = await _fitted_prompt(turn, route)
    credentials = stored or await open_session(turn)
    attachments = await back_end.upload(account, prompt, credentials)
    asked = TurnAttempt(
        turn.request.model,
        route,
        prompt,
        credentials,
        turn.conversation.upstream_turn_count,
        attachments,
        is_thinking=turn.request.is_thinking,
        wants_suggestions=turn.request.wants_suggestions,
    )
    turn.dialect = dialect = back_end.new_dialect(asked)
    return await back_end.address(account, credentials), dialect


async def open_session(turn: ActiveTurn) -> dict[str, str]:
    """Open an upstream conversation as the leased account and return its credentials. Raises: ServiceError."""
    credentials = await turn.back_end.open_session(turn.account)
    turn.set_session(credentials)
    return credentials


def served_by(turn: ActiveTurn) -> ServedBy:
    """Say which back end answers, and which wishes of the model it cannot meet."""
    back_end = turn.back_end
    is_unmet = not turn.request.model.has_search and not back_end.can_stay_offline
    return ServedBy(back_end.shown, (OFFLINE,) if is_unmet else (), back_end.errors.display_name)


async def _fitted_prompt(turn: ActiveTurn, route: Route) -> tuple[Prompt, int]:
    """Return the newest message, or the whole chat for a new upstream conversation; and how many turns did not fit."""
    prompt = turn.request.prompt
    if turn.has_session and turn.conversation.upstream_turn_count > 0:
        return fit(prompt, turn.back_end.limit_characters, replays=False).prompt, 0
    if turn.request.conversation is not None:
        prompt = await sync_to_async(with_stored_history)(turn.conversation, prompt)
    fitted = fit_opening(prompt, route)
    return fitted.prompt, fitted.dropped

"""The models of this server, and the back ends that may serve each, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from django.conf import settings

from bingproject.errors import InvalidRequestError
from chat.models import Conversation
from chat.protocol import catalogue
from chat.protocol.events import Prompt, ServedBy
from chat.protocol.model_spec import ChatModelSpec, Route
from chat.protocol.transcript import Fitted, fit, with_style_instruction
from chat.services.availability import usable_back_ends
from chat.services.backends import BACK_ENDS


def all_models() -> dict[str, ChatModelSpec]:
    """Return every model by name, including those that settings add."""
    return catalogue.all_models(_extra_models())


def find_model(model_id: str) -> ChatModelSpec:
    """Return the model of that name. Raises NotFoundError `model_not_found`."""
    return catalogue.find_model(model_id, _extra_models())


def _extra_models() -> Iterable[ChatModelSpec]:
    return (spec for back_end in BACK_ENDS.values() for spec in back_end.extra_models())


def listed_models(now: datetime) -> list[ChatModelSpec]:
    """Return the styles, and of the other models those that a usable account can serve now."""
    usable = usable_back_ends(now)
    models = all_models().values()
    return [spec for spec in models if spec.style or any(route.back_end in usable for route in spec.routes)]


def routes_for(model: ChatModelSpec, prompt: Prompt | None = None) -> tuple[Route, ...]:
    """Return the routes that can serve this prompt, in the operator's order.

    Raises:
        InvalidRequestError: None of them can take it; the reason is that of the first.
    """
    routes = model.routes_by(settings.CHAT_ROUTES)
    return routes if prompt is None else _able(routes, lambda route: BACK_ENDS[route.back_end].check(prompt))


def opening_routes(routes: Iterable[Route], prompt: Prompt) -> tuple[Route, ...]:
    """Return the routes over which a conversation can begin with this prompt and its history.

    Raises what `routes_for` raises.
    """
    return _able(routes, partial(fit_opening, prompt))


def fit_opening(prompt: Prompt, route: Route) -> Fitted:
    """Return the prompt that opens an upstream conversation. Raises InvalidRequestError context_length_exceeded."""
    back_end = BACK_ENDS[route.back_end]
    return fit(
        with_style_instruction(prompt, route.style_instruction),
        back_end.limit_characters,
        prepends=back_end.is_one_text,
        keeps_history=settings.CHAT_OVERFLOW == "refuse",
    )


def _able(routes: Iterable[Route], check: Callable[[Route], object]) -> tuple[Route, ...]:
    refusals: list[InvalidRequestError] = []
    able: list[Route] = []
    for route in routes:
        try:
            check(route)
            able.append(route)
        except InvalidRequestError as refusal:
            refusals.append(refusal)
    if not able:
        raise refusals[0]
    return tuple(able)


def served_by(conversation: Conversation) -> ServedBy:
    """Return the event that names the back end of a conversation to callers."""
    back_end = BACK_ENDS[conversation.back_end]
    return ServedBy(back_end.shown, display_name=back_end.errors.display_name)

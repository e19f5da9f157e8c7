"""Which models there are here, and which back ends may serve one of them, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from django.conf import settings

from bingproject.errors import InvalidRequestError
from chat.models import Conversation
from chat.protocol import catalogue
from chat.protocol.catalogue import ModelSpec, Route
from chat.protocol.events import Prompt, ServedBy
from chat.protocol.transcript import check_opening, styled
from chat.services.availability import usable_back_ends
from chat.services.backends import BACK_ENDS


def all_models() -> dict[str, ModelSpec]:
    """Every model by its name, those of the configured tones among them."""
    return catalogue.all_models(settings.M365_TONES)


def find_model(model_id: str) -> ModelSpec:
    """The model of that name. Raises: NotFoundError `model_not_found`."""
    return catalogue.find_model(model_id, settings.M365_TONES)


def listed_models(now: datetime) -> list[ModelSpec]:
    """The styles, whatever serves them, and of the others what a usable account can serve now."""
    usable = usable_back_ends(now)
    models = all_models().values()
    return [spec for spec in models if spec.style or any(route.back_end in usable for route in spec.routes)]


def routes_for(model: ModelSpec, prompt: Prompt | None = None) -> tuple[Route, ...]:
    """The ways to serve this prompt, in the operator's order.

    Raises: InvalidRequestError when none of them can take it, with what stands in the way of the first.
    """
    routes = model.routes_by(settings.CHAT_ROUTES)
    return routes if prompt is None else _able(routes, lambda route: BACK_ENDS[route.back_end].check(prompt))


def opening_routes(routes: Iterable[Route], prompt: Prompt) -> tuple[Route, ...]:
    """Those over which a conversation can begin with this prompt: where all goes out as one text, it must fit together.

    Raises: as `routes_for`.
    """
    return _able(routes, partial(_check_opening, prompt))


def _check_opening(prompt: Prompt, route: Route) -> None:
    back_end = BACK_ENDS[route.back_end]
    if back_end.is_one_text:
        check_opening(styled(prompt, route.style_line), back_end.limit_characters)


def _able(routes: Iterable[Route], check: Callable[[Route], None]) -> tuple[Route, ...]:
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
    """The back end that a conversation was opened over, as callers are told."""
    back_end = BACK_ENDS[conversation.back_end]
    return ServedBy(back_end.shown, voice=back_end.voice.name)

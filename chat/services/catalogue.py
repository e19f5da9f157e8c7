"""Which models there are here, and which back ends may serve one of them, in which order."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from bingproject.errors import InvalidRequestError
from chat.models import Conversation
from chat.protocol import catalogue
from chat.protocol.catalogue import ModelSpec, Route
from chat.protocol.events import Prompt, ServedBy
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
    refusals: list[InvalidRequestError] = []
    able: list[Route] = []
    for route in routes:
        try:
            if prompt is not None:
                BACK_ENDS[route.back_end].check(prompt)
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

"""Which models are offered, and in which order back ends stand in for a style."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AccountState
from bingproject.errors import InvalidRequestError, NotFoundError
from chat.models import Conversation
from chat.protocol.catalogue import MODELS, STYLES
from chat.protocol.copilot.models import LIMIT_CHARACTERS
from chat.protocol.events import Message, Prompt, PromptImage
from chat.services.catalogue import all_models, find_model, listed_models, opening_routes, routes_for, served_by
from tests.factories import make_token_account, set_capability

pytestmark = pytest.mark.django_db
SIX = [*STYLES, *(f"{style}-offline" for style in STYLES)]


def _listed() -> list[str]:
    return [spec.id for spec in listed_models(timezone.now())]


def test_styles_are_always_listed_and_others_while_an_account_can_serve_them() -> None:
    """Not while it rests, nor when it is out of order."""
    assert _listed() == SIX
    make_token_account("m365", state=AccountState.EXPIRED)
    account = make_token_account("copilot")
    assert _listed()[6:] == ["copilot", "copilot-think", "copilot-smart", "copilot-study", "copilot-search"]
    set_capability(account, "copilot", cooldown_until=timezone.now() + timedelta(minutes=1))
    assert _listed() == SIX


def test_configured_tones_are_models(settings: Settings) -> None:
    """Under names of our kind; what is not configured is not found."""
    settings.M365_TONES = ["Gpt_5_2_Quick"]
    make_token_account("m365")
    assert _listed()[6:] == ["m365", "m365-quick", "m365-think", "m365-gpt-5-2-quick"]
    assert find_model("M365-GPT-5-2-Quick").routes[0].mode == "Gpt_5_2_Quick"
    settings.M365_TONES = []
    assert "m365-gpt-5-2-quick" not in all_models()
    with pytest.raises(NotFoundError):
        find_model("m365-gpt-5-2-quick")


def _order(name: str, prompt: Prompt | None = None) -> list[str]:
    return [route.back_end for route in routes_for(find_model(name), prompt)]


def test_the_operator_says_who_stands_in(settings: Settings) -> None:
    """By style, with and without search; the others keep theirs."""
    settings.CHAT_ROUTES = {}
    assert _order("precise") == ["bing", "m365", "copilot"]
    settings.CHAT_ROUTES = {"precise": ("copilot",), "*": ("m365", "bing")}
    assert _order("precise-offline") == ["copilot"]
    assert _order("creative") == ["m365", "bing"]
    assert _order("copilot-think") == ["copilot"]


def test_who_cannot_take_a_prompt_is_passed_over(settings: Settings) -> None:
    """Too long for one, or pictures it does not take; when nobody can, the first says why."""
    settings.CHAT_ROUTES = {}
    assert _order("precise", Prompt("", (), "x" * 20_000)) == ["bing", "m365"]
    pictures = (PromptImage(content=b"x", media_type="image/png"),) * 2
    assert _order("precise", Prompt("", (), "x", pictures)) == ["m365", "copilot"]
    with pytest.raises(InvalidRequestError) as refusal:
        _order("precise", Prompt("", (), "x" * 40_000))
    assert refusal.value.code == "context_length_exceeded"


def test_what_opens_a_conversation_must_fit_together(settings: Settings) -> None:
    """Where it goes out as one text: the system prompt, the line about the style, the question and their marks."""
    settings.CHAT_ROUTES = {}
    spec = find_model("precise")
    line = spec.routes[-1].style_instruction

    def openable(prompt: Prompt) -> list[str]:
        return [route.back_end for route in opening_routes(spec.routes, prompt)]

    marks = len("[system](#additional_instructions)\n\n\n[user](#message)\n") + len(f"{line}\n\n")
    room = LIMIT_CHARACTERS - marks
    for history in ((), (Message("assistant", "x" * 20_000), Message("assistant", "ok"))):
        assert openable(Prompt("s" * 5000, history, "x" * (room - 5000))) == ["bing", "m365", "copilot"]
        assert openable(Prompt("s" * 5000, history, "x" * (room - 4999))) == ["bing", "m365"]
    assert openable(Prompt("", (Message("user", "x" * 20_000), Message("assistant", "ok")), "2+2?")) == [
        "bing",
        "m365",
    ]
    assert openable(Prompt("s" * 20_000, (), "x" * 20_000)) == ["bing"]
    with pytest.raises(InvalidRequestError, match="system prompt and newest message together"):
        opening_routes(spec.routes[1:], Prompt("s" * 20_000, (), "x" * 20_000))


def test_the_settings_know_every_model(settings: Settings) -> None:
    """CHAT_DEFAULT_MODEL is checked when the server starts, where no catalogue can be asked."""
    assert set(settings.CHAT_MODELS) == set(MODELS)
    assert settings.CHAT_DEFAULT_MODEL == "precise"


def test_callers_are_told_who_holds_a_conversation() -> None:
    """By the back end's public name."""
    assert [served_by(Conversation(back_end=name)).name for name in ("bing", "m365")] == ["bing-sydney", "m365"]

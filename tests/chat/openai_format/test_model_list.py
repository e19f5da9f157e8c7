"""The list of models."""

from __future__ import annotations

from msgspec import to_builtins

from chat.openai_format import model_card, model_list


def test_a_card_and_a_list() -> None:
    """They have exactly the keys that clients read."""
    card = {
        "id": "precise",
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "bing",
        "description": "Precise",
    }
    assert to_builtins(model_card("precise", "Precise")) == card
    assert to_builtins(model_list([("precise", "Precise")])) == {"object": "list", "data": [card]}
    assert to_builtins(model_list([])) == {"object": "list", "data": []}

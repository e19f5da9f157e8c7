"""Models and their routes."""

from __future__ import annotations

from chat.protocol.model_spec import single_route_model


def test_a_model_of_one_route_ignores_the_order_of_styles() -> None:
    """A model without a style has no choice, and cannot think without a mode for it."""
    spec = single_route_model("x", "X", "m365", "Magic")
    assert spec.routes_by({"*": ("bing",)}) == spec.routes
    assert not spec.can_think

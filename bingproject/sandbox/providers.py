"""The stand-ins of this sandbox, each found by the `provider.py` of its folder, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from bingproject.sandbox.core import tokens
from bingproject.sandbox.core.options import Options
from bingproject.sandbox.core.provider import SandboxProvider
from bingproject.sandbox.core.scenario import Scenario
from bingproject.sandbox.core.scenarios import Scenarios
from bingproject.sandbox.core.state import SandboxState


def load_providers() -> tuple[SandboxProvider, ...]:
    """Return the descriptors, sorted by their folders' names, so that a new stand-in is a folder and nothing else."""
    folders = sorted(
        path.parent.name for path in Path(__file__).parent.glob("*/provider.py") if path.parent.name != "core"
    )
    return tuple(import_module(f"{__package__}.{folder}.provider").PROVIDER for folder in folders)


def build_catalogue(providers: Iterable[SandboxProvider]) -> dict[str, Scenario]:
    """Return all scenarios by name, with their aliases.

    Raises:
        ValueError: Two of them have the same name.
    """
    catalogue: dict[str, Scenario] = {}
    for provider in providers:
        named = {scenario.name: scenario for scenario in provider.scenarios}
        for alias, name in provider.aliases.items():
            named[alias] = replace(named[name], effect=f"another word for {name}")
        repeated = named.keys() & catalogue.keys()
        if repeated:
            raise ValueError(f"{provider.name} repeats the scenarios {', '.join(sorted(repeated))}")
        catalogue |= named
    return catalogue


PROVIDERS = load_providers()
CATALOGUE = build_catalogue(PROVIDERS)
PROVIDER_OPTIONS = tuple(option for provider in PROVIDERS for option in provider.options)
# All options with their defaults.
DEFAULTS = Options(provider={option.name: option.default for option in PROVIDER_OPTIONS})
TOKEN_RULES = {one.name: one.token for one in PROVIDERS if one.token is not None}


def new_state(options: Options = DEFAULTS) -> SandboxState:
    """Return the state of a sandbox that has just started; it reads the journal if there is one."""
    return SandboxState(options, Scenarios(CATALOGUE), [one.name for one in PROVIDERS if one.chat_label])


def make_token(service: str, account: str, expires_at: float, *, audience: str = "", is_opaque: bool = False) -> str:
    """Return an access token of an account for the provider of that name.

    Raises:
        KeyError: That provider has no tokens.
    """
    return tokens.make_token(TOKEN_RULES[service], account, expires_at, audience=audience, is_opaque=is_opaque)

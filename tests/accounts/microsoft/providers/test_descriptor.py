"""What holds for every provider's descriptor."""

from __future__ import annotations

import pytest

from accounts.admin.pages import AccountAdmin
from accounts.microsoft.providers import PROVIDERS
from accounts.models import AccountKind, Capability


def test_every_kind_and_every_capability_has_one_descriptor() -> None:
    """The database's choices and the descriptors name the same; no capability belongs to two providers."""
    capabilities = [terms.name for provider in PROVIDERS.values() for terms in provider.capabilities]
    assert [*PROVIDERS] == AccountKind.values
    assert capabilities == Capability.values
    assert [provider.name for provider in PROVIDERS.values()] == AccountKind.labels


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
def test_forms_find_every_field(provider: object) -> None:
    """The fields of the account's page exist, those that can be typed have a help text, and so do required ones."""
    descriptor = PROVIDERS[provider.kind]  # type: ignore[attr-defined]
    typed = {name for name in descriptor.credential_fields if not name.endswith("_shown")}
    assert typed <= descriptor.help_texts.keys()
    assert {required.name for required in descriptor.required_fields} <= descriptor.help_texts.keys()
    assert {*descriptor.credential_fields} - typed <= {*AccountAdmin.readonly_fields}


def test_audiences_and_scopes_can_be_compared() -> None:
    """Tokens are compared in lower case."""
    rules = [provider.token for provider in PROVIDERS.values() if provider.token]
    names = [name for one in rules for name in (*one.audiences, *one.scopes, *one.near_audiences)]
    assert names == [name.lower() for name in names]

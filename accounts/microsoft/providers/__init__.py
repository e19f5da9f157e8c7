"""List the providers by account kind, in the order in which pages and the demo name them."""

from accounts.microsoft.providers.bing import BING
from accounts.microsoft.providers.copilot import COPILOT
from accounts.microsoft.providers.descriptor import Place, Provider, RequiredField, TokenRules
from accounts.microsoft.providers.m365 import M365

PROVIDERS: dict[str, Provider] = {provider.kind: provider for provider in (BING, COPILOT, M365)}
# The token rules of the kinds that sign in with a token.
TOKEN_RULES = {kind: provider.token for kind, provider in PROVIDERS.items() if provider.token}
# Their common name in texts.
TOKEN_PROVIDERS = "the two Copilots"

__all__ = ["PROVIDERS", "TOKEN_PROVIDERS", "TOKEN_RULES", "Place", "Provider", "RequiredField", "TokenRules"]

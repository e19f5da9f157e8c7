"""Define the descriptor of a provider, which is one of Microsoft's services that an account belongs to.

Descriptors hold values and pure functions only: models, forms, token checks, alerts and the demo read them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

ONCE = "It cannot be changed later."
SEALED = "Stored encrypted, never shown again."
UNREAD_FILE = "Read in memory; the file is not kept."
TOKEN_COMMAND = (
    "Optional: a program that prints new tokens, since one lives for about an hour. The "
    "environment variable TOKEN_COMMANDS lists the programs."
)


@dataclass(frozen=True, slots=True)
class CapabilityTerms:
    """Describe one capability of a provider's accounts.

    Attributes:
        name: Its value in the database.
        work: Its name in alerts.
        limit: How much a new account may do at once.
        pace: A new account's turns per minute, and how many of them may start in a row; None for no pace.
    """

    name: str
    work: str
    limit: int
    pace: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Define how to read the account from a pasted socket address.

    Attributes:
        find_ids: Takes request URLs and returns object id and tenant id; None if no URL has them.
        find_tier: Takes request URLs, and True for a personal account's token; returns the licence, "" if unknown.
    """

    find_ids: Callable[[Sequence[str]], tuple[str, str] | None]
    find_tier: Callable[[Sequence[str], bool], str]


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Define which access tokens the service accepts.

    Attributes:
        name: The service's name in messages.
        host: Where requests with the token go.
        audiences: The tokens' audiences, in lower case; messages name the first one.
        scopes: The scopes of a token without an audience, in lower case.
        near_audiences: Names of audiences that are easily mistaken for the service's own.
        can_be_opaque: The service also issues tokens that cannot be read.
        cookies_alone: Explains a paste with cookies and no token; "" if no cookies are read.
        has_identity_type: A paste may show how the user signed in.
        place: How to read the account from a socket's address, if it is in there.
    """

    name: str
    host: str
    audiences: tuple[str, ...]
    scopes: tuple[str, ...]
    near_audiences: Mapping[str, str] = field(default_factory=dict)
    can_be_opaque: bool = False
    cookies_alone: str = ""
    has_identity_type: bool = False
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class RequiredField:
    """Name a form field that an account needs, and the error that the form shows without it.

    Attributes:
        name: The field.
        error: The form's message.
        can_wait: A token command may bring the value later.
    """

    name: str
    error: str
    can_wait: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """Describe one provider.

    Attributes:
        kind: The value of `Account.kind`; it must never change, because it is in databases.
        name: The service's name in messages.
        site: Where operators sign in.
        secrets: What operators paste, in words.
        capabilities: What its accounts can do.
        help_texts: The form fields of this kind, with their texts.
        credential_fields: The fields of an account's page, in order.
        paste_steps: How to get the credentials, as part of a sentence.
        expired_note: What happens to an expired account.
        demo_model: The model in the demo's examples.
        page_to_use: The page that operators open to solve problems.
        paste_label: The label of the field for pastes; "" for the default.
        token: The token rules; None for a service that signs in with cookies.
        required_fields: The fields that an account needs.
        tiers: The licences, with their names.
        needs_question: Only a chat turn proves an account.
        demo_tier: The licence of the demo's account.
    """

    kind: str
    name: str
    site: str
    secrets: str
    capabilities: tuple[CapabilityTerms, ...]
    help_texts: Mapping[str, str]
    credential_fields: tuple[str, ...]
    paste_steps: str
    expired_note: str
    demo_model: str
    page_to_use: str = "the page and its chat"
    paste_label: str = ""
    token: TokenRules | None = None
    required_fields: tuple[RequiredField, ...] = ()
    tiers: Mapping[str, str] = field(default_factory=dict)
    needs_question: bool = False
    demo_tier: str = ""

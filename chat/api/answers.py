"""Define the answers of the chat routes that are not OpenAI's own, once: for encoding and for `/api/schema/`."""

from __future__ import annotations

import uuid
from typing import Annotated

from msgspec import Meta, Struct


class OpenedConversation(Struct, frozen=True):
    """A conversation that is open with Bing."""

    model: str
    client_id: str
    conversation_id: Annotated[str, Meta(description="For `conversation_id` of chat/completions.")]
    sec_access_token: Annotated[str, Meta(description="The same once more.")]


class TwoCallConversation(Struct, frozen=True):
    """What `POST /chatgpt` wants back."""

    conversationId: uuid.UUID  # noqa: N815 - the contract's name, as below
    clientId: str  # noqa: N815
    conversationSignature: str  # noqa: N815
    invocationId: Annotated[int, Meta(ge=0)]  # noqa: N815


class TwoCallAnswer(Struct, frozen=True):
    """An answer and the number of the next turn."""

    message: str
    conversationId: uuid.UUID  # noqa: N815
    invocationId: Annotated[int, Meta(ge=1)]  # noqa: N815

"""Records as either ChatHub sends them."""

from __future__ import annotations

import json
from typing import Any

ACK = "{}\x1e"


def record(**fields: Any) -> str:
    """One record as the server sends it."""
    return json.dumps(fields) + "\x1e"


def update(*messages: Any, **fields: Any) -> str:
    """An update with messages."""
    return record(type=1, target="update", arguments=[{"requestId": "r1", "messages": list(messages), **fields}])


def bot(text: Any = None, message_id: Any = "b1", **fields: Any) -> dict[str, Any]:
    """One of the server's messages; without a type it is the answer."""
    return {"text": text, "author": "bot", "messageId": message_id, "contentOrigin": "DeepLeo", **fields}


def success(*messages: Any, **fields: Any) -> str:
    """The record that ends a turn well."""
    return record(type=2, item={"messages": list(messages), "result": {"value": "Success"}, **fields})


def failure(value: str, message: Any = None) -> str:
    """The record that ends a turn badly."""
    return record(type=2, item={"result": {"value": value, "message": message, "error": "e"}})


def throttling(used: Any, limit: Any = 30) -> dict[str, Any]:
    """How many turns of a conversation are used."""
    return {"numUserMessagesInConversation": used, "maxNumUserMessagesInConversation": limit}

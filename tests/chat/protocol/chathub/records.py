"""Records as both ChatHubs send them."""

from __future__ import annotations

import json
from typing import Any

ACK = "{}\x1e"


def record(**fields: Any) -> str:
    """Return one record as the server sends it."""
    return json.dumps(fields) + "\x1e"


def update(*messages: Any, **fields: Any) -> str:
    """Return an update with messages."""
    return record(type=1, target="update", arguments=[{"requestId": "r1", "messages": list(messages), **fields}])


def bot(text: Any = None, message_id: Any = "b1", **fields: Any) -> dict[str, Any]:
    """Return one of the server's messages; without a type it is the answer."""
    return {"text": text, "author": "bot", "messageId": message_id, "contentOrigin": "DeepLeo", **fields}


def success(*messages: Any, **fields: Any) -> str:
    """Return the record that ends a turn with an answer."""
    return record(type=2, item={"messages": list(messages), "result": {"value": "Success"}, **fields})


def failure(value: str, message: Any = None) -> str:
    """Return the record that ends a turn with an error."""
    return record(type=2, item={"result": {"value": value, "message": message, "error": "e"}})


def throttling(used: Any, limit: Any = 30) -> dict[str, Any]:
    """Return the turns used of a conversation."""
    return {"numUserMessagesInConversation": used, "maxNumUserMessagesInConversation": limit}

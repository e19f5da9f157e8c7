"""What Bing's and Microsoft 365's ChatHub have in common: the records, the parts of messages, the course of a turn.

Source: docs/wire/chathub.md and docs/wire/m365.md.
"""

from chat.protocol.chathub.messages import TurnRefusal, parse_suggestions, parse_throttling
from chat.protocol.chathub.records import UNREADABLE, HubMessage, HubRecord, Item, parse_damaged, parse_messages
from chat.protocol.chathub.turn import HubTurn

__all__ = [
    "UNREADABLE",
    "HubMessage",
    "HubRecord",
    "HubTurn",
    "Item",
    "TurnRefusal",
    "parse_damaged",
    "parse_messages",
    "parse_suggestions",
    "parse_throttling",
]

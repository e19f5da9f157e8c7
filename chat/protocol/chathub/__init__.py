"""What the two ChatHubs, Bing's and Microsoft 365's, do in the same way: records, what messages say, a turn's course.

Source: docs/wire/chathub.md and docs/wire/m365.md.
"""

from chat.protocol.chathub.messages import Refusal, parse_suggestions, parse_throttling
from chat.protocol.chathub.records import UNREADABLE, Item, Message, Record, parse_damaged, parse_messages
from chat.protocol.chathub.turn import HubTurn

__all__ = [
    "UNREADABLE",
    "HubTurn",
    "Item",
    "Message",
    "Record",
    "Refusal",
    "parse_damaged",
    "parse_messages",
    "parse_suggestions",
    "parse_throttling",
]

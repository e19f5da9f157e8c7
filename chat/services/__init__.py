"""What chat does: hold a turn with Bing, open and find conversations, keep answers, clean up."""

from chat.services.catalogue import all_models, find_model, listed_models, served_by
from chat.services.checks import check_chat
from chat.services.conversations import (
    check_whitelisted,
    close_upstream,
    delete_conversations,
    find_conversation,
    find_two_call,
    prune_conversations,
    sign_conversation,
    two_call_client_id,
    two_call_holder,
    two_call_model,
)
from chat.services.kept import Answered, KeptKey, answer_once
from chat.services.records import TurnRequest
from chat.services.turns import leave_spare, start_conversation, stream_reply

__all__ = [
    "Answered",
    "KeptKey",
    "TurnRequest",
    "all_models",
    "answer_once",
    "check_chat",
    "check_whitelisted",
    "close_upstream",
    "delete_conversations",
    "find_conversation",
    "find_model",
    "find_two_call",
    "leave_spare",
    "listed_models",
    "prune_conversations",
    "served_by",
    "sign_conversation",
    "start_conversation",
    "stream_reply",
    "two_call_client_id",
    "two_call_holder",
    "two_call_model",
]

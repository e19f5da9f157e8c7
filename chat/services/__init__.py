"""The services of chat: run a turn, open and find conversations, answer once per key, clean up."""

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
    two_call_caller_id,
    two_call_client_id,
    two_call_model,
)
from chat.services.idempotency import CompletedAnswer, IdempotentRequest, answer_once
from chat.services.search import first_words, saying
from chat.services.turn_state import TurnRequest
from chat.services.turns import leave_spare, start_conversation, stream_turn

__all__ = [
    "CompletedAnswer",
    "IdempotentRequest",
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
    "first_words",
    "leave_spare",
    "listed_models",
    "prune_conversations",
    "saying",
    "served_by",
    "sign_conversation",
    "start_conversation",
    "stream_turn",
    "two_call_caller_id",
    "two_call_client_id",
    "two_call_model",
]

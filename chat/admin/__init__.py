"""Operators' pages for conversations, and chat's part of the dashboard."""

from chat.admin.pages import ConversationAdmin

__all__ = ["ConversationAdmin"]

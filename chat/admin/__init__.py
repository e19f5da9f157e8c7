"""The admin's pages for conversations, and chat's cards on the dashboard."""

from chat.admin.pages import ConversationAdmin

__all__ = ["ConversationAdmin"]

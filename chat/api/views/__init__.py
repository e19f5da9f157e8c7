"""The chat routes: OpenAI's, and the two-call contract's; one service each."""

from chat.api.views.openai import ChatCompletionViewSet, ModelViewSet, OpenConversationViewSet
from chat.api.views.two_call import AskViewSet, CreateConversationViewSet

__all__ = [
    "AskViewSet",
    "ChatCompletionViewSet",
    "CreateConversationViewSet",
    "ModelViewSet",
    "OpenConversationViewSet",
]

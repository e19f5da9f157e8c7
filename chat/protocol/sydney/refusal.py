"""How Bing refuses: by an apology in the answer's place, or by ending the conversation.

Source: docs/wire/chathub.md, section 5.5.
"""

from chat.protocol.chathub import Refusal

__all__ = ["Refusal"]

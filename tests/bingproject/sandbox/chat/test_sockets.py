"""What all chat sockets share: the counts, and who leaves whom."""

from __future__ import annotations

from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.chat.chatters import blamed, wait_for
from tests.bingproject.sandbox.conftest import NewCopilot, NewM365


def test_sockets_are_counted(server: SandboxServer, copilot: NewCopilot, m365: NewM365) -> None:
    """Opened, open, and left early by who goes before the end; each server for itself."""
    consumer = copilot()
    consumer.open()
    asking = ((consumer, server.state.chats["copilot"]), (m365(), server.state.chats["m365"]))
    for client, chat in asking:
        client.ask("hi")
        client.ask("hi sandbox:silent-after", seconds=0.1)
        wait_for(lambda chat=chat: chat.sockets.open == 0)  # type: ignore[misc] # bound for this round
        assert (chat.sockets.opened, chat.sockets.left, chat.sockets.refused) == (2, 1, 0)
    assert not blamed(server)


def test_a_socket_without_a_question(server: SandboxServer, copilot: NewCopilot) -> None:
    """Is sent away after a while."""
    server.state.options = type(server.state.options)(chat_open_seconds=0.1)
    with copilot().connect():
        wait_for(lambda: blamed(server) == ["copilot-handshake"])

"""Every way in which the consumer Copilot does not answer: one table, over real HTTP, whole and streamed.

Source of the rows: docs/wire/copilot.md, section 5; the numbers are those of docs/wire/chathub.md, section 6.
"""

from __future__ import annotations

import pytest
from pytest_django import Settings

from accounts.models import AccountState
from chat.models import Conversation
from tests.factories import make_token_account
from tests.journeys.chat_refusals import (
    EVERY_CREATE,
    EVERY_SOCKET,
    EVERY_UPLOAD,
    EXPIRED,
    LOST,
    PROTOCOL,
    REFUSED,
    UNREACHABLE,
    ChatScene,
    Row,
    check_failure,
)
from tests.rig.servers import free_port

CHALLENGED = "challenge_required"

CREATE = [
    *EVERY_CREATE,
    Row("5", "create-blocked", "account_blocked", account="blocked"),
    Row("6", "create-404", PROTOCOL),
    Row("22", "create-clearance", CHALLENGED, account="challenged"),
]
SOCKET = [
    *EVERY_SOCKET,
    Row("22", "socket-clearance", CHALLENGED, account="challenged"),
    Row("25", "socket-region", REFUSED),
]
# Once the question has been received it is not asked again, whatever becomes of it.
TURN = [
    Row("14", "text-too-long", "context_length_exceeded", param="messages"),
    Row("17", "cut-before", LOST),
    Row("17", "close-before", LOST),
    Row("17", "fail-before", LOST),
    Row("17", "message-error", LOST),
    Row("17", "disconnecting", LOST),
    Row("18", "cut-after", LOST, is_late=True),
    Row("18", "close-after", LOST, is_late=True),
    Row("18", "fail-after", LOST, is_late=True),
    Row("18", "message-error-after", LOST, is_late=True),
    Row("19", "empty-answer", LOST),
    Row("21", "unknown-error", PROTOCOL),
    Row("21", "unknown-error-after", PROTOCOL, is_late=True),
    Row("24", "invalid-event", PROTOCOL),
    Row("25", "unavailable", REFUSED),
]
ACCOUNT = [
    Row("5", "banned", "account_blocked", account="blocked"),
    Row("22", "challenge", CHALLENGED, account="challenged"),
    Row("22", "challenge-cloudflare", CHALLENGED, account="challenged"),
    Row("22", "challenge-after", CHALLENGED, account="challenged", is_late=True),
    Row("23", "challenge-hashcash", CHALLENGED, account="challenged"),
    Row("23", "challenge-copilot", CHALLENGED, account="challenged"),
    Row("23", "challenge-strange", CHALLENGED, account="challenged"),
]
UPLOAD = [*EVERY_UPLOAD, Row("28", "kblob-no-id", "image_rejected", has_picture=True, param="messages")]
SILENCE = [Row("20", "silent", "timeout"), Row("20", "silent-after", "timeout", is_late=True)]


def test_opening_a_conversation_fails(copilot_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Rows 1 to 6 and 22."""
    copilot_scene.check_by_rule(CREATE, subtests)


def test_opening_the_socket_fails(copilot_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Rows 1, 4, 7, 8, 22 and 25."""
    copilot_scene.check_by_rule(SOCKET, subtests)


def test_the_turn_fails(copilot_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Rows 14, 17 to 19, 21, 24 and 25: nobody is blamed."""
    copilot_scene.check_in_turn(TURN, subtests)


def test_the_account_is_at_fault(copilot_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Rows 5, 22 and 23: it is marked; no challenge is ever answered."""
    copilot_scene.check_in_turn(ACCOUNT, subtests)


def test_a_picture_is_not_taken(copilot_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Row 28, and what an upload may meet besides."""
    copilot_scene.check_by_rule(UPLOAD, subtests)


def test_silence(copilot_scene: ChatScene, settings: Settings, subtests: pytest.Subtests) -> None:
    """Row 20: with timers of tenths of a second."""
    settings.CHAT_FIRST_RECORD_SECONDS = settings.CHAT_GAP_SECONDS = 0.5
    copilot_scene.check_in_turn(SILENCE, subtests)


@pytest.mark.parametrize("row", ACCOUNT[:3], ids=str)
def test_another_account_takes_over(copilot_scene: ChatScene, row: Row) -> None:
    """The caller notices nothing."""
    copilot_scene.check_takeover(row, make_token_account("copilot", "bob"))


def test_a_clearance_that_goes_between_two_turns(copilot_scene: ChatScene) -> None:
    """The first is answered; the second is 503, and the operator is told what to do; nothing is asked again."""
    assert copilot_scene.ask("hello", stream=False, rule=True).status == 200
    copilot_scene.play("socket-clearance")
    asked = copilot_scene.ask("hello", stream=False, rule=True)
    row = Row("22", "", CHALLENGED, account="challenged")
    assert asked.error is not None
    assert "copilot.microsoft.com" in asked.error["message"]
    check_failure(row, asked, stream=False)
    copilot_scene.check_account(row)
    copilot_scene.check_cooldown(asked)


def test_no_account(copilot_scene: ChatScene) -> None:
    """Row 29: a known model that nobody can serve is 503 with the cause, and not listed."""
    copilot_scene.account.mark(AccountState.EXPIRED, "", copilot_scene.account.created_at)
    asked = copilot_scene.ask("hello", stream=False, rule=True)
    check_failure(Row("29", "", EXPIRED), asked, stream=False)
    copilot_scene.account.delete()
    check_failure(Row("29", "", "no_account"), copilot_scene.ask("hello", stream=False, rule=True), stream=False)
    listed = [card["id"] for card in copilot_scene.http.get("/v1/models").json()["data"]]
    assert "precise" in listed
    assert "copilot" not in listed


def test_a_copilot_that_cannot_be_reached(copilot_scene: ChatScene, settings: Settings) -> None:
    """Row 1: 502, and the message does not say where it looked."""
    settings.COPILOT_URL = f"http://127.0.0.1:{free_port()}"
    asked = copilot_scene.ask("hello", stream=False)
    check_failure(Row("1", "", UNREACHABLE), asked, stream=False)
    copilot_scene.check_cooldown(asked)
    assert not Conversation.objects.get().encrypted_credentials

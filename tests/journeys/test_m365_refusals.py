"""Every way in which Microsoft 365 Copilot does not answer: one table, over real HTTP, whole and streamed.

Source of the rows: docs/wire/m365.md, section 7; the numbers are those of docs/wire/chathub.md, section 6.
"""

from __future__ import annotations

import pytest
from pytest_django import Settings

from chat.models import Turn
from tests.factories import make_token_account, set_capability
from tests.journeys.chat_refusals import ChatScene, Row, check_failure
from tests.journeys.refusals import free_port

HOUR = 3600
REFUSED, PROTOCOL, LOST = "upstream_refused", "upstream_protocol_error", "upstream_interrupted"
UNREACHABLE, EXPIRED, THROTTLED = "upstream_unreachable", "cookie_expired", "throttled"

SOCKET = [
    Row("1", "socket-cut", UNREACHABLE),
    Row("1", "socket-502", UNREACHABLE),
    Row("4", "socket-401", EXPIRED, account="expired"),
    Row("7", "socket-403", REFUSED),
    Row("7", "socket-404", REFUSED),
    Row("8", "socket-429", THROTTLED, rest_seconds=HOUR),
    Row("8", "socket-429-retry-after", THROTTLED, rest_seconds=7, retry_after=7),
    Row("9", "handshake-error", PROTOCOL),
    Row("17", "handshake-cut", LOST),
]
TURN = [
    Row("12", "invalid-session", LOST, tries=2),
    Row("17", "cut-before", LOST, tries=2),
    Row("17", "close-before", LOST, tries=2),
    Row("17", "fail-before", LOST, tries=2),
    Row("17", "type7-before", LOST, tries=2),
    Row("17", "error3-before", LOST, tries=2),
    Row("18", "cut-after", LOST, is_late=True),
    Row("18", "close-after", LOST, is_late=True),
    Row("18", "fail-after", LOST, is_late=True),
    Row("18", "type7-after", LOST, is_late=True),
    Row("18", "error3-after", LOST, is_late=True),
    Row("18", "token-dies", LOST, is_late=True),
    Row("19", "empty-answer", LOST, tries=2),
    Row("21", "unknown-result", PROTOCOL),
    Row("26", "bare-type3", PROTOCOL),
]
ACCOUNT = [
    Row("10", "throttled", THROTTLED, rest_seconds=HOUR),
    Row("10", "no-allowance", THROTTLED, rest_seconds=HOUR),
    Row("27", "rate-text", THROTTLED, rest_seconds=HOUR),
]
UPLOAD = [
    Row("28", "kblob-refused", "image_rejected", has_picture=True, param="messages"),
    Row("28", "kblob-400", "image_rejected", has_picture=True, param="messages"),
    Row("4", "kblob-401", EXPIRED, has_picture=True, account="expired"),
    Row("8", "kblob-429", THROTTLED, has_picture=True, rest_seconds=HOUR),
    Row("1", "kblob-503", UNREACHABLE, has_picture=True),
]
SILENCE = [
    Row("20", "silent", "timeout"),
    Row("20", "pings-only", "timeout"),
    Row("20", "silent-after", "timeout", is_late=True),
    Row("20", "pings-after", "timeout", is_late=True),
]


def test_opening_the_socket_fails(m365_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Rows 1, 4, 7 to 9 and 17."""
    m365_scene.check_by_rule(SOCKET, subtests)


def test_the_turn_fails(m365_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Rows 12, 17 to 19, 21 and 26: nobody is blamed."""
    m365_scene.check_in_turn(TURN, subtests)


def test_the_account_rests(m365_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Rows 10 and 27: an hour, also where the service says so in an answer's place."""
    m365_scene.check_in_turn(ACCOUNT, subtests)


def test_a_picture_is_not_taken(m365_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Row 28, and what an upload may meet besides."""
    m365_scene.check_by_rule(UPLOAD, subtests)


def test_silence(m365_scene: ChatScene, settings: Settings, subtests: pytest.Subtests) -> None:
    """Row 20: with timers of tenths of a second; pings are no progress."""
    settings.CHAT_FIRST_RECORD_SECONDS = settings.CHAT_GAP_SECONDS = 0.5
    m365_scene.check_in_turn(SILENCE, subtests)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_refusal_is_an_answer(m365_scene: ChatScene, stream: bool) -> None:
    """Row 15: 200 with content_filter, in the name of who refuses; nothing is tried again, nobody blamed."""
    asked = m365_scene.ask("disengaged-only", stream=stream)
    assert (asked.status, asked.finish_reason, asked.error) == (200, "content_filter", None)
    assert asked.content == "Microsoft 365 Copilot declined to answer this message."
    m365_scene.check_tries(Row("", "", ""), asked)
    m365_scene.check_rest(asked)


@pytest.mark.parametrize("row", [*ACCOUNT, TURN[-1]], ids=str)
def test_another_account_takes_over(m365_scene: ChatScene, row: Row) -> None:
    """The caller notices nothing."""
    other = make_token_account("m365", "bob")
    set_capability(other, "m365", served_at=m365_scene.account.created_at)
    m365_scene.play(row.scenario, account="alice")
    asked = m365_scene.ask("hello", stream=True, rule=True)
    assert (asked.status, asked.finish_reason) == (200, "stop")
    assert Turn.objects.get().account == other
    m365_scene.check_rest(asked)


def test_a_token_that_ends_in_the_middle_of_a_stream(m365_scene: ChatScene) -> None:
    """What was shown stays, then an error line; the next turn finds the token refused and marks the account."""
    first = m365_scene.ask("token-dies", stream=True)
    check_failure(Row("18", "", LOST, is_late=True), first, stream=True)
    row = Row("4", "", EXPIRED, account="expired")
    second = m365_scene.ask("hello", stream=True, rule=True)
    check_failure(row, second, stream=True)
    m365_scene.check_account(row)
    m365_scene.check_rest(second)


def test_a_service_that_cannot_be_reached(m365_scene: ChatScene, settings: Settings) -> None:
    """Row 1: 502, and the message does not say where it looked, since a token stands there."""
    settings.M365_URL = f"ws://127.0.0.1:{free_port()}/m365Copilot/Chathub"
    asked = m365_scene.ask("hello", stream=False)
    check_failure(Row("1", "", UNREACHABLE), asked, stream=False)
    m365_scene.check_rest(asked)

"""Every way in which Microsoft 365 Copilot does not answer: one table, over real HTTP, whole and streamed.

Source of the rows: docs/wire/m365.md, section 7; the numbers are those of docs/wire/chathub.md, section 6.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pytest_django import Settings

from tests.factories import make_token_account
from tests.journeys.chat_refusals import (
    EVERY_UPLOAD,
    EXPIRED,
    HOUR,
    HUB_SILENCE,
    HUB_SOCKET,
    HUB_TURN,
    LOST,
    PROTOCOL,
    THROTTLED,
    UNREACHABLE,
    ChatScene,
    Row,
    check_failure,
)
from tests.rig.servers import free_port

TURN = [
    *HUB_TURN,
    Row("18", "token-dies", LOST, is_late=True),
    Row("21", "unknown-result", PROTOCOL),
    Row("26", "bare-type3", PROTOCOL),
]
ACCOUNT = [
    Row("10", "throttled", THROTTLED, cooldown_seconds=HOUR),
    Row("10", "no-allowance", THROTTLED, cooldown_seconds=HOUR),
    Row("10", "out-of-credits", THROTTLED, cooldown_seconds=2 * HOUR, retry_after=2 * HOUR),
    Row("27", "rate-text", THROTTLED, cooldown_seconds=HOUR),
]
UPLOAD = [*EVERY_UPLOAD, Row("28", "kblob-400", "image_rejected", has_picture=True, param="messages")]
SILENCE = HUB_SILENCE


def test_opening_the_socket_fails(m365_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Rows 1, 4, 7 to 9 and 17."""
    m365_scene.check_by_rule(HUB_SOCKET, subtests)


def test_the_turn_fails(m365_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Rows 12, 17 to 19, 21 and 26: nobody is blamed."""
    m365_scene.check_in_turn(TURN, subtests)


def test_the_account_rests(m365_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Rows 10 and 27: an hour, also where the service says so in an answer's place."""
    m365_scene.check_in_turn(ACCOUNT, subtests)


def test_the_daily_limit_names_a_clock_time(m365_scene: ChatScene, settings: Settings) -> None:
    """Row 27: the wait ends at that time of day, in the zone of M365_TIME_ZONE."""
    # A zone in which it is past noon, so that the wait never ends while the test runs.
    settings.M365_TIME_ZONE = timezone(timedelta(hours=12 - datetime.now(UTC).hour))
    now = datetime.now(settings.M365_TIME_ZONE)
    seconds = int((now.replace(hour=19, minute=0, second=0, microsecond=0) - now).total_seconds())
    row = Row("27", "daily-limit", THROTTLED, cooldown_seconds=seconds, retry_after=seconds)
    asked = m365_scene.ask(row, stream=False)
    check_failure(row, asked, stream=False)
    m365_scene.check_account(row)


def test_a_picture_is_not_taken(m365_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Row 28, and what an upload may meet besides."""
    m365_scene.check_by_rule(UPLOAD, subtests)


@pytest.mark.slow
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
    m365_scene.check_cooldown(asked)


@pytest.mark.parametrize("row", [*ACCOUNT, TURN[-1]], ids=str)
def test_another_account_takes_over(m365_scene: ChatScene, row: Row) -> None:
    """The caller notices nothing."""
    m365_scene.check_takeover(row, make_token_account("m365", "bob"))


def test_a_token_that_ends_in_the_middle_of_a_stream(m365_scene: ChatScene) -> None:
    """What was shown stays, then an error line; the next turn finds the token refused and marks the account."""
    first = m365_scene.ask("token-dies", stream=True)
    check_failure(Row("18", "", LOST, is_late=True), first, stream=True)
    row = Row("4", "", EXPIRED, account="expired")
    second = m365_scene.ask("hello", stream=True, rule=True)
    check_failure(row, second, stream=True)
    m365_scene.check_account(row)
    m365_scene.check_cooldown(second)


def test_a_service_that_cannot_be_reached(m365_scene: ChatScene, settings: Settings) -> None:
    """Row 1: 502, and the message does not say where it looked, since a token stands there."""
    settings.M365_URL = f"ws://127.0.0.1:{free_port()}/m365Copilot/Chathub"
    asked = m365_scene.ask("hello", stream=False)
    check_failure(Row("1", "", UNREACHABLE), asked, stream=False)
    m365_scene.check_cooldown(asked)

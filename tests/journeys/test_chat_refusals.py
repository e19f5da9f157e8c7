"""Every way in which Bing does not answer a chat: one table, over real HTTP, whole and streamed.

Source of the rows: docs/wire/chathub.md, section 6; the numbers are the rows' names there.
"""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AccountCapability, AccountState, Capability, Lease
from chat.models import Conversation, Turn, TurnState
from tests.factories import make_account, set_capability
from tests.journeys.chat_refusals import (
    EVERY_CREATE,
    EVERY_UPLOAD,
    EXPIRED,
    HOUR,
    HUB_SILENCE,
    HUB_SOCKET,
    HUB_TURN,
    LOST,
    PATH,
    PROTOCOL,
    REFUSED,
    THROTTLED,
    UNREACHABLE,
    ChatScene,
    Row,
    check_failure,
    wait_until,
)
from tests.journeys.refusals import COOKIE
from tests.rig.servers import free_port

# Opening the conversation.
CREATE = [
    *EVERY_CREATE,
    Row("1", "create-cut-body", UNREACHABLE),
    *(Row("1", f"create-{status}", UNREACHABLE) for status in (502, 504)),
    Row("2", "create-404", "upstream_overloaded"),
    Row("3", "create-403", REFUSED),
    Row("3", "create-signin", REFUSED),
    Row("4", "create-unauthorized", EXPIRED, account="expired"),
    Row("4", "create-stale", EXPIRED, account="expired"),
    Row("5", "create-forbidden", "account_blocked", account="blocked"),
    Row("6", "create-no-signature", PROTOCOL),
    Row("6", "create-unknown-result", PROTOCOL),
    *(Row("6", f"create-{status}", PROTOCOL) for status in (400, 413)),
]
# Opening the socket, and greeting.
SOCKET = [
    *HUB_SOCKET,
    *(Row("1", f"socket-{status}", UNREACHABLE) for status in (500, 503, 504)),
    *(Row("7", f"socket-{status}", REFUSED) for status in (200, 400, 413)),
]
# Nothing comes at all: with timers of tenths of a second.
STALLS = [
    Row("20", "create-stall", UNREACHABLE),
    Row("20", "socket-stall", UNREACHABLE),
    Row("20", "kblob-stall", UNREACHABLE, has_picture=True),
    Row("9", "handshake-silent", PROTOCOL),
]
SILENCE = HUB_SILENCE
# The turn itself: what says nothing of the account.
TURN = [
    *HUB_TURN,
    Row("12", "token-expired", LOST, tries=2),
    Row("13", "turn-limit", LOST, tries=2),
    Row("14", "too-long", "context_length_exceeded", padding=17_000, param="messages"),
    Row("14", "too-long", LOST, tries=2),  # a short one cannot have been too long
    Row("19", "blank-answer", LOST, tries=2),
    Row("19", "card-only", LOST, tries=2),
    Row("19", "bare-type3", LOST, tries=2),
    Row("21", "no-result", LOST, tries=2),  # skipped as unreadable; then nothing is left
    Row("21", "unknown-result", PROTOCOL, tries=2),
]
# … and what does.
ACCOUNT = [
    Row("4", "signature-not-set", EXPIRED, account="expired"),
    Row("10", "throttled", THROTTLED, cooldown_seconds=HOUR),
    Row("11", "captcha", "challenge_required", account="challenged"),
    Row("11", "captcha-anonymous", "challenge_required", account="challenged"),
]
# A picture that Bing does not take.
UPLOAD = [
    *EVERY_UPLOAD,
    *(
        Row("28", f"kblob-{word}", "image_rejected", has_picture=True, param="messages")
        for word in ("no-id", "400", "413")
    ),
    Row("3", "kblob-html", REFUSED, has_picture=True),
    Row("3", "kblob-403", REFUSED, has_picture=True),
    *(Row("1", f"kblob-{word}", UNREACHABLE, has_picture=True) for word in ("cut", "500", "502", "504")),
    Row("6", "kblob-404", PROTOCOL, has_picture=True),
]
# Refusals are answers.
REFUSALS = ["disengaged", "disengaged-only", "apology"]
WITHDRAWN = ["disengaged-after", "apology-after", "apology-after-new"]


@pytest.mark.parametrize("rows", [CREATE, SOCKET, UPLOAD], ids=["create", "socket", "upload"])
def test_what_goes_wrong_before_the_question(chat_scene: ChatScene, rows: list[Row], subtests: pytest.Subtests) -> None:
    """Each row answers as the table says, as an HTTP status also on a stream, and leaves nothing held."""
    chat_scene.check_by_rule(rows, subtests)


def test_what_never_answers(chat_scene: ChatScene, settings: Settings, subtests: pytest.Subtests) -> None:
    """The limit of an exchange ends opening and greeting; the turn's own timers the rest. Pings are no progress."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 0.4
    chat_scene.check_by_rule(STALLS, subtests)
    settings.UPSTREAM_TIMEOUT_SECONDS = 5.0
    settings.CHAT_FIRST_RECORD_SECONDS = settings.CHAT_GAP_SECONDS = 0.8
    chat_scene.renew()
    chat_scene.check_at_once(SILENCE, subtests)


def test_what_no_account_is_blamed_for(chat_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Before the first text it is tried once more, after it never; nobody but Bing is at fault."""
    chat_scene.check_at_once(TURN, subtests)


def test_what_an_account_is_blamed_for(chat_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Asked once; the account is marked, or its chat rests and its pictures go on."""
    chat_scene.check_in_turn(ACCOUNT, subtests)


@pytest.mark.parametrize("scenario", [*REFUSALS, *WITHDRAWN])
def test_a_refusal_is_an_answer(chat_scene: ChatScene, scenario: str) -> None:
    """Rows 15, 16: 200 with `content_filter`, asked once; what was said before a withdrawal stays."""
    for stream in (False, True):
        asked = chat_scene.ask(scenario, stream=stream)
        assert (asked.status, asked.finish_reason, asked.error) == (200, "content_filter", None)
        assert asked.is_done == stream
        assert asked.content
        chat_scene.check_tries(Row("", scenario, ""), asked)
        chat_scene.check_cooldown(asked)
        assert Turn.objects.get(prompt=asked.prompt).state == TurnState.REFUSED
    chat_scene.check_account(Row("", "", ""))


@pytest.mark.parametrize(
    "scenario",
    ["create-403", "create-cut", "create-no-signature", "socket-200", "handshake-error", "cut-before", "empty-answer",
     "invalid-session", "unknown-result"],
)  # fmt: skip
def test_what_a_second_try_mends_nobody_sees(chat_scene: ChatScene, scenario: str) -> None:
    """Rows 1, 3, 6, 7, 9, 12, 17, 19: the same account, a new conversation, and a whole answer."""
    for stream in (False, True):
        chat_scene.renew()
        chat_scene.play(scenario, next=1)
        asked = chat_scene.ask("hello", stream=stream, rule=True)
        assert (asked.status, asked.finish_reason, asked.error) == (200, "stop", None)
        assert asked.prompt in asked.content
        chat_scene.check_cooldown(asked)
    chat_scene.check_account(Row("", "", ""))


@pytest.mark.parametrize("scenario", ["create-404", "create-forbidden", "socket-429", "throttled", "captcha"])
def test_another_account_takes_over_before_the_first_text(chat_scene: ChatScene, scenario: str) -> None:
    """Rows 2, 5, 8, 10, 11: the caller notices nothing; the next turn goes to the account that can."""
    other = make_account("bob", cookie="bob")
    for stream in (False, True):
        chat_scene.renew()
        set_capability(other, Capability.CHAT, served_at=timezone.now())
        set_capability(chat_scene.account, Capability.CHAT, served_at=None)
        chat_scene.play(scenario, account=COOKIE)
        asked = chat_scene.ask("hello", stream=stream, rule=True)
        assert (asked.status, asked.finish_reason) == (200, "stop")
        assert Turn.objects.get(prompt=asked.prompt).account == other
        chat_scene.check_cooldown(asked)


@pytest.mark.parametrize("scenario", ["cut-before", "close-before", "empty-answer", "bare-type3"])
def test_what_no_account_can_mend_ends_after_three(chat_scene: ChatScene, scenario: str) -> None:
    """Rows 17, 19: the same account twice, another once, then 502; nobody is blamed."""
    make_account("bob", cookie="bob")
    row = Row("17", scenario, LOST, tries=3)
    for stream in (False, True):
        chat_scene.renew()
        asked = chat_scene.ask(row, stream=stream)
        check_failure(row, asked, stream=stream)
        chat_scene.check_account(row)
        chat_scene.check_tries(row, asked)
        assert len({turn.account for turn in chat_scene.bing.state.chats["chat"].turns}) == 2
        chat_scene.check_cooldown(asked)


def test_404_on_create_is_over_after_a_while(chat_scene: ChatScene) -> None:
    """Row 2: 503 with half a minute; no account is held back for it, and the next one is answered."""
    chat_scene.play("create-404", next=1)
    first = chat_scene.ask("hello", stream=False, rule=True)
    check_failure(Row("2", "create-404", "upstream_overloaded"), first, stream=False)
    assert chat_scene.ask("hello", stream=False, rule=True).status == 200


def test_repeated_throttling_rests_longer(chat_scene: ChatScene) -> None:
    """Row 10: an hour, two, four, at most twelve; an answer starts over."""
    for hours in (1, 2, 4, 8, 12, 12):
        AccountCapability.objects.update(cooldown_until=None)
        assert abs(int(chat_scene.ask("throttled", stream=False).headers["retry-after"]) - hours * HOUR) < 15
    AccountCapability.objects.update(cooldown_until=None)
    assert chat_scene.ask("hello", stream=False, rule=True).status == 200
    assert abs(int(chat_scene.ask("throttled", stream=False).headers["retry-after"]) - HOUR) < 15


def test_no_account_at_all(chat_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Row 29: 503 without one, the nearest end of a rest when all rest, else what an operator must mend."""
    now = timezone.now()
    account = chat_scene.account
    for code, state, rest in (
        ("no_account", AccountState.OK, None),
        ("throttled", AccountState.OK, 600),
        ("cookie_expired", AccountState.EXPIRED, None),
        ("challenge_required", AccountState.CHALLENGED, None),
        ("account_blocked", AccountState.BLOCKED, None),
    ):
        account.mark(state, "", now)
        until = now + timedelta(seconds=rest) if rest else None
        set_capability(account, Capability.CHAT, cooldown_until=until, limit=0 if code == "no_account" else 4)
        for stream in (False, True):
            with subtests.test(code, stream=stream):
                asked = chat_scene.ask("hello", stream=stream)
                check_failure(Row("29", "", code, retry_after=rest), asked, stream=stream)
                chat_scene.check_cooldown(asked)
    assert chat_scene.bing.state.chats["chat"].creates.total() == 0


@pytest.mark.parametrize("what", ["create", "socket"])
def test_a_bing_that_cannot_be_reached(chat_scene: ChatScene, settings: Settings, what: str) -> None:
    """Row 1: tried once more; 502, and the message does not say where it looked."""
    if what == "create":
        settings.BING_URL = f"http://127.0.0.1:{free_port()}"
    else:
        settings.SYDNEY_URL = f"ws://127.0.0.1:{free_port()}/sydney/ChatHub"
    for stream in (False, True):
        asked = chat_scene.ask("hello", stream=stream)
        check_failure(Row("1", "", UNREACHABLE), asked, stream=stream)
        chat_scene.check_cooldown(asked)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_caller_who_leaves_frees_everything(chat_scene: ChatScene, stream: bool) -> None:
    """Row 30: within two seconds the socket is closed and nothing is held; the turn says who ended it."""
    body = {"model": "precise", "messages": [{"role": "user", "content": "foxes sandbox:delay=20"}], "stream": stream}
    with httpx.Client(base_url=chat_scene.http.base_url, timeout=1.0) as caller, pytest.raises(httpx.ReadTimeout):
        caller.post(PATH, json=body)
    wait_until(lambda: not chat_scene.bing.state.chats["chat"].sockets.open)
    wait_until(lambda: not Lease.objects.exists() and not Conversation.objects.exclude(claim="").exists())
    assert chat_scene.bing.state.chats["chat"].turns[0].left
    assert Turn.objects.get().state == TurnState.LEFT
    assert chat_scene.bing.state.counts.violations == 0

"""Every way in which Bing does not take a request: one table, over real HTTP, through a real runner.

Source of the rows: docs/wire/image_creator.md, sections 2.5 and 6; the letters are the rows' names there.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, AccountCapability, AccountState
from creator.models import Kind, State, Task
from tests.factories import make_account, set_capability
from tests.journeys.engine import runner_at_work
from tests.journeys.refusals import (
    COOKIE,
    GENERATIONS,
    IMAGE,
    UNTOUCHED,
    VIDEO,
    Row,
    Scene,
    check_answer,
    check_cooldown,
)
from tests.rig.servers import free_port

TRIES = 4  # the first and three more
CHANGE, LATER, OPERATOR = "Change the prompt", "Try again later.", "The operator must look at it."
PASTE, TELL = "The operator must paste a new one.", "Tell the operator."

# The prompt's fault: asked once, nobody else is blamed.
PROMPT = [
    Row("block", "blocked", CHANGE),  # a
    Row("block-icon", "blocked", CHANGE),  # b
    Row("dq-err", "blocked", CHANGE),  # c
    Row("dq-err-empty", "blocked", CHANGE),
    Row("blocked-text", "blocked", CHANGE),  # d
    Row("review", "under_review", "Change the prompt, or ask again later."),  # e
    Row("warning", "unsafe_output", CHANGE),  # f
    Row("vague", "too_vague", "Say more about the picture."),  # g
    Row("language", "unsupported_language", "Write it in English."),  # h
    Row("language-entity", "unsupported_language", "Write it in English."),
    Row("language-curly", "unsupported_language", "Write it in English."),
    Row("home", "blocked", "gave no reason. Change the prompt."),  # p; the start page shows us signed in
    Row("home-gallery", "blocked", "gave no reason. Change the prompt."),
    Row("home-signed-out", "blocked", "gave no reason. Change the prompt."),
]
# Bing is busy: certainly not taken, so it is asked again; no account is blamed.
OVERLOAD = [
    Row("overload", "upstream_overloaded", LATER, submits=TRIES),  # j, where it can be seen
    Row("overload-entity", "upstream_overloaded", LATER, submits=TRIES),
    Row("overload-curly", "upstream_overloaded", LATER, submits=TRIES),
    Row("outage", "upstream_overloaded", LATER, submits=TRIES),  # n
    Row("outage-entity", "upstream_overloaded", LATER, submits=TRIES),
    Row("outage-curly", "upstream_overloaded", LATER, submits=TRIES),
    Row("problem", "upstream_overloaded", LATER, submits=TRIES),  # o
    Row("http-503", "upstream_unreachable", LATER, submits=TRIES),
]
# A fault, or an answer nobody can read. Where Bing may have taken it the account's slot stays taken; never asked again.
FAULTS = [
    Row("http-500", "upstream_unreachable", LATER, keeps_slot=True),
    Row("http-502", "upstream_unreachable", LATER, keeps_slot=True),
    Row("http-504", "upstream_unreachable", LATER, keeps_slot=True),
    Row("http-400", "upstream_protocol_error", TELL),  # q: a refusal, whatever it means
    Row("http-401", "upstream_protocol_error", TELL),
    Row("http-404", "upstream_protocol_error", TELL),
    Row("no-location", "upstream_protocol_error", TELL),
    Row("location-no-id", "blocked", "gave no reason. Change the prompt."),  # back to the start: as p
    Row("drift", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("unknown", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("truncated", "upstream_protocol_error", TELL, keeps_slot=True),
    Row("empty", "upstream_protocol_error", TELL, keeps_slot=True),
]
# The account's fault, or its network's.
ACCOUNT = [
    Row("busy", "too_many_running", "when they have ended", submits=TRIES, cooldown_seconds=30),  # i
    Row("http-429", "throttled", "Retry-After", submits=TRIES, cooldown_seconds=30),
    Row("http-429-retry-after-60", "throttled", "Retry-After", cooldown_seconds=60, retry_after=60),
    Row("region", "upstream_refused", OPERATOR, cooldown_seconds=3600),  # k
    Row("panda", "upstream_refused", OPERATOR, cooldown_seconds=3600),  # l
    Row("http-403", "upstream_refused", OPERATOR, cooldown_seconds=3600),
    Row("signin", "cookie_expired", PASTE, account="expired"),
    Row("home-expired", "cookie_expired", PASTE, account="expired"),  # p; the start page shows us signed out
]
# Nothing left to spend (m), asked for in the fast lane only.
NO_BOOSTS = Row("no-coins", "no_boosts", "speed 'standard' or 'auto'", fast_cooldown_seconds=3600)
NO_FAST_VIDEO = Row("no-fast-video", "no_boosts", "speed 'standard' or 'auto'", fast_cooldown_seconds=3600)
# The start page, read before an account's first submit: as long as it forbids or fails, nothing is submitted.
START_PAGE = [
    Row("home-anonymous", "cookie_expired", PASTE, 0, "expired"),
    Row("home-signin", "cookie_expired", PASTE, 0, "expired"),
    Row("home-panda", "upstream_refused", OPERATOR, 0, "unchecked", cooldown_seconds=3600),
    Row("home-http-403", "upstream_refused", OPERATOR, 0, "unchecked", cooldown_seconds=3600),
    Row("home-http-429", "throttled", "Retry-After", 0, "unchecked", cooldown_seconds=30),
    Row("home-outage", "upstream_overloaded", LATER, 0, "unchecked"),
    Row("home-http-500", "upstream_unreachable", LATER, 0, "unchecked"),
    Row("home-http-503", "upstream_unreachable", LATER, 0, "unchecked"),
    Row("home-cut", "upstream_unreachable", LATER, 0, "unchecked"),
    Row("home-cut-body", "upstream_unreachable", LATER, 0, "unchecked"),
    Row("home-stall", "upstream_unreachable", LATER, 0, "unchecked"),
]
# Start pages that say nothing of the sign-in: the session's number is optional, so the submit itself will tell.
UNREADABLE_START_PAGES = ["drift", "unknown", "truncated", "empty", "no-ig", "http-400", "http-401", "http-404"]
# Sent, and no answer: nobody can know, so nothing is sent again. The word says whether Bing took it.
UNKNOWN = [
    Row("cut", "submit_outcome_unknown", "Start a new task for another try.", keeps_slot=True),
    Row("cut-body", "submit_outcome_unknown", "Start a new task for another try.", keeps_slot=True),
    Row("stall", "submit_outcome_unknown", "Start a new task for another try.", keeps_slot=True),
    Row("cut-accepted", "submit_outcome_unknown", "Start a new task for another try.", keeps_slot=True),
    Row("stall-accepted", "submit_outcome_unknown", "Start a new task for another try.", keeps_slot=True),
]
# The same failures where the OpenAI route answers otherwise, and one of each kind that answers the same.
ON_OPENAI = [*PROMPT[:1], *PROMPT[5:9], *PROMPT[-1:], *OVERLOAD[-2:], *FAULTS[:1], *FAULTS[3:4]]
ON_OPENAI_ACCOUNT = [ACCOUNT[0], ACCOUNT[3], *ACCOUNT[-2:]]
# A video's refusal is the answer itself, not a task that fails later.
ON_VIDEO = [*PROMPT[:2], PROMPT[5], *OVERLOAD[:1], *FAULTS[:1]]


@pytest.mark.parametrize("rows", [PROMPT, OVERLOAD, FAULTS], ids=["prompt", "overload", "faults"])
def test_what_no_account_is_blamed_for(scene: Scene, rows: list[Row], subtests: pytest.Subtests) -> None:
    """Each row answers as the table says, and the account stays as usable as before."""
    scene.check_at_once(IMAGE, rows, subtests)


def test_what_an_account_is_blamed_for(scene: Scene, subtests: pytest.Subtests) -> None:
    """The caller gets the table's answer; the account gets its state, and only the capability asked for rests."""
    scene.check_in_turn(IMAGE, ACCOUNT, subtests)


def test_openai_clients_get_their_own_words(scene: Scene, subtests: pytest.Subtests) -> None:
    """On OpenAI's route a refused prompt is 400 `content_policy_violation` with our word in `reason`."""
    scene.check_at_once(GENERATIONS, ON_OPENAI, subtests)


def test_an_accounts_fault_never_blames_openais_caller(scene: Scene, subtests: pytest.Subtests) -> None:
    """On OpenAI's route nothing about an account is 401."""
    scene.check_in_turn(GENERATIONS, ON_OPENAI_ACCOUNT, subtests)


def test_a_refused_video_is_the_answer_itself(scene: Scene, subtests: pytest.Subtests) -> None:
    """`POST /create/video` answers with Bing's refusal, not with a task."""
    scene.check_at_once(VIDEO, ON_VIDEO, subtests)


def test_only_videos_rest_after_a_refused_video(scene: Scene, subtests: pytest.Subtests) -> None:
    """What a video did to its account leaves pictures alone, unless the cookie itself is dead."""
    scene.check_in_turn(VIDEO, ON_OPENAI_ACCOUNT, subtests)


def test_the_fast_lane_alone_rests_without_boosts(scene: Scene, subtests: pytest.Subtests) -> None:
    """Asked for with `speed: fast` it is 429 for an hour, for pictures and videos; the account goes on otherwise."""
    scene.check_in_turn(IMAGE, [NO_BOOSTS], subtests, speed="fast")
    scene.check_in_turn(VIDEO, [NO_FAST_VIDEO], subtests, speed="fast")


def test_without_boosts_auto_takes_the_standard_lane_once(scene: Scene) -> None:
    """Two POSTs, one picture; the next one does not even try the fast lane."""
    with runner_at_work():
        prompt, first = scene.ask(IMAGE, "no-coins")
        next_prompt, second = scene.ask(IMAGE, "fewer-images")
    assert [first.status_code, second.status_code] == [200, 200]
    assert scene.submits(prompt, next_prompt) == [2, 1]
    assert set(Task.objects.filter(prompt__in=(prompt, next_prompt)).values_list("lane", flat=True)) == {"standard"}
    scene.check_account(NO_BOOSTS)
    scene.check_bing_unharmed()


def test_what_the_start_page_forbids(scene: Scene, settings: Settings, subtests: pytest.Subtests) -> None:
    """An account that was never looked at is looked at first; nothing is submitted when that fails."""
    settings.SUBMIT_RETRY_SECONDS = (0.1,)
    with runner_at_work():
        for row in START_PAGE:
            scene.renew_account(AccountState.UNCHECKED)
            scene.rule(row.scenario)
            settings.UPSTREAM_TIMEOUT_SECONDS = 0.5 if row.scenario == "home-stall" else 5.0
            prompt, answer = scene.ask(IMAGE, "instant")
            with subtests.test(row.scenario):
                scene.check(IMAGE, row, prompt, answer)
                scene.check_account(row)
    scene.check_bing_unharmed()


def test_a_start_page_nobody_can_read_is_no_obstacle(scene: Scene, subtests: pytest.Subtests) -> None:
    """The request goes out without a session, and Bing's answer to it is what counts."""
    with runner_at_work():
        for page in UNREADABLE_START_PAGES:
            scene.renew_account(AccountState.UNCHECKED)
            scene.rule(f"home-{page}")
            prompt, answer = scene.ask(IMAGE, "block")
            with subtests.test(page):
                scene.check(IMAGE, PROMPT[0], prompt, answer)
                scene.account.refresh_from_db()
                assert scene.account.state in (AccountState.UNCHECKED, AccountState.OK)
    scene.check_bing_unharmed()


def test_what_nobody_can_know_is_not_sent_again(scene: Scene, settings: Settings, subtests: pytest.Subtests) -> None:
    """A POST without an answer ends as `submit_outcome_unknown` after its grace, whichever runner sees its end."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 1.0
    with ThreadPoolExecutor(len(UNKNOWN)) as pool:
        asked = [pool.submit(scene.ask, IMAGE, row.scenario) for row in UNKNOWN]
        uncertain = Task.objects.filter(state=State.UNCERTAIN)
        with runner_at_work(leaves_tasks=True):
            scene.wait_until(lambda: uncertain.count() == len(UNKNOWN))
        uncertain.update(submit_at=timezone.now() - timedelta(minutes=1))  # the grace, as if it were over
        with runner_at_work():
            found = [asking.result() for asking in asked]
    for row, (prompt, answer) in zip(UNKNOWN, found, strict=True):
        with subtests.test(row.scenario):
            scene.check(IMAGE, row, prompt, answer)
    scene.check_account(UNTOUCHED)
    taken = Counter(generation.prompt.rpartition(":")[2] for generation in scene.bing.state.generations.values())
    assert taken == {"cut-accepted": 1, "stall-accepted": 1}
    scene.check_bing_unharmed()


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{closed}", "http://nowhere.invalid", "https://127.0.0.1:{sandbox}"],
    ids=["tcp", "dns", "tls"],
)  # fmt: skip
def test_a_bing_that_cannot_be_reached(scene: Scene, settings: Settings, address: str) -> None:
    """Tried as often as after any answer that took nothing; the message does not say where it looked."""
    settings.BING_URL = address.format(closed=free_port(), sandbox=scene.bing.port)
    row = Row("instant", "upstream_unreachable", LATER, submits=0)
    with runner_at_work():
        prompt, answer = scene.ask(IMAGE, "instant")
    scene.check(IMAGE, row, prompt, answer)
    assert Task.objects.get(prompt=prompt).retry_count == TRIES - 1
    scene.check_account(UNTOUCHED)
    assert scene.bing.state.counts.submits == 0


def test_bings_own_pause_is_kept_when_it_is_short(scene: Scene) -> None:
    """After `Retry-After: 7` the task waits in the queue for seven seconds, and so does the account."""
    with runner_at_work():
        prompt, answer = scene.ask(IMAGE, "http-429-retry-after", prefer="respond-async")
        assert answer.status_code == 202
        scene.wait_until(lambda: Task.objects.filter(prompt=prompt, retry_count=1).exists())
        task = Task.objects.get(prompt=prompt)
        assert scene.http.delete(f"/task/{task.pk}").json()["data"]["state"] == State.CANCELLED
    assert 5 <= (task.next_at - timezone.now()).total_seconds() <= 8
    capability = AccountCapability.objects.get(account=scene.account, capability=Kind.IMAGE)
    check_cooldown(capability.cooldown_until, 7)
    assert scene.submits(prompt) == [1]


@pytest.mark.parametrize("scenario", ["busy", "http-429-retry-after-60", "http-403", "signin"])
def test_another_account_takes_over_at_once(scene: Scene, settings: Settings, scenario: str) -> None:
    """What one account may not do the next one does; the caller notices nothing, and each was asked once."""
    settings.SUBMIT_RETRY_SECONDS = (60, 60, 60)
    other = make_account("bob", cookie="bob")
    set_capability(other, Kind.IMAGE, served_at=timezone.now())
    scene.rule(scenario, account=COOKIE)
    with runner_at_work():
        prompt, answer = scene.ask(IMAGE, "instant")
    assert answer.status_code == 200, answer.text
    assert scene.bing.state.counts.submits_by_account == {COOKIE: 1, "bob": 1}
    assert Task.objects.get(prompt=prompt).account_id == other.pk
    usable = AccountCapability.objects.usable(Kind.IMAGE, timezone.now())
    assert [row.account_id for row in usable] == [other.pk]
    scene.check_bing_unharmed()


def test_the_last_refusal_counts_when_all_accounts_refuse(scene: Scene) -> None:
    """A dead cookie everywhere: every account was asked once, all are marked, the caller is told."""
    make_account("bob", cookie="bob")
    with runner_at_work():
        _, answer = scene.ask(IMAGE, "signin")
    check_answer(IMAGE.answers["cookie_expired"], ACCOUNT[-1], answer, scene.secrets)
    assert scene.bing.state.counts.submits_by_account == {COOKIE: 1, "bob": 1}
    assert set(Account.objects.values_list("state", flat=True)) == {AccountState.EXPIRED}

"""The two-call contract as its clients live it: long chats, two calls at once, several conversations, what was lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, AccountState, Capability, WhitelistedUser
from bingproject.errors import ConflictError
from chat import services
from chat.models import Conversation
from tests.chat.turns import play
from tests.factories import make_account, make_user, set_capability
from tests.journeys.chats import PATH, Chats
from tests.rig.servers import free_port


@pytest.fixture
def user(chats: Chats) -> WhitelistedUser:
    """A whitelisted user."""
    return make_user("u1")


def opened(chats: Chats, user_id: str = "u1") -> dict[str, Any]:
    """A new conversation."""
    return dict(chats.http.post("/create_conversation", json={"userId": user_id}).json())


def asked(chats: Chats, conversation: dict[str, Any], prompt: str) -> httpx.Response:
    """One turn, as the original's clients send it."""
    return chats.http.post("/chatgpt", json={**conversation, "prompt": prompt})


def begun_without_texts(chats: Chats, settings: Settings) -> dict[str, Any]:
    """A conversation that has had a turn, of which nothing is kept that could be told again."""
    settings.CHAT_STORE_TEXT = False
    conversation = opened(chats)
    assert asked(chats, conversation, "hello").status_code == 200
    return conversation


def test_a_chat_of_many_turns(chats: Chats, user: WhitelistedUser) -> None:
    """The client hands on the number it got; one create, and the caller notices no turn limit."""
    conversation = opened(chats)
    for number in range(33):
        answer = asked(chats, conversation, f"question {number}")
        assert f"question {number}" in answer.json()["message"]
        conversation["invocationId"] = answer.json()["invocationId"]
    assert conversation["invocationId"] == 33
    assert chats.counts()["creates"] == 2
    assert Conversation.objects.get().turn_count == 33
    chats.wait_for_rest()


def test_a_client_that_always_says_nought(chats: Chats, user: WhitelistedUser) -> None:
    """The gateway itself knows which turn Bing is at."""
    conversation = opened(chats)
    assert [asked(chats, conversation, "x").json()["invocationId"] for _ in range(3)] == [1, 1, 1]
    assert [turn["number"] for turn in chats.turns()] == [0, 1, 2]


def test_two_calls_at_once_wait_for_each_other(chats: Chats, user: WhitelistedUser) -> None:
    """Both are answered, one after the other, over the one conversation."""
    conversation = opened(chats)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda n: asked(chats, conversation, f"call {n} sandbox:delay=0.3"), range(3)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert all(f"call {n} " in answer.json()["message"] for n, answer in enumerate(answers))
    assert chats.counts()["creates"] == 1
    assert chats.counts()["max_in_flight"] == {"alice": 1}


def test_a_call_that_waits_in_vain_is_told(chats: Chats, user: WhitelistedUser, settings: Settings) -> None:
    """After as long as a turn may take: 409."""
    conversation = opened(chats)
    row = Conversation.objects.get()
    assert row.take("somebody", timezone.now())
    settings.CHAT_TURN_SECONDS = 0.3
    answer = asked(chats, conversation, "hello")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert chats.turns() == []


def test_several_conversations_do_not_see_each_other(chats: Chats, user: WhitelistedUser) -> None:
    """Side by side over one account."""
    conversations = [opened(chats) for _ in range(4)]

    def chat(number: int) -> list[str]:
        prompts = [f"secret {number} sandbox:gap=0.01", "and? sandbox:recall"]
        return [asked(chats, conversations[number], prompt).json()["message"] for prompt in prompts]

    with ThreadPoolExecutor(4) as pool:
        for number, (first, second) in enumerate(pool.map(chat, range(4))):
            assert f"secret {number}" in first
            assert not any(f"secret {other}" in second for other in range(4) if other != number)
    assert chats.counts()["creates"] == 4


@pytest.mark.parametrize("scenario", ["invalid-session", "token-expired", "turn-limit"])
def test_what_bing_lost_is_told_again(chats: Chats, user: WhitelistedUser, scenario: str) -> None:
    """From the stored turns; the caller notices nothing."""
    conversation = opened(chats)
    asked(chats, conversation, "my name is Ada")
    play(chats.hub, scenario, next=1)
    message = asked(chats, conversation, "who am I? sandbox:recall").json()["message"]
    assert "my name is Ada" in message
    assert chats.counts()["creates"] == 2


def test_without_texts_what_bing_lost_is_lost(chats: Chats, user: WhitelistedUser, settings: Settings) -> None:
    """409: there is nothing to tell again; a conversation without turns is simply opened anew."""
    settings.CHAT_STORE_TEXT = False
    conversation = opened(chats)
    Conversation.objects.update(opened_at=timezone.now() - timedelta(hours=7))
    assert asked(chats, conversation, "hello").status_code == 200
    Conversation.objects.update(opened_at=timezone.now() - timedelta(hours=7))
    answer = asked(chats, conversation, "again")
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == ConflictError.codes[0]
    assert answer.headers["x-should-retry"] == "false"
    chats.wait_for_rest()


def test_an_account_that_only_rests_costs_no_conversation(
    chats: Chats, user: WhitelistedUser, settings: Settings
) -> None:
    """Without texts there is nothing to tell another account: the call waits for its own one, and Bing's end lives."""
    conversation = begun_without_texts(chats, settings)
    account = Account.objects.get()
    make_account("bob")
    set_capability(account, Capability.CHAT, cooldown_until=timezone.now() + timedelta(seconds=30))
    told = asked(chats, conversation, "again")
    assert (told.status_code, told.json()["error"]["code"]) == (429, "throttled")
    assert 0 < int(told.headers["retry-after"]) <= 30
    set_capability(account, Capability.CHAT, cooldown_until=None)
    account.mark(AccountState.CHALLENGED, "", timezone.now())
    assert asked(chats, conversation, "again").json()["error"]["code"] == "challenge_required"
    Account.objects.filter(pk=account.pk).update(state=AccountState.OK)
    assert asked(chats, conversation, "again").status_code == 200
    assert [turn["number"] for turn in chats.turns()] == [0, 1]
    assert chats.counts()["creates"] == 1
    chats.wait_for_rest()


def test_a_bing_that_was_out_of_reach_costs_no_conversation(
    chats: Chats, user: WhitelistedUser, settings: Settings
) -> None:
    """Nothing was sent: 502, and once it is back the conversation goes on, without texts too."""
    conversation = begun_without_texts(chats, settings)
    there, settings.SYDNEY_URL = settings.SYDNEY_URL, f"ws://127.0.0.1:{free_port()}/sydney/ChatHub"
    told = asked(chats, conversation, "again")
    assert (told.status_code, told.json()["error"]["code"]) == (502, "upstream_unreachable")
    settings.SYDNEY_URL = there
    assert asked(chats, conversation, "again").status_code == 200
    assert [turn["number"] for turn in chats.turns()] == [0, 1]
    chats.wait_for_rest()


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("socket-429", 429, "throttled"),
        ("socket-403", 503, "upstream_refused"),
        ("handshake-error", 502, "upstream_protocol_error"),
    ],
)
def test_a_socket_that_was_refused_costs_no_conversation(
    chats: Chats, user: WhitelistedUser, settings: Settings, scenario: str, status: int, code: str
) -> None:
    """Nor does another account take over, which could be told nothing."""
    conversation = begun_without_texts(chats, settings)
    make_account("bob")
    play(chats.hub, scenario, next=2)
    told = asked(chats, conversation, "again")
    assert (told.status_code, told.json()["error"]["code"]) == (status, code)
    httpx.post(f"{chats.hub.url}/_sandbox/scenario", json={"scenario": None}).raise_for_status()
    Account.objects.get(name="alice").capabilities.update(cooldown_until=None)
    assert asked(chats, conversation, "again").status_code == 200
    assert [turn["number"] for turn in chats.turns()] == [0, 1]
    chats.wait_for_rest()


def test_who_leaves_before_anything_was_sent_costs_no_conversation(
    chats: Chats, user: WhitelistedUser, settings: Settings
) -> None:
    """The next call goes on over it, without texts too."""
    conversation = begun_without_texts(chats, settings)
    play(chats.hub, "handshake-silent", next=1)
    with chats.asked("/chatgpt", {**conversation, "prompt": "first"}):
        chats.wait_until(lambda: chats.counts()["sockets"]["open"])
    chats.wait_for_rest()
    assert asked(chats, conversation, "second").status_code == 200
    assert [turn["text"] for turn in chats.turns()] == ["hello", "second"]
    assert chats.counts()["creates"] == 1


def test_a_pruned_conversation_is_not_found(chats: Chats, user: WhitelistedUser) -> None:
    """As one that never was."""
    conversation = opened(chats)
    Conversation.objects.update(used_at=timezone.now() - timedelta(days=31))
    assert services.prune_conversations(timezone.now()) == 1
    assert asked(chats, conversation, "hello").status_code == 404


def test_a_caller_who_leaves_frees_the_conversation(chats: Chats, user: WhitelistedUser) -> None:
    """The one who waited behind gets their turn."""
    conversation = opened(chats)
    with chats.asked("/chatgpt", {**conversation, "prompt": "first sandbox:silent"}):
        chats.wait_until(lambda: chats.counts()["turns"])
    chats.wait_for_rest()
    assert "second" in asked(chats, conversation, "second").json()["message"]


@pytest.fixture
def new_key(chats: Chats, settings: Settings) -> Callable[[], None]:
    """Lose the seal key: another one is set, and the accounts are given anew."""

    def lose() -> None:
        settings.SEAL_KEYS = [Fernet.generate_key().decode()]
        Account.objects.all().delete()
        make_account("bob")

    return lose


def test_a_lost_seal_key_ends_no_conversation_whose_texts_are_kept(
    chats: Chats, user: WhitelistedUser, new_key: Callable[[], None]
) -> None:
    """What Bing's end was spoken to with is lost; another one is told what was said."""
    conversation = opened(chats)
    assert asked(chats, conversation, "hello").status_code == 200
    new_key()
    answer = asked(chats, conversation, "and? sandbox:recall")
    assert answer.status_code == 200, answer.text
    assert "hello" in answer.json()["message"]


def test_a_lost_seal_key_is_one_clear_error(
    chats: Chats, user: WhitelistedUser, new_key: Callable[[], None], settings: Settings
) -> None:
    """Where something is lost that must be told: 409 that says what to do, never 500; nothing is asked."""
    opened_by_name = chats.http.post("/v1/create", json={"model": "balanced"}).json()
    name = {"conversation_id": opened_by_name["conversation_id"]}
    system, hello = {"role": "system", "content": "Be kind."}, {"role": "user", "content": "hello"}
    body = {"model": "balanced", "messages": [system, hello], **name}
    assert chats.http.post(PATH, json=body).status_code == 200
    silent = begun_without_texts(chats, settings)
    new_key()
    count = len(chats.turns())
    for answer in (
        chats.http.post(PATH, json=body | {"messages": [hello]}),
        chats.http.post(PATH, json=body | {"messages": [hello], "stream": True}),
        asked(chats, silent, "and?"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict"), answer.text
        assert "Start a new one" in answer.json()["error"]["message"]
    assert len(chats.turns()) == count
    assert chats.http.post(PATH, json=body).status_code == 200


@pytest.mark.slow
def test_one_user_has_no_more_turns_than_it_may(chats: Chats, user: WhitelistedUser, settings: Settings) -> None:
    """One more is told to come again, and costs nothing; another user is not affected."""
    settings.CHAT_TURNS_PER_USER = 2
    make_user("u2")
    mine, other = [opened(chats) for _ in range(3)], opened(chats, "u2")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda talk: asked(chats, talk, "hello sandbox:delay=3"), [*mine, other]))
    assert sorted(answer.status_code for answer in answers[:3]) == [200, 200, 429]
    assert answers[3].status_code == 200
    (told,) = (answer for answer in answers if answer.status_code == 429)
    assert (told.json()["error"]["code"], told.headers["retry-after"]) == ("rate_limit_exceeded", "10")
    assert asked(chats, mine[0], "hello").status_code == 200
    assert len(chats.turns()) == 4

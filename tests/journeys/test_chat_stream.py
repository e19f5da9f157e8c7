"""A chat, streamed and whole: one conversation over many turns, silence, endings, callers who leave at any point."""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from accounts.models import Account, AccountCapability
from bingproject.sandbox.server import SandboxServer
from chat.models import Conversation, Turn, TurnState
from tests.chat.turns import play
from tests.factories import make_account, make_user, set_capability
from tests.journeys.chats import PATH, Chats, question, text_of

LONG = "sandbox:words=400 sandbox:gap=0.05"


# --- conversations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_ten_turns_of_a_chat_cost_one_create(chats: Chats, stream: bool) -> None:
    """Each sends only its own words; the next question may come as soon as the last line is read."""
    past = [{"role": "system", "content": "Be kind."}]
    for number in range(10):
        answer = chats.ask(f"question {number}", past, stream=stream)
        text = said_in(answer) if stream else text_of(answer)
        past += [{"role": "user", "content": f"question {number}"}, {"role": "assistant", "content": f" {text}\n"}]
    assert chats.counts()["creates"] == 1
    assert [turn["text"] for turn in chats.turns()] == [f"question {number}" for number in range(10)]
    assert [turn["system"] for turn in chats.turns()] == ["Be kind.", *[None] * 9]
    row = Conversation.objects.get()
    assert (row.turn_count, row.turns.count()) == (10, 10)
    chats.wait_for_rest()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("limit", "words"), [({"stop": "That"}, "You wrote: “one” "), ({"max_tokens": 3}, "You wrote: ")]
)
def test_an_answer_cut_at_the_callers_limit(chats: Chats, limit: dict[str, Any], words: str, stream: bool) -> None:
    """It is kept as the caller got it; the same chat goes on over a new conversation at Bing, told what was said."""
    answer = chats.ask("one", stream=stream, **limit)
    text = said_in(answer) if stream else text_of(answer)
    turn = Turn.objects.get()
    assert (turn.state, turn.prompt, turn.answer, turn.received_characters) == ("cut", "one", words, len(words))
    assert text == words
    past = [{"role": "user", "content": "one"}, {"role": "assistant", "content": text}]
    assert "one" in text_of(chats.ask("two sandbox:recall", past))
    assert chats.counts()["creates"] == 2
    row = Conversation.objects.get()
    assert (row.turn_count, list(row.turns.values_list("index", flat=True))) == (2, [0, 1])
    chats.wait_for_rest()


@pytest.mark.parametrize("stream", [False, True])
def test_a_search_as_text_names_its_query(chats: Chats, settings: Settings, stream: bool) -> None:
    """The query, then the numbered sources; never the JSON of what was found."""
    settings.CHAT_INLINE_EXTRAS = True
    answer = chats.ask("tides sandbox:search", stream=stream)
    assert answer.status_code == 200
    assert "Searching: [**tides**]" in answer.text
    assert "web_search_results" not in answer.text
    assert "1. [" in answer.text


def test_a_cut_answer_with_its_search_as_text(chats: Chats) -> None:
    """The list of what was found is none of the answer's words: the chat is known by these."""
    text = text_of(chats.ask("tides sandbox:search", stop="That", inline_extras=True))
    assert "<details>" in text
    assert "<details>" not in Turn.objects.get().answer
    past = [{"role": "user", "content": "tides sandbox:search"}, {"role": "assistant", "content": text}]
    chats.ask("more", past)
    assert Conversation.objects.get().turn_count == 2


def test_a_cut_answer_whose_text_is_not_kept(chats: Chats, settings: Settings) -> None:
    """Its length is known, and the chat is recognised all the same."""
    settings.CHAT_STORE_TEXT = False
    text = text_of(chats.ask("one", stop="That"))
    turn = Turn.objects.get()
    assert (turn.state, turn.answer, turn.received_characters) == ("cut", "", len(text))
    chats.ask("two", [{"role": "user", "content": "one"}, {"role": "assistant", "content": text}])
    assert Conversation.objects.get().turn_count == 2


def test_a_cut_answer_is_proof_of_a_working_account(chats: Chats) -> None:
    """Its rests start over, as after any answer."""
    set_capability(Account.objects.get(), "chat", cooldown_count=3)
    chats.ask("one", stop="That")
    assert AccountCapability.objects.get(capability="chat").cooldown_count == 0


def test_a_cut_turn_of_a_named_conversation_is_told_again(chats: Chats) -> None:
    """From the stored turns, the cut answer among them."""
    token = chats.http.post("/create", json={"model": "balanced"}).json()["conversation_id"]
    chats.ask("my name is Ada", conversation_id=token, stop="That")
    known = text_of(chats.ask("who am I? sandbox:recall", conversation_id=token))
    assert "my name is Ada" in known
    assert "You wrote" in known


def test_several_conversations_side_by_side(chats: Chats) -> None:
    """No answer is mixed with another's."""

    def ask(number: int) -> bool:
        answer = chats.ask(f"number {number} sandbox:gap=0.02", stream=bool(number % 2))
        return f"number {number} " in (said_in(answer) if number % 2 else text_of(answer))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(12)))
    assert chats.counts()["creates"] == 12
    chats.wait_for_rest()


def said_in(answer: httpx.Response) -> str:
    """The text of a stream that came to a good end."""
    assert answer.status_code == 200, answer.text
    assert answer.text.endswith("data: [DONE]\n\n")
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if line][:-1]
    return "".join(json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines)


# --- clients that read line by line -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_oldest_documented_client_reads_an_answer_with_gaps(chats: Chats, settings: Settings) -> None:
    """It takes every line that is not empty for JSON, or the end, and looks into the first choice of each."""
    settings.CHAT_HOLD_SECONDS = settings.CHAT_QUIET_SECONDS = 0.1
    text, silences = "", 0
    with chats.http.stream("POST", PATH, json=question("hello sandbox:delay=1 sandbox:gap=0.3", stream=True)) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if not line.strip():
                continue
            word = line.removeprefix("data:").strip()
            if word == "[DONE]":
                break
            delta = json.loads(word)["choices"][0]["delta"]
            silences += delta == {}
            text += delta.get("content", "")
    assert text.startswith("You wrote: “hello")
    assert silences > 5


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_shows_the_stream(chats: Chats) -> None:
    """`curl -N` with nothing but a body."""
    body = json.dumps(question("hello", stream=True))
    command = ["curl", "-sN", f"{chats.site.url}/chat/completions", "-H", "Content-Type: application/json", "-d", body]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    assert '"content":"You "' in shown
    assert shown.endswith("data: [DONE]\n\n")


def test_bing_goes_away_in_the_middle(db: None, transactional_db: None, http: httpx.Client, settings: Settings) -> None:
    """The server it spoke to is stopped: an error line, and no sign of a good end."""
    make_account()
    with SandboxServer() as own:
        settings.BING_URL, settings.SYDNEY_URL = own.url, own.url.replace("http", "ws", 1) + "/sydney/ChatHub"
        with http.stream("POST", PATH, json=question(f"hello {LONG}", stream=True)) as answer:
            lines = answer.iter_lines()
            while "hello" not in next(lines):
                continue
            own.stop()
            last = [line for line in lines if line][-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "upstream_interrupted"
    assert Turn.objects.get().state == TurnState.FAILED


# --- leaving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("words", "rule", "point"),
    [
        ("hello", "create-stall", "creates"),
        ("hello", "socket-stall", "creates"),
        ("hello", "handshake-silent", "sockets"),
        ("hello sandbox:silent", "", "turns"),
        ("hello sandbox:pings-only", "", "turns"),
        ("hello sandbox:delay=30", "", "turns"),
        (f"hello sandbox:search {LONG}", "", "turns"),
        (f"hello {LONG}", "", "turns"),
        ("hello sandbox:silent-after", "", "turns"),
        ("hello sandbox:late-type3=30", "", "turns"),
    ],
)
def test_a_caller_who_leaves_frees_everything(chats: Chats, words: str, rule: str, point: str, stream: bool) -> None:
    """Wherever the turn is, streamed or whole: socket, account and conversation are free."""
    if rule:
        play(chats.hub, rule)
    with chats.asked(PATH, question(words, stream=stream)):
        chats.wait_until(lambda: reached(chats, point))
    chats.wait_for_rest()
    assert set(Turn.objects.values_list("state", flat=True)) <= {TurnState.LEFT, TurnState.FINISHED}
    assert Account.objects.get().state == "ok"


def reached(chats: Chats, point: str) -> bool:
    """Whether the sandbox has seen so much of the turn."""
    counts = chats.counts()
    return bool(counts["sockets"]["opened"] if point == "sockets" else counts[point])


def test_a_caller_who_leaves_amid_the_text(chats: Chats) -> None:
    """After a few chunks; the next request of that chat is answered, with the history told."""
    with chats.asked(PATH, question(f"hello {LONG}", stream=True)) as caller:
        seen = b""
        while b"hello" not in seen:
            seen += caller.recv(4096)
    chats.wait_for_rest()
    assert chats.turns()[0]["left"]
    assert "hello" in text_of(chats.ask("hello"))


def test_a_caller_who_leaves_while_waiting_for_room(chats: Chats) -> None:
    """The account holds one turn; the one that waited for it leaves nothing behind."""
    set_capability(Account.objects.get(), "chat", limit=1)
    with chats.asked(PATH, question(f"first {LONG}", stream=True)):
        chats.wait_until(lambda: reached(chats, "turns"))
        with chats.asked(PATH, question("second", stream=True)):
            chats.wait_until(lambda: Conversation.objects.count() == 2)
        chats.wait_until(lambda: Conversation.objects.filter(claim="").count() == 1)
    chats.wait_for_rest()
    assert [turn["text"].split()[0] for turn in chats.turns()] == ["first"]


@pytest.mark.parametrize("path", ["/v1/create", "/create_conversation"])
def test_a_caller_who_leaves_while_a_conversation_opens(chats: Chats, path: str) -> None:
    """Nothing is kept of it."""
    make_user("u1")
    play(chats.hub, "create-stall")
    with chats.asked(path, {"userId": "u1"}):
        chats.wait_until(lambda: reached(chats, "creates"))
    chats.wait_for_rest()
    assert not Conversation.objects.exists()


def test_many_who_leave_at_any_moment(chats: Chats) -> None:
    """Every few milliseconds of a turn's life: nothing stays behind, and the server answers as before."""
    set_capability(Account.objects.get(), "chat", limit=50)

    def leave(number: int) -> None:
        body: dict[str, Any] = question(f"number {number} sandbox:gap=0.005", stream=number % 3 > 0)
        with chats.asked(PATH, body) as caller:
            caller.settimeout(0.003 * number)
            try:
                caller.recv(1)
            except TimeoutError:
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(leave, range(1, 60)))
    chats.wait_for_rest()
    assert "number 0" in text_of(chats.ask("number 0"))

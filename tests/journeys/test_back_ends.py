"""The same chat over each back end: streams, histories, long ones, system prompts, pictures, and who answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, AccountState
from bingproject.sandbox.providers import make_token
from chat.models import Conversation, Turn
from tests.chat.turns import play
from tests.factories import make_account, make_token_account, make_user, set_capability
from tests.journeys.chat_refusals import PATH, PICTURE
from tests.journeys.chats import Chats
from tests.journeys.living import KINDS, ask, at_rest, both, said, ways


@both
@ways
def test_a_chat_of_ten_turns_is_one_conversation(living: Chats, kind: str, stream: bool) -> None:
    """Each sends only its own words; the system prompt goes along with the first."""
    make_token_account(kind)
    set_capability(Account.objects.get(), kind, per_minute=None)
    past = [{"role": "system", "content": "Be kind."}]
    for number in range(10):
        asked = ask(living, f"question {number}", past, model=kind, stream=stream)
        assert (asked.status, asked.finish_reason) == (200, "stop"), asked.error
        past += [{"role": "user", "content": f"question {number}"}, {"role": "assistant", "content": asked.content}]
    texts = [turn["text"] for turn in said(living)]
    assert "Be kind." in texts[0]
    assert texts[0].endswith("question 0")
    assert texts[1:] == [f"question {number}" for number in range(1, 10)]
    row = Conversation.objects.get()
    assert (row.turn_count, row.create_count, row.back_end) == (10, 1, kind)
    at_rest(living)


@both
@ways
def test_the_answer_says_who_gave_it(living: Chats, kind: str, stream: bool) -> None:
    """By a header and the fingerprint; the style is asked for where it is none of the service's own."""
    make_token_account(kind)
    with living.http.stream(
        "POST",
        PATH,
        json={"model": "precise", "messages": [{"role": "user", "content": "hello"}], "stream": stream},
    ) as answer:
        body = answer.read().decode()
    assert answer.headers["x-bing-served-by"] == kind
    assert body.count(f'"system_fingerprint":"{kind}"') == body.count('"system_fingerprint"') > 0
    (turn,) = said(living)
    assert turn["tone"] == {"copilot": "chat", "m365": "Precise"}[kind]
    assert ("concisely" in turn["text"]) is (kind == "copilot")
    at_rest(living)


CODE = 'handlers[name](event)\n[guide]: https://docs.example/guide\n<script src="/app.js"></script>'


@ways
@pytest.mark.parametrize("path", ["Chathub", "StreamHub"])
def test_code_arrives_byte_for_byte(living: Chats, settings: Settings, path: str, stream: bool) -> None:
    """Over both hubs of Microsoft 365, whose whole texts lose it; the row keeps it, too."""
    settings.M365_URL = settings.M365_URL.replace("Chathub", path)
    make_token_account("m365")
    asked = ask(living, CODE, model="m365", stream=stream)
    assert (asked.status, asked.finish_reason, asked.error) == (200, "stop", None)
    assert CODE in asked.content
    assert CODE in Turn.objects.get().answer
    at_rest(living)


@both
def test_a_long_chat_loses_its_oldest_turns_and_keeps_the_system_prompt(living: Chats, kind: str) -> None:
    """On a rebuilt conversation everything goes out within the question, up to what one turn holds."""
    make_token_account(kind)
    size = 1500 if kind == "copilot" else 5000
    past = [{"role": "system", "content": "Be kind."}]
    for number in range(10):
        past += [
            {"role": "user", "content": f"question {number} " + "x" * size},
            {"role": "assistant", "content": "ok"},
        ]
    answer = living.ask("newest", past, model=kind)
    assert int(answer.headers["x-bing-history-dropped"]) > 0
    text = said(living)[0]["text"]
    assert "Be kind." in text
    assert "question 0 " in text
    assert "question 1 " not in text
    assert "question 9 " in text
    assert text.endswith("newest")
    assert len(text) <= {"copilot": 10_240, "m365": 32_000}[kind]
    at_rest(living)


@both
def test_chats_side_by_side_are_not_mixed(living: Chats, kind: str) -> None:
    """Over two accounts, one turn at a time each; every answer is its own question's."""
    for name in ("alice", "bob"):
        set_capability(make_token_account(kind, name), kind, per_minute=None)

    def one(number: int) -> bool:
        asked = ask(living, f"number {number} sandbox:gap=0.02", model=kind, stream=bool(number % 2))
        return asked.finish_reason == "stop" and f"number {number} " in asked.content

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(one, range(12)))
    assert {turn["account"] for turn in said(living)} == {"alice", "bob"}
    at_rest(living)


@both
@ways
def test_thoughts_sources_and_suggestions(living: Chats, kind: str, stream: bool) -> None:
    """Each in its own place, none within the text."""
    make_token_account(kind)
    model = {"copilot": "copilot-search", "m365": "m365-think"}[kind]
    asked = ask(living, "tides sandbox:think sandbox:search", model=model, stream=stream)
    assert (asked.status, asked.finish_reason) == (200, "stop")
    assert asked.message["reasoning_content"]
    assert "made of sand." not in asked.content
    assert {note["type"] for note in asked.message["annotations"]} == {"url_citation"}
    assert asked.message["suggested_responses"]
    at_rest(living)


@both
@ways
def test_a_picture_that_is_made(living: Chats, kind: str, stream: bool) -> None:
    """Once, as Markdown and as an annotation over it, and it is there; the chat is recognised with it in it."""
    set_capability(make_token_account(kind), kind, per_minute=None)
    words = "draw a fox sandbox:image"
    asked = ask(living, words, model=kind, stream=stream)
    (note,) = asked.message["annotations"]
    cited = note["url_citation"]
    shown = asked.content[cited["start_index"] : cited["end_index"]]
    # Only the consumer Copilot says what its picture shows.
    title, alt = {"copilot": ("draw a fox", "draw a fox"), "m365": ("Generated image", "")}[kind]
    assert (cited["title"], shown) == (title, f"![{alt}]({cited['url']})")
    assert asked.content.count("![") == 1
    assert f"You wrote: “{words}”" in asked.content
    picture = httpx.get(cited["url"])
    assert cited["url"].startswith(living.hub.url)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    past = [{"role": "user", "content": words}, {"role": "assistant", "content": asked.content}]
    ask(living, "and now", past, model=kind, stream=stream)
    assert Conversation.objects.get().turn_count == 2
    at_rest(living)


@pytest.mark.parametrize("word", ["image-empty", "image-failed"])
def test_a_picture_that_fails_leaves_the_words(living: Chats, word: str) -> None:
    """The answer is what was said."""
    make_token_account("copilot")
    asked = ask(living, f"draw sandbox:{word}", model="copilot")
    assert asked.finish_reason == "stop"
    assert "![" not in asked.content
    assert "draw" in asked.content
    at_rest(living)


@both
def test_a_picture_of_the_callers(living: Chats, kind: str) -> None:
    """It is uploaded and seen; one by its address alone is 400, and nothing is sent."""
    make_token_account(kind)
    parts = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    assert "I see the picture" in ask(living, parts, model=kind).content
    parts[1] = {"type": "image_url", "image_url": {"url": "https://ex.test/a.png"}}
    asked = ask(living, parts, model=kind)
    assert asked.error is not None
    assert (asked.status, asked.error["code"]) == (400, "image_not_supported")
    assert len(said(living)) == 1
    at_rest(living)


def test_more_thought_when_asked_for(living: Chats) -> None:
    """`reasoning_effort` picks the manner that reasons, and is not called ignored; elsewhere it is."""
    make_token_account("copilot")
    make_token_account("m365")
    for model, tone in (("copilot", "reasoning"), ("m365", "Gpt_Reasoning"), ("m365-quick", "Gpt_Reasoning")):
        answer = living.ask("hello", model=model, reasoning_effort="high")
        assert "x-bing-ignored" not in answer.headers
        assert (said(living)[-1]["tone"], living.ask("hello", model=model).status_code) == (tone, 200)
    assert living.ask("hello", model="precise", reasoning_effort="high").headers["x-bing-ignored"] == "reasoning_effort"
    at_rest(living)


def test_what_a_stand_in_cannot_do_is_said(living: Chats) -> None:
    """Search cannot be switched off with the consumer Copilot; with Microsoft 365 it can."""
    account = make_token_account("copilot")
    answer = living.ask("hello", model="precise-offline")
    assert answer.headers["x-bing-ignored"] == "offline"
    assert "Do not search" in said(living)[0]["text"]
    account.mark(AccountState.BLOCKED, "", timezone.now())
    make_token_account("m365")
    answer = living.ask("tides sandbox:search", model="precise-offline")
    assert "x-bing-ignored" not in answer.headers
    assert answer.json()["choices"][0]["message"]["annotations"] == []
    at_rest(living)


@ways
def test_another_back_end_takes_over_before_the_first_text(living: Chats, stream: bool) -> None:
    """Bing throttles: Microsoft 365 answers, and says so; Bing's account rests."""
    bing = make_account("bing")
    make_token_account("m365")
    play(living.hub, "throttled", account="bing")
    body = {"model": "creative", "messages": [{"role": "user", "content": "hello"}], "stream": stream}
    answer = living.http.post(PATH, json=body)
    assert (answer.status_code, answer.headers["x-bing-served-by"]) == (200, "m365")
    assert '"system_fingerprint":"m365"' in answer.text
    assert bing.capabilities.get(capability="chat").cooldown_until is not None
    assert [turn["tone"] for turn in said(living)][-1] == "Creative"
    assert Turn.objects.get().state == "finished"
    at_rest(living)


@pytest.mark.parametrize("model", ["balanced", "copilot", "m365"])
def test_an_answer_proves_the_account(living: Chats, model: str) -> None:
    """Whatever the back end: it is no longer unchecked, and its capability works."""
    state = AccountState.UNCHECKED
    account = make_account(state=state) if model == "balanced" else make_token_account(model, state=state)
    assert living.ask("hello", model=model).status_code == 200
    at_rest(living)
    account.refresh_from_db()
    row = account.capabilities.get(capability="chat" if model == "balanced" else model)
    assert (account.state, row.check_state, row.check_note) == ("ok", "ok", "A question was answered.")


def test_nobody_takes_over_after_the_first_text(living: Chats) -> None:
    """An error line, and the other back end is not asked."""
    make_account("bing")
    make_token_account("m365")
    asked = ask(living, "hello sandbox:cut-after", model="creative", stream=True)
    assert asked.error is not None
    assert not living.hub.state.chats["m365"].turns
    at_rest(living)


@both
def test_two_calls_over_the_living(living: Chats, kind: str, settings: Settings) -> None:
    """A conversation, two questions, the same header; the answer's pictures are in the message."""
    set_capability(make_token_account(kind), kind, per_minute=None)
    make_user("alice")
    opened = living.http.post("/create_conversation", json={"userId": "alice"})
    assert opened.headers["x-bing-served-by"] == kind
    asked = opened.json()
    messages = []
    for words in ("hello", "draw sandbox:image"):
        answer = living.http.post("/chatgpt", json=asked | {"prompt": words})
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-bing-served-by"] == kind
        messages.append(answer.json()["message"])
        assert words in messages[-1]
    assert ["![" in message for message in messages] == [False, True]
    assert Conversation.objects.get().create_count == 1
    at_rest(living)


def test_suggestions_that_come_late(living: Chats) -> None:
    """They are waited for while they are wanted, and delay nobody who does not want them."""
    set_capability(make_token_account("copilot"), "copilot", per_minute=None)
    words = "tides sandbox:late-followups=0.5"
    assert ask(living, words, model="copilot").message["suggested_responses"]
    assert not ask(living, words, model="copilot", suggestions=False).message["suggested_responses"]
    at_rest(living)


def test_models_that_can_be_had_now(living: Chats, settings: Settings) -> None:
    """The styles always; the others while an account can serve them; a name that is none is 404."""
    settings.M365_TONES = ["Gpt_5_2_Quick"]
    assert len(living.http.get("/v1/models").json()["data"]) == 6
    make_token_account("m365")
    listed = [card["id"] for card in living.http.get("/v1/models").json()["data"]]
    assert listed[6:] == ["m365", "m365-quick", "m365-think", "m365-gpt-5-2-quick"]
    assert ask(living, "hello", model="m365-gpt-5-2-quick").status == 200
    assert said(living)[0]["tone"] == "Gpt_5_2_Quick"
    assert living.http.get("/v1/models/copilot").status_code == 200
    assert ask(living, "hello", model="m365-gpt-9").status == 404
    at_rest(living)


@both
@ways
def test_a_caller_who_leaves_frees_everything(living: Chats, kind: str, stream: bool) -> None:
    """Row 30: within two seconds the socket is closed and nothing is held; the turn says who ended it."""
    make_token_account(kind)
    body = {"model": kind, "messages": [{"role": "user", "content": "foxes sandbox:delay=20"}], "stream": stream}
    with httpx.Client(base_url=living.site.url, timeout=1.0) as caller, pytest.raises(httpx.ReadTimeout):
        caller.post(PATH, json=body)
    living.wait_until(lambda: not living.hub.state.chats[kind].sockets.open)
    living.wait_until(lambda: Turn.objects.filter(state="left").exists())
    assert said(living)[0]["left"]
    at_rest(living)


@both
def test_accounts_that_only_rest(living: Chats, kind: str) -> None:
    """Row 29: 429 until the first is back; the model is not listed meanwhile."""
    account = make_token_account(kind)
    set_capability(account, kind, cooldown_until=timezone.now() + timedelta(minutes=10))
    answer = living.ask("hello", model=kind)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "throttled")
    assert 590 < int(answer.headers["retry-after"]) <= 600
    assert kind not in [card["id"] for card in living.http.get("/v1/models").json()["data"]]
    at_rest(living)


@both
@ways
def test_a_refused_token_is_renewed_once(
    living: Chats, kind: str, stream: bool, settings: Settings, tmp_path: Path
) -> None:
    """By the account's token command, unseen by the caller; without another token the account is marked."""
    good = make_token(kind, "alice", timezone.now().timestamp() + 3600)
    bad = make_token(kind, "alice", timezone.now().timestamp() + 3600, audience="https://elsewhere.example")
    program = tmp_path / "token"
    program.write_text(f"#!/bin/sh\necho {good}\n")
    program.chmod(0o700)
    settings.TOKEN_COMMANDS = {"work": (str(program),)}
    account = make_token_account(kind, "alice", token=bad, token_command="work")
    set_capability(account, kind, per_minute=None)
    asked = ask(living, "hello", model=kind, stream=stream)
    assert (asked.status, asked.finish_reason) == (200, "stop"), asked.error
    account.refresh_from_db()
    assert (account.token, account.state) == (good, "ok")
    httpx.post(f"{living.hub.url}/_sandbox/account", json={"account": "alice", "is_alive": False}).raise_for_status()
    asked = ask(living, "hello again", model=kind, stream=stream)
    assert asked.error is not None
    assert (asked.status, asked.error["code"]) == (503, "cookie_expired")
    account.refresh_from_db()
    assert account.state == "expired"
    at_rest(living)


def test_who_is_told_to_come_again_keeps_the_conversation(living: Chats, settings: Settings) -> None:
    """Nothing was asked, so the next request goes on where it was."""
    settings.CHAT_FIRST_RECORD_SECONDS = 1.0
    account = make_token_account("copilot")
    first = ask(living, "hello", model="copilot")
    past = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": first.content}]
    set_capability(account, "copilot", paced_until=timezone.now() + timedelta(seconds=40))
    told = living.ask("again", past, model="copilot")
    assert (told.status_code, told.json()["error"]["code"]) == (429, "too_many_running")
    assert 35 < int(told.headers["retry-after"]) <= 40
    set_capability(account, "copilot", paced_until=None)
    assert ask(living, "again", past, model="copilot").status == 200
    assert Conversation.objects.get().create_count == 1
    at_rest(living)


def test_the_secrets_of_sockets_are_in_no_log(living: Chats, caplog: pytest.LogCaptureFixture) -> None:
    """Both addresses hold a token; nothing says them, even where everything is said."""
    caplog.set_level("DEBUG")
    for kind in KINDS:
        account = make_token_account(kind)
        ask(living, "hello", model=kind)
        assert account.token not in caplog.text
        assert "access_token=" not in caplog.text
        assert "accessToken=" not in caplog.text

"""The same chat over each back end: streams, histories, long ones, system prompts, pictures, and who answered."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Account
from chat.models import Conversation
from tests.factories import make_token_account, set_capability
from tests.journeys.chat_refusals import PATH, Asked, read_stream, read_whole
from tests.journeys.chats import Chats

KINDS = ["copilot", "m365"]
both = pytest.mark.parametrize("kind", KINDS)
ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture
def living(chats: Chats) -> Chats:
    """The server and the sandbox; no account of Bing's."""
    Account.objects.all().delete()
    return chats


def ask(chats: Chats, words: Any, past: list[dict[str, str]] | None = None, **fields: Any) -> Asked:
    """One question, whole or streamed."""
    body = {"messages": [*(past or []), {"role": "user", "content": words}], **fields}
    if not fields.get("stream"):
        return read_whole(str(words), chats.http.post(PATH, json=body))
    with chats.http.stream("POST", PATH, json=body) as answer:
        return read_stream(str(words), answer)


def said(chats: Chats) -> list[dict[str, Any]]:
    """What reached the sandbox, whichever service."""
    return chats.turns()


def at_rest(chats: Chats) -> None:
    """Nothing is held, no socket is open, and no service saw a breach of its manners."""
    chats.wait_for_rest()
    state = chats.hub.state
    chats.wait_until(lambda: not (state.copilot.sockets.open or state.m365.sockets.open))


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

"""Histories: shortened to fit, rendered, and hashed to a key."""

from __future__ import annotations

import random

import pytest

from bingproject.errors import InvalidRequestError
from chat.protocol.events import Message, Prompt
from chat.protocol.transcript import (
    Fitted,
    check_newest,
    fit,
    hash_history,
    merge,
    prepend,
    render,
    with_style_instruction,
)


def turns(*numbers: int, size: int = 0) -> tuple[Message, ...]:
    """A history of numbered turns, each text padded to a size."""
    return tuple(
        message
        for number in numbers
        for message in (
            Message("user", f"u{number}".ljust(size, "x")),
            Message("assistant", f"a{number}".ljust(size, "x")),
        )
    )


@pytest.mark.parametrize(
    ("prompt", "what"),
    [
        (Prompt("", (), "x" * 33), "newest message is"),
        (Prompt("x" * 33, (), "2+2?"), "system prompt is"),
        (Prompt("", (), "x" * 20, lead=("y" * 11,)), "new messages are"),
    ],
)
def test_new_text_above_the_limit_is_refused(prompt: Prompt, what: str) -> None:
    """The message has the words that clients search for, and the limit."""
    with pytest.raises(
        InvalidRequestError, match=f"The {what} .* this model's maximum context length is 32 "
    ) as caught:
        check_newest(prompt, 32)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


def test_the_limit_itself_fits() -> None:
    """System prompt and new messages are measured separately if they are sent so; both may fill the limit."""
    prompt = Prompt("x" * 40, (), "x" * 37, lead=("y",))
    assert fit(prompt, 40) == Fitted(prompt, 0)


@pytest.mark.parametrize("replays", [True, False])
@pytest.mark.parametrize("prepends", [True, False])
def test_new_messages_are_never_dropped(replays: bool, prepends: bool) -> None:
    """A question behind a long system prompt, results of tools: all are sent, or none."""
    prompt = Prompt("s" * 60, turns(1), "n" * 30, lead=("THE QUESTION", "r" * 30))
    for limit in range(60, 250):
        try:
            fitted = fit(prompt, limit, replays=replays, prepends=prepends)
        except InvalidRequestError as refusal:
            assert refusal.code == "context_length_exceeded"
        else:
            assert fitted.prompt.question == prompt.question
    assert fit(prompt, 250, replays=replays, prepends=prepends).dropped == 0


def test_one_text_is_measured_as_a_whole() -> None:
    """Its exact size counts, markers included; a question alone has none."""
    prompt = Prompt("Be kind.", turns(1), "2+2?")
    size = len(prepend(Prompt("Be kind.", (Message("user", "u1"),), "2+2?")))
    assert len(prepend(fit(prompt, size, prepends=True).prompt)) == size
    with pytest.raises(InvalidRequestError, match="together") as caught:
        fit(prompt, size - 1, prepends=True)
    assert f"is {size - 1} characters a turn, and they have {size} characters" in caught.value.message
    assert fit(Prompt("", (), "2+2?"), 4, prepends=True).dropped == 0


def test_the_first_user_message_stays() -> None:
    """It says what the chat is about: an agent's task, the files of an editor."""
    history = (Message("assistant", "Hi"), *turns(1, 2, 3, size=100))
    fitted = fit(Prompt("", history, "2+2?"), 400)
    assert (fitted.prompt.history, fitted.dropped) == ((history[1], *history[-2:]), 3)


@pytest.mark.parametrize("prepends", [True, False])
def test_a_first_user_message_that_does_not_fit_is_refused(prepends: bool) -> None:
    """The message says how long it is, and the limit."""
    prompt = Prompt("", (Message("user", "f" * 200), Message("assistant", "Ok.")), "2+2?")
    with pytest.raises(InvalidRequestError, match="first user message") as caught:
        fit(prompt, 200, prepends=prepends)
    assert "maximum context length is 200 characters" in caught.value.message
    assert fit(prompt, 200, prepends=prepends, replays=False).dropped == 0


def test_a_history_that_must_stay_whole_is_refused_if_it_does_not_fit() -> None:
    """One that fits is sent."""
    prompt = Prompt("Be brief.", turns(1, 2, 3, size=100), "2+2?")
    whole = len(prepend(prompt))
    assert fit(prompt, whole, prepends=True, keeps_history=True) == Fitted(prompt, 0)
    with pytest.raises(InvalidRequestError, match=rf"whole chat is too long.* is {whole - 1} .* it has {whole} "):
        fit(prompt, whole - 1, prepends=True, keeps_history=True)


def test_a_style_instruction_is_put_in_front_of_the_system_prompt() -> None:
    """Without a system prompt it replaces it."""
    assert with_style_instruction(Prompt("Be kind.", (), "x"), "Be brief.").system == "Be brief.\n\nBe kind."
    assert with_style_instruction(Prompt("", (), "x"), "Be brief.").system == "Be brief."
    assert with_style_instruction(Prompt("Be kind.", (), "x"), "").system == "Be kind."


def test_nothing_is_dropped_while_there_is_room() -> None:
    """The prompt stays unchanged."""
    prompt = Prompt("Be brief.", turns(1, 2), "2+2?", lead=("And",))
    assert fit(prompt, 1_000).prompt == prompt
    assert fit(prompt, 1_000).dropped == 0


def test_the_oldest_turns_are_dropped_first_and_whole() -> None:
    """A question goes with its answer; the system prompt and the newest message stay."""
    prompt = Prompt("Be brief.", turns(1, 2, 3, size=100), "2+2?")
    fitted = fit(prompt, 600)
    assert (fitted.prompt.history, fitted.dropped) == (turns(1, 3, size=100)[:1] + turns(3, size=100), 2)
    assert (fitted.prompt.system, fitted.prompt.newest) == ("Be brief.", "2+2?")


def test_a_turn_begins_with_the_user() -> None:
    """A greeting before the first question is a turn; several answers belong to one question."""
    history = (
        Message("assistant", "x" * 100),
        Message("user", "u"),
        Message("assistant", "a"),
        Message("assistant", "b"),
    )
    fitted = fit(Prompt("", history, "2+2?"), 120)
    assert (fitted.prompt.history, fitted.dropped) == (history[1:], 1)


def test_without_a_replay_the_history_does_not_count() -> None:
    """A conversation that continues has it already, so only the text that is sent must fit."""
    prompt = Prompt("x" * 40, turns(1, size=100), "2+2?", lead=("x" * 37, "short"))
    assert fit(prompt, 50, replays=False) == Fitted(prompt, 0)
    with pytest.raises(InvalidRequestError, match="new messages are"):
        fit(prompt, 49, replays=False)


def test_any_fitted_prompt_fits() -> None:
    """For random lengths, the text is within the limit and no older turn would have fitted too."""
    for seed in range(300):
        chance = random.Random(seed)
        history = tuple(
            message
            for _ in range(chance.randrange(8))
            for message in (
                Message("user", "u" * chance.randrange(200)),
                Message("assistant", "a" * chance.randrange(200)),
            )
        )
        prompt = Prompt("s" * chance.randrange(300), history, "n" * chance.randrange(1, 300))
        fitted = fit(prompt, 1_000)
        sent = len(render(fitted.prompt)) + len(fitted.prompt.question)
        assert sent <= 1_000
        if not fitted.dropped:
            assert fitted.prompt == prompt
            continue
        first = next(message for message in history if message.role == "user" and message.text)
        kept = fitted.prompt.history[1:]
        assert fitted.prompt.history[0] == first
        assert kept == history[len(history) - len(kept) :]
        assert fitted.dropped == (len(history) - len(kept)) // 2


def test_render() -> None:
    """A lone system prompt stays unchanged; with a history everything has markers and blank texts are left out."""
    assert render(Prompt("", (), "2+2?")) == ""
    assert render(Prompt(" Be brief. ", (), "2+2?")) == " Be brief. "
    history = (Message("user", " Hi "), Message("assistant", " "), Message("user", "Yes?"))
    assert render(Prompt("", history, "2+2?")) == "[user](#message)\nHi\n\n[user](#message)\nYes?"
    assert render(Prompt("Be brief.", history[:1], "?")) == (
        "[system](#additional_instructions)\nBe brief.\n\n[user](#message)\nHi"
    )


def test_merge_joins_neighbours_of_one_role() -> None:
    """Texts are trimmed."""
    history = (
        Message("user", " a "),
        Message("user", "b\n"),
        Message("assistant", "c"),
        Message("assistant", "d"),
    )
    assert merge(history) == (Message("user", "a\n\nb"), Message("assistant", "c\n\nd"))


def test_a_key_ignores_white_space_and_wrapping() -> None:
    """Clients trim answers and split messages; it is the same history."""
    plain = hash_history("open", "precise", "Be brief.", turns(1))
    assert plain == hash_history(
        "open", "precise", " Be brief.\n", (Message("user", "\nu1 "), Message("assistant", "a1\n\n"))
    )
    parts = (Message("user", "a"), Message("user", "b"), Message("assistant", "c"))
    joined = (Message("user", "a\n\nb"), Message("assistant", "c"))
    assert hash_history("open", "precise", "", parts) == hash_history("open", "precise", "", joined)
    assert len(plain) == 64


def test_a_key_differs_for_anything_else() -> None:
    """Caller, model, system prompt, roles, order, and white space within a text."""
    histories = [
        turns(1),
        turns(1, 2),
        turns(2, 1),
        turns(1)[::-1],
        (Message("user", "u1a1"),),
        (Message("user", "u1 a1"),),
        (),
    ]
    callers = [("user:a", "precise", ""), ("open", "creative", ""), ("open", "precise", "s"), ("openprecise", "", "")]
    keys = {hash_history("open", "precise", "", history) for history in histories}
    keys |= {hash_history(*caller, turns(1)) for caller in callers}
    assert len(keys) == len(histories) + len(callers)


def test_the_key_after_a_turn_is_the_key_of_the_next_request() -> None:
    """After any number of turns, the stored key is the one that is looked up."""
    history: tuple[Message, ...] = ()
    for number in range(5):
        prompt = Prompt("s", history, f" u{number} ")
        stored = hash_history("open", "precise", "s", prompt.after(f"a{number}\n"))
        history = (*history, Message("user", f"u{number}"), Message("assistant", f"a{number}"))
        assert stored == hash_history("open", "precise", "s", history)


def test_prepend_returns_one_text() -> None:
    """The question has a marker behind system prompt and history; alone it has none."""
    assert prepend(Prompt("", (), " 2+2? ")) == " 2+2? "
    assert prepend(Prompt("", (Message("user", " "),), "2+2?")) == "2+2?"
    assert prepend(Prompt("Be brief.", (), "2+2?")) == (
        "[system](#additional_instructions)\nBe brief.\n\n[user](#message)\n2+2?"
    )
    assert prepend(Prompt("", turns(1), "2+2?", lead=("And",))) == (
        "[user](#message)\nu1\n\n[assistant](#message)\na1\n\n[user](#message)\nAnd\n\n2+2?"
    )


@pytest.mark.parametrize("system", ["", "Be brief."])
@pytest.mark.parametrize("lead", [(), ("And",), ("x" * 40, "And")])
def test_one_text_never_exceeds_the_limit(system: str, lead: tuple[str, ...]) -> None:
    """For any limit; and nothing is dropped that would fit."""
    prompt = Prompt(system, turns(1, 2, 3, size=10), "2+2?", lead=lead)
    whole = len(prepend(prompt))
    least = len(prepend(Prompt(system, prompt.history[:1], "2+2?", lead=lead)))
    assert fit(prompt, whole, prepends=True).dropped == 0
    for limit in range(least, whole):
        fitted = fit(prompt, limit, prepends=True)
        assert fitted.dropped > 0
        assert len(prepend(fitted.prompt)) <= limit


def test_a_prepended_system_prompt_must_fit_beside_the_newest_message() -> None:
    """Each fits alone; as one text they are refused."""
    prompt = Prompt("x" * 60, (), "y" * 60)
    assert fit(prompt, 100).prompt == prompt
    assert fit(prompt, 100, replays=False, prepends=True).prompt == prompt
    with pytest.raises(InvalidRequestError, match=r"together .* this model's maximum context length is 100 ") as caught:
        fit(prompt, 100, prepends=True)
    assert caught.value.code == "context_length_exceeded"


def test_the_newest_message_alone_may_fill_the_limit() -> None:
    """Without text in front there is no marker; a greeting is left out."""
    assert fit(Prompt("", (), "y" * 100), 100, prepends=True).dropped == 0
    assert fit(Prompt("", (Message("assistant", "Hi"),), "y" * 100), 100, prepends=True).dropped == 1

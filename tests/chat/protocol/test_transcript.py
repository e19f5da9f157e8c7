"""Histories: fitted, written out, and reduced to a key."""

from __future__ import annotations

import random

import pytest

from bingproject.errors import InvalidRequestError
from chat.protocol.events import Prompt, Said
from chat.protocol.transcript import check_newest, check_opening, fit, hash_history, merge, prepend, render, styled


def turns(*numbers: int, size: int = 0) -> tuple[Said, ...]:
    """A history of numbered turns, each text padded to a size."""
    return tuple(
        said
        for number in numbers
        for said in (Said("user", f"u{number}".ljust(size, "x")), Said("assistant", f"a{number}".ljust(size, "x")))
    )


@pytest.mark.parametrize(
    ("prompt", "what"),
    [(Prompt("", (), "x" * 33), "newest message"), (Prompt("x" * 33, (), "2+2?"), "system prompt")],
)
def test_what_can_never_fit_is_refused(prompt: Prompt, what: str) -> None:
    """In the words that clients look for, naming the limit."""
    with pytest.raises(
        InvalidRequestError, match=f"The {what} .* this model's maximum context length is 32 "
    ) as caught:
        check_newest(prompt, 32)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


def test_the_limit_itself_fits() -> None:
    """System prompt and newest message are each measured alone, so both may be as long as the limit."""
    prompt = Prompt("x" * 32, turns(1), "x" * 32, lead=("y",))
    check_newest(prompt, 32)
    fitted = fit(prompt, 32)
    assert (fitted.prompt.system, fitted.prompt.newest) == ("x" * 32, "x" * 32)
    assert (fitted.prompt.history, fitted.prompt.lead, fitted.dropped) == ((), (), 2)


def test_what_opens_a_conversation_as_one_text_is_measured_together() -> None:
    """To the last character of what goes out; without a system prompt the question alone is."""
    prompt = Prompt("Be kind.", turns(1), "2+2?")
    size = len(prepend(Prompt("Be kind.", (), "2+2?")))
    check_opening(prompt, size)
    assert len(prepend(fit(prompt, size, prepends=True).prompt)) == size
    with pytest.raises(InvalidRequestError, match="together"):
        check_opening(prompt, size - 1)
    check_opening(Prompt("", turns(1), "2+2?"), 4)


def test_a_style_that_is_told_stands_before_the_system_prompt() -> None:
    """Or in its place."""
    assert styled(Prompt("Be kind.", (), "x"), "Be brief.").system == "Be brief.\n\nBe kind."
    assert styled(Prompt("", (), "x"), "Be brief.").system == "Be brief."
    assert styled(Prompt("Be kind.", (), "x"), "").system == "Be kind."


def test_what_fits_stays() -> None:
    """Nothing is dropped while there is room."""
    prompt = Prompt("Be brief.", turns(1, 2), "2+2?", lead=("And",))
    assert fit(prompt, 1_000).prompt == prompt
    assert fit(prompt, 1_000).dropped == 0


def test_the_oldest_turns_go_first_and_whole() -> None:
    """A question goes with its answer; the system prompt and the newest message stay."""
    prompt = Prompt("Be brief.", turns(1, 2, 3, size=100), "2+2?")
    fitted = fit(prompt, 600)
    assert (fitted.prompt.history, fitted.dropped) == (turns(2, 3, size=100), 1)
    assert (fitted.prompt.system, fitted.prompt.newest) == ("Be brief.", "2+2?")


def test_a_turn_is_what_the_user_began() -> None:
    """A greeting before the first question is a turn of its own; several answers belong to one question."""
    history = (Said("assistant", "x" * 100), Said("user", "u"), Said("assistant", "a"), Said("assistant", "b"))
    fitted = fit(Prompt("", history, "2+2?"), 120)
    assert (fitted.prompt.history, fitted.dropped) == (history[1:], 1)


def test_later_messages_are_kept_over_earlier_ones() -> None:
    """When the messages before the newest do not fit, no history stands in their place."""
    fitted = fit(Prompt("", turns(1), "2+2?", lead=("x" * 100, "short")), 60)
    assert (fitted.prompt.lead, fitted.prompt.history, fitted.dropped) == (("short",), (), 2)


def test_without_a_replay_the_history_does_not_count() -> None:
    """A conversation that goes on has it already; only what is sent must fit."""
    prompt = Prompt("x" * 40, turns(1, size=100), "2+2?", lead=("x" * 45, "short"))
    fitted = fit(prompt, 50, replays=False)
    assert fitted.prompt.lead == ("short",)
    assert (fitted.prompt.history, fitted.prompt.system, fitted.dropped) == (prompt.history, prompt.system, 1)


def test_any_fitted_prompt_fits() -> None:
    """Whatever the lengths: what is sent is within the limit, and no older turn would have fitted too."""
    for seed in range(300):
        chance = random.Random(seed)
        history = tuple(
            said for _ in range(chance.randrange(8))
            for said in (Said("user", "u" * chance.randrange(200)), Said("assistant", "a" * chance.randrange(200)))
        )  # fmt: skip
        prompt = Prompt("s" * chance.randrange(300), history, "n" * chance.randrange(1, 300))
        fitted = fit(prompt, 1_000)
        sent = len(render(fitted.prompt)) + len(fitted.prompt.question)
        assert sent <= 1_000
        assert fitted.prompt.history == history[len(history) - len(fitted.prompt.history) :]
        assert fitted.dropped == (len(history) - len(fitted.prompt.history)) // 2


def test_render() -> None:
    """A lone system prompt stays as it is; with a history all is marked and blank texts are left out."""
    assert render(Prompt("", (), "2+2?")) == ""
    assert render(Prompt(" Be brief. ", (), "2+2?")) == " Be brief. "
    history = (Said("user", " Hi "), Said("assistant", " "), Said("user", "Yes?"))
    assert render(Prompt("", history, "2+2?")) == "[user](#message)\nHi\n\n[user](#message)\nYes?"
    assert render(Prompt("Be brief.", history[:1], "?")) == (
        "[system](#additional_instructions)\nBe brief.\n\n[user](#message)\nHi"
    )


def test_merge() -> None:
    """Texts are trimmed and neighbours of one role joined."""
    history = (Said("user", " a "), Said("user", "b\n"), Said("assistant", "c"), Said("assistant", "d"))
    assert merge(history) == (Said("user", "a\n\nb"), Said("assistant", "c\n\nd"))


def test_a_key_ignores_white_space_and_wrapping() -> None:
    """Clients trim answers and cut messages in two; it is the same history."""
    plain = hash_history("open", "precise", "Be brief.", turns(1))
    assert plain == hash_history(
        "open", "precise", " Be brief.\n", (Said("user", "\nu1 "), Said("assistant", "a1\n\n"))
    )
    parts = (Said("user", "a"), Said("user", "b"), Said("assistant", "c"))
    joined = (Said("user", "a\n\nb"), Said("assistant", "c"))
    assert hash_history("open", "precise", "", parts) == hash_history("open", "precise", "", joined)
    assert len(plain) == 64


def test_a_key_tells_all_else_apart() -> None:
    """Key-holder, model, system prompt, roles, order, and white space within a text."""
    said = [turns(1), turns(1, 2), turns(2, 1), turns(1)[::-1], (Said("user", "u1a1"),), (Said("user", "u1 a1"),), ()]
    callers = [("user:a", "precise", ""), ("open", "creative", ""), ("open", "precise", "s"), ("openprecise", "", "")]
    keys = {hash_history("open", "precise", "", history) for history in said}
    keys |= {hash_history(*caller, turns(1)) for caller in callers}
    assert len(keys) == len(said) + len(callers)


def test_the_key_after_a_turn_is_the_key_of_the_next_request() -> None:
    """However many turns: what is stored is what is looked up."""
    history: tuple[Said, ...] = ()
    for number in range(5):
        prompt = Prompt("s", history, f" u{number} ")
        stored = hash_history("open", "precise", "s", prompt.after(f"a{number}\n"))
        history = (*history, Said("user", f"u{number}"), Said("assistant", f"a{number}"))
        assert stored == hash_history("open", "precise", "s", history)


def test_prepending_writes_all_as_one_text() -> None:
    """System prompt and history stand before the question, which then has a marker; alone it is as it is."""
    assert prepend(Prompt("", (), " 2+2? ")) == " 2+2? "
    assert prepend(Prompt("", (Said("user", " "),), "2+2?")) == "2+2?"
    assert prepend(Prompt("Be brief.", (), "2+2?")) == (
        "[system](#additional_instructions)\nBe brief.\n\n[user](#message)\n2+2?"
    )
    assert prepend(Prompt("", turns(1), "2+2?", lead=("And",))) == (
        "[user](#message)\nu1\n\n[assistant](#message)\na1\n\n[user](#message)\nAnd\n\n2+2?"
    )


@pytest.mark.parametrize("system", ["", "Be brief."])
@pytest.mark.parametrize("lead", [(), ("And",), ("x" * 40, "And")])
def test_what_is_prepended_fits(system: str, lead: tuple[str, ...]) -> None:
    """Whatever the limit, the one text is no longer; and nothing is dropped that would fit."""
    prompt = Prompt(system, turns(1, 2, 3, size=10), "2+2?", lead=lead)
    whole = len(prepend(prompt))
    assert fit(prompt, whole, prepends=True).dropped == 0
    for limit in range(80, whole):
        fitted = fit(prompt, limit, prepends=True)
        assert fitted.dropped > 0
        assert len(prepend(fitted.prompt)) <= limit


def test_a_prepended_system_prompt_must_fit_beside_the_newest_message() -> None:
    """Both alone fit, together they do not: refused in the words that clients look for, once they go out as one."""
    prompt = Prompt("x" * 60, (), "y" * 60)
    assert fit(prompt, 100).prompt == prompt
    assert fit(prompt, 100, replays=False, prepends=True).prompt == prompt
    with pytest.raises(InvalidRequestError, match=r"together .* this model's maximum context length is 100 ") as caught:
        fit(prompt, 100, prepends=True)
    assert caught.value.code == "context_length_exceeded"


def test_the_newest_message_alone_may_fill_the_limit() -> None:
    """Without anything before it there is no marker."""
    assert fit(Prompt("", (), "y" * 100), 100, prepends=True).dropped == 0
    assert fit(Prompt("", turns(1), "y" * 100), 100, prepends=True).dropped == 1

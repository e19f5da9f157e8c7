"""Messages: roles, contents, tools and pictures, good and bad."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from bingproject.errors import InvalidRequestError
from chat.openai_format import parse_messages
from chat.openai_format.extras import write_search, write_suggestions
from chat.protocol.events import Prompt, Said, Source
from chat.protocol.transcript import hash_history

PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()


def user(content: Any = "2+2?", **fields: Any) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": content, **fields}


def assistant(content: Any = "4", **fields: Any) -> dict[str, Any]:
    """An assistant's message."""
    return {"role": "assistant", "content": content, **fields}


def text(words: str) -> dict[str, Any]:
    """A part with text."""
    return {"type": "text", "text": words}


def picture(url: Any = "https://ex.test/a.png") -> dict[str, Any]:
    """A part with a picture."""
    return {"type": "image_url", "image_url": {"url": url}}


def key(*messages: dict[str, Any]) -> str:
    """The key under which the history before the last message is looked up."""
    prompt = parse_messages([*messages, user("next")])
    return hash_history("open", "precise", prompt.key_system, prompt.history)


def test_one_question() -> None:
    """It goes as it is, white space and all."""
    prompt = parse_messages([user(" 2+2?\n")])
    assert prompt == Prompt("", (), " 2+2?\n", told="2+2?")


def test_system_and_developer_are_joined() -> None:
    """Wherever they stand, in their order, as they are."""
    messages = [{"role": "system", "content": " One. "}, user("a"), assistant("b"),
                {"role": "developer", "content": [text("Two."), text("Three.")]}, user("c")]  # fmt: skip
    prompt = parse_messages(messages)
    assert (prompt.system, prompt.key_system) == (" One. \n\nTwo.\nThree.", "One.\n\nTwo.\nThree.")
    assert (prompt.history, prompt.newest) == ((Said("user", "a"), Said("assistant", "b")), "c")


def test_what_follows_the_last_answer_is_new() -> None:
    """The last message is the newest; those before it lead up to it, blank ones left out."""
    prompt = parse_messages([user("a"), assistant("b"), user("c"), user(" "), user("d")])
    assert (prompt.history, prompt.lead, prompt.newest) == ((Said("user", "a"), Said("assistant", "b")), ("c",), "d")
    assert (prompt.question, prompt.told) == ("c\n\nd", "c\n\nd")


def test_answers_may_stand_together_or_first() -> None:
    """A greeting and an answer in two messages are told as they are."""
    prompt = parse_messages([assistant("Hi"), user("a"), assistant("b"), assistant("c"), user("d")])
    assert [said.text for said in prompt.history] == ["Hi", "a", "b", "c"]


def test_a_first_turn_of_several_messages_has_no_history() -> None:
    """All of it is new."""
    prompt = parse_messages([user("a"), user("b")])
    assert (prompt.history, prompt.question) == ((), "a\n\nb")


def test_parts_are_joined_by_lines() -> None:
    """As they are in what is sent, trimmed one by one in what is remembered."""
    prompt = parse_messages([user([text(" a "), text("b ")])])
    assert (prompt.newest, prompt.told) == (" a \nb ", "a\nb")


def test_a_history_is_known_however_clients_wrap_it() -> None:
    """Trimmed, as parts, as several system messages, with our own extras: the same key as what was stored."""
    system = [{"role": "system", "content": "One."}, {"role": "system", "content": "Two."}]
    prompt = parse_messages([*system, user(" 2+2?\n")])
    stored = hash_history("open", "precise", prompt.key_system, prompt.after("Four.\n"))
    extras = write_search("q", [Source("t", "https://ex.test")]) + "Four.\n" + write_suggestions(["Why?"])
    assert stored == key(*system, user("2+2?"), assistant("Four."))
    assert stored == key(*system, user([text("2+2? ")]), assistant([text("Four.")]))
    assert stored == key({"role": "developer", "content": "One.\n\nTwo."}, user(), assistant(extras))
    spaced: list[dict[str, Any]] = [
        {"role": "system", "content": [text("One.\n"), text(" ")]},
        {"role": "developer", "content": " "},
    ]
    assert stored == key(*spaced, {"role": "system", "content": " Two. "}, user("2+2?"), assistant("Four."))
    assert stored != key(*system, user("2 + 2?"), assistant("Four."))
    assert stored != key(user("2+2?"), assistant("Four."))


def test_messages_in_a_row_are_known_again() -> None:
    """What was asked in two messages is stored as it will be told."""
    messages = [user("a"), user([text("b"), picture()])]
    prompt = parse_messages(messages)
    assert hash_history("open", "precise", "", prompt.after("c")) == key(*messages, assistant("c"))


def test_pictures_tell_histories_apart() -> None:
    """The same words about another picture are another history, and no words are needed."""
    one, two = [user([picture()]), assistant("A cat.")], [user([picture("https://ex.test/b.png")]), assistant("A cat.")]
    assert key(*one) != key(*two)
    prompt = parse_messages(one[:1])
    assert hash_history("open", "precise", "", prompt.after("A cat.")) == key(*one)
    assert prompt.newest == ""
    assert prompt.told == prompt.images[0].mark


def test_a_picture_by_its_address_is_left_to_bing() -> None:
    """Nothing is fetched here."""
    (image,) = parse_messages([user([text("What?"), picture()])]).images
    assert (image.url, image.content) == ("https://ex.test/a.png", b"")


@pytest.mark.parametrize("detail", ["auto", "low", "high", None])
def test_how_closely_a_picture_is_looked_at_is_bings_to_say(detail: str | None) -> None:
    """The wish is taken and has no effect."""
    part = {"type": "image_url", "image_url": {"url": "https://ex.test/a.png", "detail": detail}}
    assert parse_messages([user([part], name="Ada")]) == parse_messages([user([picture()])])


def test_a_picture_in_its_address_is_decoded() -> None:
    """Bytes and type."""
    (image,) = parse_messages([user([picture(PNG.replace("png", "PNG"))])]).images
    assert (image.url, image.content, image.media_type) == ("", b"\x89PNG", "image/png")


def test_old_pictures_are_marks() -> None:
    """A history tells that there was one, and its bytes are not read again."""
    prompt = parse_messages(
        [user([text("What?"), picture("data:image/png;base64,!!")]), assistant("A cat."), user("Sure?")]
    )
    assert prompt.images == ()
    assert prompt.history[0].text.startswith("What?\n[image ")


def test_tool_results_are_labelled_text() -> None:
    """By the name of the call they answer, their own name, or none; they count as the user's."""
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = [user("Rain?"), assistant(None, tool_calls=[call, {"id": 7, "function": {}}, "odd"])]
    prompt = parse_messages([*messages, {"role": "tool", "tool_call_id": "c1", "content": "dry"}])
    assert prompt.history == (Said("user", "Rain?"), Said("assistant", ""))
    assert prompt.newest == "Result of the tool weather:\ndry"
    named = parse_messages([{"role": "function", "name": "clock", "content": "noon"}])
    assert named.newest == "Result of the tool clock:\nnoon"
    unknown = parse_messages([{"role": "tool", "tool_call_id": "c9", "content": ""}])
    assert (unknown.newest, unknown.told) == ("Result of a tool:\n", "Result of a tool:")


def test_answers_without_content() -> None:
    """A call or a refusal stands in for it."""
    prompt = parse_messages([user("a"), assistant(None, refusal=" No. "), user("b"),
                             {"role": "assistant", "function_call": {"name": "f"}}, user("c"),
                             assistant([{"type": "refusal", "refusal": "No!"}]), user("d")])  # fmt: skip
    assert [said.text for said in prompt.history if said.role == "assistant"] == ["No.", "", "No!"]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        (None, "messages"),
        ("hi", "messages"),
        ([], "messages"),
        (["hi"], "messages[0]"),
        ([{"content": "hi"}], "messages[0].role"),
        ([{"role": "System", "content": "hi"}], "messages[0].role"),
        ([{"role": ["user"], "content": "hi"}], "messages[0].role"),
        ([user(), assistant()], "messages[1].role"),
        ([user(), {"role": "system", "content": "x"}], "messages[1].role"),
        ([user(None)], "messages[0].content"),
        ([{"role": "user"}], "messages[0].content"),
        ([user(7)], "messages[0].content"),
        ([user([])], "messages[0].content"),
        ([user("")], "messages[0].content"),
        ([user(" \n")], "messages[0].content"),
        ([user(), assistant(None), user()], "messages[1].content"),
        ([user(["x"])], "messages[0].content[0]"),
        ([user([{"text": "x"}])], "messages[0].content[0].type"),
        ([user([{"type": "other"}])], "messages[0].content[0].type"),
        ([user([{"type": "text"}])], "messages[0].content[0].text"),
        ([user([{"type": "text", "text": None}])], "messages[0].content[0].text"),
        ([user([text("x"), {"type": "image_url"}])], "messages[0].content[1].image_url.url"),
        ([user([{"type": "image_url", "image_url": "https://ex.test"}])], "messages[0].content[0].image_url.url"),
        ([user([picture("file:///etc/passwd")])], "messages[0].content[0].image_url.url"),
        ([user([picture("data:text/html;base64,AAAA")])], "messages[0].content[0].image_url.url"),
        ([user([picture("data:image/png;base64,!!")])], "messages[0].content"),
        ([user([picture("data:image/png;base64,")])], "messages[0].content"),
        ([user([picture("data:image/png;base64,é")])], "messages[0].content"),
        ([user(), assistant("x", tool_calls="x"), user()], "messages[1].tool_calls"),
        ([{"role": "tool", "tool_call_id": 7, "content": "x"}], "messages[0].tool_call_id"),
        ([{"role": "tool", "name": 7, "content": "x"}], "messages[0].name"),
        ([user(name=["Ada"])], "messages[0].name"),
        (
            [user([{"type": "image_url", "image_url": {"url": PNG, "detail": 1}}])],
            "messages[0].content[0].image_url.detail",
        ),
    ],
)
def test_bad_messages_name_their_field(messages: Any, param: str) -> None:
    """Each fault is a 400 that says where."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_messages(messages)
    assert (caught.value.code, caught.value.param) == ("invalid_value", param)


@pytest.mark.parametrize(
    "messages",
    [
        [user([{"type": "input_audio", "input_audio": {}}])],
        [user([{"type": "file", "file": {}}])],
        [{"role": "system", "content": [picture()]}, user()],
        [user(), assistant([picture()]), user()],
    ],
)
def test_parts_that_bing_cannot_take(messages: Any) -> None:
    """Known to OpenAI, refused by name here."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_messages(messages)
    assert caught.value.code == "unsupported_parameter"
    assert str(caught.value.param).endswith("content[0]")

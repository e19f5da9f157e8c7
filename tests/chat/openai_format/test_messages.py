"""Messages: roles, contents, tools and pictures, valid and invalid."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from bingproject.errors import InvalidRequestError
from chat.openai_format import parse_messages
from chat.openai_format.annotations import write_search, write_suggestions
from chat.openai_format.messages import GO_ON
from chat.protocol.events import Message, Prompt, Source
from chat.protocol.transcript import hash_history

PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()


def user(content: Any = "2+2?", **fields: Any) -> dict[str, Any]:
    """Return a message of the user."""
    return {"role": "user", "content": content, **fields}


def assistant(content: Any = "4", **fields: Any) -> dict[str, Any]:
    """Return a message of the assistant."""
    return {"role": "assistant", "content": content, **fields}


def text(words: str) -> dict[str, Any]:
    """Return a part with text."""
    return {"type": "text", "text": words}


def picture(url: Any = "https://ex.test/a.png") -> dict[str, Any]:
    """Return a part with a picture."""
    return {"type": "image_url", "image_url": {"url": url}}


def key(*messages: dict[str, Any]) -> str:
    """Return the key that looks up the history before the last message."""
    prompt = parse_messages([*messages, user("next")])
    return hash_history("open", "precise", prompt.key_system, prompt.history)


def test_one_question() -> None:
    """It is sent unchanged, white space included."""
    prompt = parse_messages([user(" 2+2?\n")])
    assert prompt == Prompt("", (), " 2+2?\n", canonical="2+2?")


def test_system_and_developer_are_joined() -> None:
    """Wherever they are, in their order, unchanged."""
    messages = [{"role": "system", "content": " One. "}, user("a"), assistant("b"),
                {"role": "developer", "content": [text("Two."), text("Three.")]}, user("c")]  # fmt: skip
    prompt = parse_messages(messages)
    assert (prompt.system, prompt.key_system) == (" One. \n\nTwo.\nThree.", "One.\n\nTwo.\nThree.")
    assert (prompt.history, prompt.newest) == ((Message("user", "a"), Message("assistant", "b")), "c")


def test_messages_after_the_last_answer_are_new() -> None:
    """The last one is the newest; those in front of it are the lead, without blank ones."""
    prompt = parse_messages([user("a"), assistant("b"), user("c"), user(" "), user("d")])
    assert (prompt.history, prompt.lead, prompt.newest) == (
        (Message("user", "a"), Message("assistant", "b")),
        ("c",),
        "d",
    )
    assert (prompt.question, prompt.canonical) == ("c\n\nd", "c\n\nd")


def test_answers_may_be_first_or_follow_each_other() -> None:
    """A greeting and an answer in two messages stay as they are."""
    prompt = parse_messages([assistant("Hi"), user("a"), assistant("b"), assistant("c"), user("d")])
    assert [message.text for message in prompt.history] == ["Hi", "a", "b", "c"]


def test_a_first_turn_of_several_messages_has_no_history() -> None:
    """All of them are new."""
    prompt = parse_messages([user("a"), user("b")])
    assert (prompt.history, prompt.question) == ((), "a\n\nb")


def test_parts_are_joined_by_lines() -> None:
    """Unchanged in the text that is sent, trimmed one by one in the history."""
    prompt = parse_messages([user([text(" a "), text("b ")])])
    assert (prompt.newest, prompt.canonical) == (" a \nb ", "a\nb")


def test_a_history_is_found_however_clients_split_it() -> None:
    """Trimmed, as parts, as several system messages, with inline blocks: the stored key."""
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


def test_consecutive_messages_are_found_again() -> None:
    """A question in two messages is stored as the next request repeats it."""
    messages = [user("a"), user([text("b"), picture()])]
    prompt = parse_messages(messages)
    assert hash_history("open", "precise", "", prompt.after("c")) == key(*messages, assistant("c"))


def test_histories_with_other_pictures_differ() -> None:
    """With the same text about them, or without any."""
    one, two = [user([picture()]), assistant("A cat.")], [user([picture("https://ex.test/b.png")]), assistant("A cat.")]
    assert key(*one) != key(*two)
    prompt = parse_messages(one[:1])
    assert hash_history("open", "precise", "", prompt.after("A cat.")) == key(*one)
    assert prompt.newest == ""
    assert prompt.canonical == prompt.images[0].mark


def test_a_picture_by_its_address_is_left_to_bing() -> None:
    """Nothing is fetched here."""
    (image,) = parse_messages([user([text("What?"), picture()])]).images
    assert (image.url, image.content) == ("https://ex.test/a.png", b"")


@pytest.mark.parametrize("detail", ["auto", "low", "high", None])
def test_the_detail_of_a_picture_has_no_effect(detail: str | None) -> None:
    """It is accepted."""
    part = {"type": "image_url", "image_url": {"url": "https://ex.test/a.png", "detail": detail}}
    assert parse_messages([user([part], name="Ada")]) == parse_messages([user([picture()])])


def test_a_data_url_is_decoded() -> None:
    """To bytes and media type."""
    (image,) = parse_messages([user([picture(PNG.replace("png", "PNG"))])]).images
    assert (image.url, image.content, image.media_type) == ("", b"\x89PNG", "image/png")


def test_old_pictures_are_marks() -> None:
    """The history says that there was one, and its bytes are not decoded again."""
    prompt = parse_messages(
        [user([text("What?"), picture("data:image/png;base64,!!")]), assistant("A cat."), user("Sure?")]
    )
    assert prompt.images == ()
    assert prompt.history[0].text.startswith("What?\n[image ")


def test_tool_results_are_labelled_text() -> None:
    """With the name of the call, their own name, or none; they count as the user's."""
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = [user("Rain?"), assistant(None, tool_calls=[call, {"id": 7, "function": {}}, "odd"])]
    prompt = parse_messages([*messages, {"role": "tool", "tool_call_id": "c1", "content": "dry"}])
    assert prompt.history == (Message("user", "Rain?"), Message("assistant", ""))
    assert prompt.newest == "Result of the tool weather:\ndry"
    named = parse_messages([{"role": "function", "name": "clock", "content": "noon"}])
    assert named.newest == "Result of the tool clock:\nnoon"
    unknown = parse_messages([{"role": "tool", "tool_call_id": "c9", "content": ""}])
    assert (unknown.newest, unknown.canonical) == ("Result of a tool:\n", "Result of a tool:")


def test_answers_without_content() -> None:
    """A call or a refusal replaces it."""
    prompt = parse_messages([user("a"), assistant(None, refusal=" No. "), user("b"),
                             {"role": "assistant", "function_call": {"name": "f"}}, user("c"),
                             assistant([{"type": "refusal", "refusal": "No!"}]), user("d")])  # fmt: skip
    assert [message.text for message in prompt.history if message.role == "assistant"] == ["No.", "", "No!"]


def system(content: Any, role: str = "system") -> dict[str, Any]:
    """Return a system message."""
    return {"role": role, "content": content}


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_system_message_at_the_end_joins_the_question(role: str) -> None:
    """A conversation that continues gets nothing else; one before a user's message is the system prompt."""
    prompt = parse_messages([system("One."), user("a"), system("Stay in character.", role)])
    assert (prompt.system, prompt.question, prompt.canonical) == (
        "One.",
        "a\n\nStay in character.",
        "a\n\nStay in character.",
    )
    after_tool = parse_messages([user("a"), assistant("b"), system("Result: 4", role)])
    assert (after_tool.system, after_tool.question, len(after_tool.history)) == ("", "Result: 4", 2)
    assert parse_messages([user("a"), system(" ", role)]).question == "a"


def test_a_system_message_at_the_end_is_found_again() -> None:
    """In the next request it precedes an answer: the same history."""
    messages = [system("One."), user("a"), assistant("b"), system("Result: 4")]
    prompt = parse_messages(messages)
    assert hash_history("open", "precise", prompt.key_system, prompt.after("c")) == key(*messages, assistant("c"))


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_lone_system_message_is_the_question(role: str) -> None:
    """A client asks for a title so; of several, the last one with text is the question."""
    prompt = parse_messages([system("Write a title.", role)])
    assert (prompt.system, prompt.question) == ("", "Write a title.")
    several = parse_messages([system("One.", role), system("Two."), system("")])
    assert (several.system.strip(), several.question) == ("One.", "Two.")


def test_an_answer_at_the_end_is_continued() -> None:
    """A prefill, or a chat that asks for more; all its messages are history."""
    prompt = parse_messages([user("a"), assistant("Once upon")])
    assert prompt.history == (Message("user", "a"), Message("assistant", "Once upon"))
    assert (prompt.question, prompt.lead) == (GO_ON, ())
    assert parse_messages([assistant("Hi")]).history == (Message("assistant", "Hi"),)
    assert parse_messages([user("a"), assistant(None, refusal="No.")]).question == GO_ON


@pytest.mark.parametrize("content", ["", " ", None, []])
def test_an_empty_answer_at_the_end_is_ignored(content: Any) -> None:
    """The question before it is asked."""
    assert parse_messages([user("a"), assistant(content)]) == parse_messages([user("a")])
    assert parse_messages([system("x"), assistant(content), assistant("")]).question == "x"


@pytest.mark.parametrize(
    ("old", "shown"),
    [
        (user([text("listen"), {"type": "input_audio", "input_audio": {}}]), "listen\n[audio]"),
        (user([{"type": "file", "file": {}}]), "[file]"),
        (user([{"type": "input_file", "file_id": "x"}]), "[file]"),
        (user([{"type": "video_url", "video_url": {}}]), "[video]"),
        (user([{"type": "other"}]), "[attachment]"),
        (user([picture("gs://elsewhere/a.png")]), "[image]"),
        (user([text("a"), {"type": "text", "text": None}]), "a"),
        (user(None), ""),
        ({"role": "tool", "content": None}, "Result of a tool:"),
        ({"role": "tool", "content": []}, "Result of a tool:"),
    ],
)
def test_old_messages_do_not_end_a_chat(old: dict[str, Any], shown: str) -> None:
    """A part that no back end can take becomes a mark; only a new one may be refused."""
    prompt = parse_messages([old, assistant("ok"), user("and now?")])
    assert (prompt.history, prompt.question) == (
        (Message("user", shown), Message("assistant", "ok")),
        "and now?",
    )


@pytest.mark.parametrize(
    ("content", "fields", "shown"),
    [
        ([{"type": "thinking", "thinking": "hm"}, text("4")], {}, "4"),
        ([{"type": "output_text", "text": "4"}], {}, "4"),
        ([], {}, ""),
        (None, {}, ""),
        (None, {"tool_calls": []}, ""),
        ([text("here"), {"type": "audio"}], {}, "here\n[attachment]"),
    ],
)
def test_old_answers_do_not_end_a_chat(content: Any, fields: dict[str, Any], shown: str) -> None:
    """Reasoning is no part of the history."""
    prompt = parse_messages([user("a"), assistant(content, **fields), user("b")])
    assert prompt.history == (Message("user", "a"), Message("assistant", shown))


def test_old_pictures_of_others_are_marks() -> None:
    """In an answer, and in a tool's result."""
    prompt = parse_messages([user("a"), assistant([picture()]), {"role": "tool", "content": [picture()]},
                             assistant("b"), system(None), user("c")])  # fmt: skip
    assert prompt.history[1].text.startswith("[image ")
    assert prompt.history[2].text.startswith("Result of a tool:\n[image ")
    assert (prompt.images, prompt.question) == ((), "c")


def test_a_picture_in_a_tools_result_is_sent() -> None:
    """As one of the user's."""
    prompt = parse_messages([user("a"), assistant(None, tool_calls=[]), {"role": "tool", "content": [picture(PNG)]}])
    assert [image.content for image in prompt.images] == [b"\x89PNG"]


def test_other_forms_of_parts() -> None:
    """A picture's address alone, and the types of the Responses API."""
    plain = parse_messages([user([text("What?"), picture()])])
    address = {"type": "image_url", "image_url": "https://ex.test/a.png"}
    assert parse_messages([user([text("What?"), address])]) == plain
    named = [{"type": "input_text", "text": "What?"}, address | {"type": "input_image"}]
    assert parse_messages([user([{"type": "thinking", "thinking": "x"}, *named])]) == plain


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
        ([assistant("")], "messages[0].content"),
        ([assistant(None), assistant([])], "messages[1].content"),
        ([{"role": "system", "content": " "}], "messages[0].content"),
        ([user(None)], "messages[0].content"),
        ([{"role": "user"}], "messages[0].content"),
        ([user(7)], "messages[0].content"),
        ([user([])], "messages[0].content"),
        ([user("")], "messages[0].content"),
        ([user(" \n")], "messages[0].content"),
        ([user(), assistant(7), user()], "messages[1].content"),
        ([user(["x"])], "messages[0].content[0]"),
        ([user([{"text": "x"}])], "messages[0].content[0].type"),
        ([user([{"type": "other"}])], "messages[0].content[0].type"),
        ([user([{"type": "text"}])], "messages[0].content[0].text"),
        ([user([{"type": "text", "text": None}])], "messages[0].content[0].text"),
        ([user([text("x"), {"type": "image_url"}])], "messages[0].content[1].image_url.url"),
        ([user([{"type": "image_url", "image_url": "ftp://ex.test"}])], "messages[0].content[0].image_url.url"),
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
def test_invalid_messages_name_their_field(messages: Any, param: str) -> None:
    """Each is a 400 that says where."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_messages(messages)
    assert (caught.value.code, caught.value.param) == ("invalid_value", param)


@pytest.mark.parametrize(
    "messages",
    [
        [user([{"type": "input_audio", "input_audio": {}}])],
        [user([{"type": "file", "file": {}}])],
        [{"role": "system", "content": [picture()]}, user()],
        [{"role": "system", "content": [{"type": "input_image", "image_url": "https://ex.test"}]}, user()],
    ],
)
def test_parts_that_bing_cannot_take(messages: Any) -> None:
    """OpenAI has them; here they are refused by name."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_messages(messages)
    assert caught.value.code == "unsupported_parameter"
    assert str(caught.value.param).endswith("content[0]")

"""OpenAI's own clients against the real server: only the base address is changed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from pytest_django import Settings

from tests.factories import make_key
from tests.journeys.chats import Chats

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
ANSWER = "You wrote: “hello” That was turn 1. The sandbox answers, not Bing."
# A picture of one pixel.
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
INSTALL_SECONDS = 240


@pytest.fixture
def client(chats: Chats) -> Iterator[openai.OpenAI]:
    """The official client; it repeats nothing by itself."""
    with openai.OpenAI(base_url=f"{chats.site.url}/v1", api_key="sk-anything", max_retries=0) as found:
        yield found


# --- Python -----------------------------------------------------------------------------------------------------------


def test_python_lists_the_models(client: openai.OpenAI) -> None:
    """All six, and one by its name."""
    assert [model.id for model in client.models.list()] == [
        "precise",
        "balanced",
        "creative",
        "precise-offline",
        "balanced-offline",
        "creative-offline",
    ]
    assert client.models.retrieve("creative").owned_by == "bing"


def test_python_whole(client: openai.OpenAI) -> None:
    """Typed through and through."""
    answer = client.chat.completions.create(model="balanced", messages=HELLO, temperature=0.2)
    assert answer.choices[0].message.content == ANSWER
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_python_streamed(client: openai.OpenAI) -> None:
    """With usage at the end."""
    stream = client.chat.completions.create(
        model="balanced", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == ANSWER
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None


def test_python_reads_sources(client: openai.OpenAI) -> None:
    """As annotations of the message."""
    words: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello sandbox:search"}]
    message = client.chat.completions.create(model="balanced", messages=words).choices[0].message
    assert message.annotations
    assert message.annotations[0].url_citation.url.startswith("https://")


def test_python_sends_a_picture(client: openai.OpenAI, chats: Chats) -> None:
    """As a part of the content."""
    parts: list[ChatCompletionMessageParam] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": PIXEL}},
            ],
        }
    ]
    answer = client.chat.completions.create(model="balanced", messages=parts)
    assert "what is this?" in (answer.choices[0].message.content or "")
    assert chats.counts()["uploads"] == 1
    assert chats.turns()[0]["image"]


def test_python_goes_on_with_a_chat(client: openai.OpenAI, chats: Chats) -> None:
    """Handing its own message objects back, as programs do."""
    messages: list[Any] = [{"role": "system", "content": "Be kind."}]
    for number in range(3):
        messages.append({"role": "user", "content": f"question {number}"})
        messages.append(client.chat.completions.create(model="creative", messages=messages).choices[0].message)
    assert chats.counts()["creates"] == 1
    assert [turn["system"] for turn in chats.turns()] == ["Be kind.", None, None]


@pytest.mark.parametrize(
    ("words", "model", "error"),
    [
        ("", "balanced", openai.BadRequestError),
        ("hello", "gpt-4", openai.NotFoundError),
        ("hello sandbox:throttled", "balanced", openai.RateLimitError),
        ("hello sandbox:captcha", "balanced", openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_python_errors_are_typed(
    client: openai.OpenAI, words: str, model: str, error: type[openai.APIStatusError], stream: bool
) -> None:
    """Each status is the exception that programs look for, its body the error object."""
    with pytest.raises(error) as caught:
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": words}], stream=stream)
    assert isinstance(caught.value.body, dict)
    assert caught.value.code
    assert caught.value.request_id


def test_python_a_wrong_key(chats: Chats, settings: Settings) -> None:
    """401 where keys are needed; a good one works."""
    settings.ACCESS = "keys"
    wrong = openai.OpenAI(base_url=f"{chats.site.url}/v1", api_key="bp_wrong", max_retries=0)
    with wrong, pytest.raises(openai.AuthenticationError):
        wrong.chat.completions.create(model="balanced", messages=HELLO)
    with openai.OpenAI(base_url=f"{chats.site.url}/v1", api_key=make_key()[1], max_retries=0) as good:
        assert good.chat.completions.create(model="balanced", messages=HELLO).choices[0].message.content == ANSWER


def test_python_a_stream_that_breaks(client: openai.OpenAI) -> None:
    """The text so far, then an APIError with our code."""
    words: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello sandbox:cut-after"}]
    text = ""
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.chat.completions.create(model="balanced", messages=words, stream=True):
            text += chunk.choices[0].delta.content or ""
    assert text.startswith("You wrote")
    assert caught.value.code == "upstream_interrupted"


def test_python_leaves_a_stream(client: openai.OpenAI, chats: Chats) -> None:
    """Closing it frees everything."""
    words: list[ChatCompletionMessageParam] = [{"role": "user", "content": "x sandbox:words=400 sandbox:gap=0.05"}]
    with client.chat.completions.create(model="balanced", messages=words, stream=True) as stream:
        next(iter(stream))
    chats.wait_for_rest()
    assert chats.turns()[0]["left"]


def test_python_retries_what_may_be_retried(chats: Chats) -> None:
    """A challenge is final: one request in all, though the client would try thrice."""
    with (
        openai.OpenAI(base_url=f"{chats.site.url}/v1", api_key="x", max_retries=2) as found,
        pytest.raises(openai.InternalServerError),
    ):
        found.chat.completions.create(model="balanced", messages=[{"role": "user", "content": "x sandbox:captcha"}])
    assert len(chats.turns()) == 1


@pytest.fixture
def addresses(chats: Chats) -> str:
    """Where the server is, for asynchronous tests: rows and servers are there."""
    return chats.site.url


async def test_python_asynchronous(addresses: str) -> None:
    """Whole and streamed."""
    async with openai.AsyncOpenAI(base_url=f"{addresses}/v1", api_key="x", max_retries=0) as client:
        whole = await client.chat.completions.create(model="precise", messages=HELLO)
        assert whole.choices[0].message.content == ANSWER
        stream = await client.chat.completions.create(model="precise", messages=HELLO, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        assert text == ANSWER
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("gpt-4")


# --- others, from their registries ------------------------------------------------------------------------------------

NODE_PROGRAM = """
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.argv[2] + "/v1", apiKey: "x", maxRetries: 0 });
const messages = [{ role: "user", content: "hello" }];
const whole = await client.chat.completions.create({ model: "balanced", messages });
let streamed = "";
for await (const chunk of await client.chat.completions.create({ model: "balanced", messages, stream: true })) {
  streamed += chunk.choices[0].delta.content ?? "";
}
const models = (await client.models.list()).data.map((model) => model.id);
const failure = await client.chat.completions.create({ model: "gpt-4", messages }).catch((error) => error);
const broken = [{ role: "user", content: "hello sandbox:cut-after" }];
let code = "";
try {
  for await (const _ of await client.chat.completions.create({ model: "balanced", messages: broken, stream: true }));
} catch (error) {
  code = error.code ?? error.error?.code;
}
const name = failure.constructor.name;
console.log(JSON.stringify({ whole: whole.choices[0].message.content, streamed, models, name, code }));
"""

CHAIN_PROGRAM = """
import json, sys
from langchain_openai import ChatOpenAI
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
model = ChatOpenAI(model="creative", base_url=sys.argv[1] + "/v1", api_key="x", max_retries=0)
past = [SystemMessage("Be kind."), HumanMessage("hello")]
whole = model.invoke(past)
streamed = "".join(chunk.content for chunk in model.stream([*past, whole, HumanMessage("again")]))
print(json.dumps({"whole": whole.content, "streamed": streamed}))
"""


def run(command: list[str], place: Path) -> str:
    """What a program prints."""
    return subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=True
    ).stdout


@pytest.mark.foreign
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node and npm")
def test_node(chats: Chats, tmp_path: Path) -> None:
    """The official SDK: whole, streamed, models, typed errors, a stream that breaks."""
    run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tmp_path), "openai"], tmp_path)
    (tmp_path / "program.mjs").write_text(NODE_PROGRAM)
    shown = json.loads(run(["node", "program.mjs", chats.site.url], tmp_path))
    assert (shown["whole"], shown["streamed"]) == (ANSWER, ANSWER)
    assert (len(shown["models"]), shown["name"], shown["code"]) == (6, "NotFoundError", "upstream_interrupted")


@pytest.fixture(scope="module")
def foreign_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with LangChain, made for this run."""
    place = tmp_path_factory.mktemp("clients")
    run([sys.executable, "-m", "venv", str(place)], place)
    run([str(place / "bin/pip"), "install", "--quiet", "langchain-openai"], place)
    return place


@pytest.mark.foreign
def test_langchain(chats: Chats, foreign_python: Path) -> None:
    """Two turns, one conversation; the system prompt reaches the first."""
    shown = json.loads(run([str(foreign_python / "bin/python"), "-c", CHAIN_PROGRAM, chats.site.url], foreign_python))
    assert shown["whole"] == ANSWER
    assert "again" in shown["streamed"]
    assert chats.counts()["creates"] == 1
    assert [turn["system"] for turn in chats.turns()] == ["Be kind.", None]

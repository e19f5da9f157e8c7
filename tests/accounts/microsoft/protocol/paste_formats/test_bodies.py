"""A document without its bodies is the same document: nothing else of it is lost, however it is written."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from accounts.microsoft.protocol.paste_formats.bodies import leave_out_bodies
from accounts.microsoft.protocol.paste_formats.har import read_har
from tests.samples.pastes import read_sample

PAGE = '<div class="a">\\ and \\" and "text": "x"}, {"text": "y", \n"' * 200
WORDS = ("x" * 300, '"', "\\", '\\"', "\n", "…", '"text":', ", ", "}, {", "a")


def compare(left: Any, whole: Any) -> None:
    """Equal but for texts that are empty in the first."""
    assert type(left) is type(whole)
    if isinstance(whole, dict):
        assert left.keys() == whole.keys()
        for name, value in whole.items():
            if name != "text" or left[name] != "":
                compare(left[name], value)
    elif isinstance(whole, list):
        assert len(left) == len(whole)
        for pair in zip(left, whole, strict=True):
            compare(*pair)
    else:
        assert left == whole


@pytest.mark.parametrize("indent", [None, 2, 4])
@pytest.mark.parametrize(
    "body", ["x" * 5000, "QUJD" * 2000 + "==", ('"' + "x" * 999) * 9, "x" * 999 + "\\", "\\" * 999]
)
def test_long_bodies_go(body: str, indent: int | None) -> None:
    """Bodies with few quotes, on lines of their own or not."""
    document = {"text": body, "a": [{"content": {"size": 1, "text": body}, "cookies": ["c"]}, {"text": body}]}
    left = json.loads(leave_out_bodies(json.dumps(document, indent=indent).encode()))
    assert left == {"text": "", "a": [{"content": {"size": 1, "text": ""}, "cookies": ["c"]}, {"text": ""}]}


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_bodies_full_of_quotes_stay(line_break: str) -> None:
    """In lines, those after them still go."""
    document = [{"text": PAGE, "cookies": ["c"]}, {"a": 1, "text": "x" * 999}]
    text = json.dumps(document, indent=2).replace("\n", line_break)
    left = leave_out_bodies(text.encode())
    assert json.loads(left) == [{"text": PAGE, "cookies": ["c"]}, {"a": 1, "text": ""}]


@pytest.mark.parametrize(
    "text",
    [
        '[{"text": PAGE, "cookies": ["c"]}, {"text": PAGE}]',
        '[{\n"text": PAGE, "cookies": "c", "text": PAGE\n}]',
        '[{\n"text": "' + '\\"' * 999 + "\n}]",
        '[{\n"text": "' + "x" * 999,
        json.dumps([{"text": "short"}, {"text": 5}, {"text": None}, {"text": {"text": []}}, {'"text': "x" * 999}]),
    ],
)
def test_what_is_not_told_soon_stays(text: str) -> None:
    """Strings full of quotes, without an end, short, and what is no string."""
    data = text.replace("PAGE", json.dumps(PAGE)).encode()
    assert leave_out_bodies(data) == data


class Writer:
    """Writes documents by chance: any blanks between tokens, any text, `text` as a name in any place."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.blanks = self.chance.choice((("",), ("", " "), ("\n",), ("", "", " ", "\n", "\r\n  ", "\t")))

    def blank(self) -> str:
        """What stands between two tokens."""
        return self.chance.choice(self.blanks)

    def text(self) -> str:
        """A text with few quotes or with many, perhaps one that looks like JSON or ends in backslashes."""
        density = self.chance.choice(("x" * 300, '"', "a"))
        words = self.chance.choices((*WORDS, density, density, density), k=self.chance.randrange(90))
        return "".join(words) + self.chance.choice(("", "", "\\", "\\\\", '\\"'))

    def odd(self, depth: int) -> Any:
        """Any value."""
        kind = self.chance.choice(("text", "list", "object", "object") if depth else ("text",))
        if kind == "text":
            return self.text()
        values = [self.odd(depth - 1) for _ in range(self.chance.randrange(4))]
        return dict(zip(self.names(len(values)), values, strict=True)) if kind == "object" else values

    def names(self, count: int) -> list[str]:
        """Names of members."""
        return self.chance.sample(("text", "cookies", 'a"text', "text\\", '"text":', "b"), k=count)

    def entry(self) -> dict[str, Any]:
        """A HAR's entry, its members in any order, with bodies and odd members between."""
        cookies = [self.shuffled(self.cookie() | {"text": self.text()}) for _ in range(self.chance.randrange(3))]
        url = f"https://{self.chance.choice('ab')}.bing.com/"
        request = {"url": url, "cookies": cookies, "postData": {"text": self.text()}, "text": self.text()}
        answer = {"cookies": [self.cookie()], "content": self.shuffled({"text": self.text(), "size": 1})}
        return self.shuffled({"request": self.shuffled(request), "response": answer, "odd": self.odd(2)})

    def cookie(self) -> dict[str, str]:
        """A cookie of few names, so that the newest of them counts."""
        return {"name": self.chance.choice("cde"), "value": self.text(), "domain": self.chance.choice("xyz")}

    def shuffled(self, members: dict[str, Any]) -> dict[str, Any]:
        """The same members in another order."""
        return dict(self.chance.sample(list(members.items()), k=len(members)))

    def write(self, value: Any) -> str:
        """The value as JSON."""
        if isinstance(value, dict):
            pairs = [f"{self.write(name)}{self.blank()}:{self.blank()}{self.write(v)}" for name, v in value.items()]
            return self.within("{}", pairs)
        if isinstance(value, list):
            return self.within("[]", [self.write(item) for item in value])
        return json.dumps(value, ensure_ascii=self.chance.random() < 0.5)

    def within(self, brackets: str, parts: list[str]) -> str:
        """The parts with commas between, in brackets."""
        inside = f"{self.blank()},{self.blank()}".join(parts)
        return f"{brackets[0]}{self.blank()}{inside}{self.blank()}{brackets[1]}"


def test_a_document_written_anyhow() -> None:
    """Nothing but texts is lost."""
    shorter = 0
    for seed in range(600):
        writer = Writer(seed)
        data = writer.write(writer.odd(5)).encode()
        left = leave_out_bodies(data)
        shorter += len(left) < len(data)
        compare(json.loads(left), json.loads(data))
    assert shorter > 20


def test_the_cookies_of_a_har_written_anyhow() -> None:
    """The same as by decoding the whole of it: the newest of each name and domain, newest first."""
    shorter = 0
    for seed in range(300):
        writer = Writer(seed)
        data = writer.write({"log": {"entries": [writer.entry() for _ in range(4)]}}).encode()
        shorter += len(leave_out_bodies(data)) < len(data)
        newest: dict[tuple[str, str], str] = {}
        for entry in json.loads(data)["log"]["entries"]:
            for cookie in (*reversed(entry["request"]["cookies"]), *reversed(entry["response"]["cookies"])):
                key = cookie["name"], cookie["domain"]
                newest.pop(key, None)
                newest[key] = cookie["value"]
        paste = read_har(data)
        assert paste is not None
        read = [((cookie.name, cookie.domain), cookie.value) for cookie in paste.cookies]
        assert read == list(reversed(newest.items()))
    assert shorter > 100


@pytest.mark.parametrize("name", ["bing.har", "copilot.har", "mitmproxy.har"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_har_reads_the_same(name: str, indent: int | None) -> None:
    """With bodies and without."""
    document = json.loads(read_sample(name))
    plain = read_har(json.dumps(document).encode())
    for entry in document["log"]["entries"]:
        entry["response"]["content"] = {"size": 1, "text": PAGE, "encoding": "x"}
        entry["request"]["postData"] = {"mimeType": "a/b", "text": PAGE}
    assert read_har(json.dumps(document, indent=indent).encode()) == plain


def test_a_body_that_is_no_json_string() -> None:
    """A bad escape in what is left out breaks nothing; one elsewhere is an error as ever."""
    document = {"log": {"entries": [{"request": {"url": "https://www.bing.com/"}, "x": {"text": "y" * 999}}]}}
    text = json.dumps(document).replace("yyyy", "\\xyy")
    paste = read_har(text.encode())
    assert paste is not None and paste.hosts == {"www.bing.com"}

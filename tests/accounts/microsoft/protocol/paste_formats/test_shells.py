"""A command line as bash or Windows' cmd takes it apart."""

from __future__ import annotations

import pytest

from accounts.microsoft.protocol.paste_formats.shells import (
    UnclosedQuoteError,
    arguments_of,
    is_cmd,
    program_of,
    split_bash,
    split_cmd,
    without_comments,
)


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("curl 'a b' \"c d\" e\\ f", [["curl", "a b", "c d", "e", "f"]]),
        ("curl \\\n-H 'x'  \\  \r\n\t-b y\\z", [["curl", "-H", "x", "-b", "yz"]]),
        ("curl $'it\\'s\\x27\\u0021\\041\\n\\U0001F600\\ca\\q\\\\'", [["curl", "it's'!!\n\U0001f600\x01\\q\\"]]),
        ("curl $'\\UFFFFFFFF'", [["curl", ""]]),
        ('curl "a\\"b\\$c\\\nd\\e" $"f" $g', [["curl", 'a"b$cd\\e', "f", "$g"]]),
        ("curl a ; curl b & curl c && curl d\ncurl e | jq", [["curl", x] for x in "abcde"] + [["jq"]]),
        ("curl -b'x'=\"y\" # a 'comment\ncurl z", [["curl", "-bx=y"], ["curl", "z"]]),
        ("curl x#y https://a/?b=1&c=2;d", [["curl", "x#y", "https://a/?b=1&c=2;d"]]),
        ("curl ''", [["curl", ""]]),
        ("curl a > b c>d 2>e 2>&1", [["curl", "a", "c"]]),
        ("curl a2>b >| c >&2 &> d <<<e f", [["curl", "a2", "f"]]),
        ("curl '>a' \">b\" c\\>d", [["curl", ">a", ">b", "c>d"]]),
        ("curl a >\n curl b", [["curl", "a"], ["curl", "b"]]),
        ("> curl a\n>curl b", [[">", "curl", "a"], [">", "curl", "b"]]),
        ("", []),
    ],
)
def test_bash(text: str, commands: list[list[str]]) -> None:
    """All quotes, escapes, continued and flattened lines, several commands."""
    assert split_bash(text) == commands


@pytest.mark.parametrize("text", ["curl 'a", 'curl "a', "curl $'a\\'", "curl a\\"])
def test_bash_that_breaks_off(text: str) -> None:
    """Within quotes, or behind a backslash."""
    with pytest.raises(UnclosedQuoteError):
        split_bash(text)


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ('curl ^"a^&b^" ^\r\n  -H ^"c: ^\\^"d^\\^" e^%^2F^"', [["curl", "a&b", "-H", 'c: "d" e%2F']]),
        ('curl "a" -H "K=a^%^2Bb" &\r\ncurl "b&c"', [["curl", "a", "-H", "K=a%2Bb"], ["curl", "b&c"]]),
        ('curl "a" ^\n -H "x: 1 ^a ""q"" \\\\ \\"r\\""', [["curl", "a", "-H", 'x: 1 ^a "q" \\ "r"']]),
        ('curl "a"%"2F" b\\c', [["curl", "a%2F", "b\\c"]]),
        ('curl --data-raw ^"a^\n\nb^"', [["curl", "--data-raw", "a\nb"]]),
        ('curl "a^\nb"', [["curl", "ab"]]),
        ("curl a^", [["curl", "a"]]),
        ("curl a  \t b ", [["curl", "a", "b"]]),
        (" & ", []),
        ('curl "a>b" > "c d" e>f 2>g', [["curl", "a>b", "e"]]),
        ('curl ^"a^>b^" -d "<c>"', [["curl", "a>b", "-d", "<c>"]]),
    ],
)
def test_cmd(text: str, commands: list[list[str]]) -> None:
    """Carets outside quotes and, as browsers wrote them until 2023, inside; a caret of the value's own stays."""
    assert split_cmd(text) == commands


def test_cmd_that_breaks_off() -> None:
    """Within quotes."""
    with pytest.raises(UnclosedQuoteError):
        split_cmd('curl ^"a')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('curl ^"https://a^"', True),
        ('curl "https://a" ^\r\n -b "x"', True),
        ('curl "https://a" -H "K=a^%^2B"', True),
        ('curl.exe "https://a"', True),
        ('curl "https://a" -H "K=a"%"2B"', True),
        ('curl "https://a" -H "x"', False),
        ("curl 'https://a' --data-raw '^\"'", False),
        ("curl -b'x' ^", False),
        ("curl https://a", False),
    ],
)
def test_which_shell(text: str, expected: bool) -> None:
    """By its carets, unless the first quote is one that cmd does not know."""
    assert is_cmd(text) == expected


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("curl a", "curl"),
        (" $ cURL.exe a", "curl"),
        ("> wget a", "wget"),
        ("curl", ""),
        ("'curl' a", ""),
        ("curl: a", ""),
        ("$ ", ""),
    ],
)
def test_which_program(text: str, program: str) -> None:
    """The first word, behind a prompt."""
    assert program_of(text) == program


def test_arguments_of_a_program() -> None:
    """Of each of its commands; a prompt alone is none."""
    assert list(arguments_of("curl", "curl a; wget b; $ curl.exe c; $ ; > ; x")) == [["a"], ["c"]]


def test_comments_before_a_command() -> None:
    """Those within stay."""
    assert without_comments("# a\n\n  # b\ncurl c # d\n# e") == "curl c # d\n# e"
    assert without_comments("curl # a") == "curl # a" and without_comments("# a") == "# a"

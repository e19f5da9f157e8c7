"""Split a command line into commands of words, as bash or Windows' cmd does. Nothing is expanded or run.

Redirections and their files are dropped. All patterns are possessive, so that they never backtrack and the time is
linear in the text's length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

Command = list[str]

_PROMPTS = ("$", ">")
_PROGRAM = re.compile(r"\s*(?:[$>]\s+)?([A-Za-z]{2,10})(?:\.exe)?\s", re.IGNORECASE)
# Comments of bash and cmd, and a script's first line.
_COMMENTS = re.compile(r"(?:\s*+(?:#|::|REM[ \t])[^\n]*+\n)++\s*+", re.IGNORECASE)
_BETWEEN_WORDS = ("blank", "comment", "end", "redirect")
_BASH = re.compile(
    r"""
      (?P<blank>(?:[ \t]|\\[ \t]*+\r?\n|\\(?=[ \t]))++)   # a command flattened to one line keeps its backslashes
    | (?P<redirect>(?:&>{1,2}|(?:(?<=[\s;&|])\d)?(?:>{1,2}[|&]?|<{1,3}[&-]?)))
    | (?P<end>[\r\n;|&]++)
    | (?P<comment>(?<![^\s;&|])\#[^\r\n]*+)
    | (?P<address>(?<![^\s])[A-Za-z]{2,5}://[^\s'"`<>|\\]++)  # copied from the address bar, with its "&"
    | '(?P<single>[^']*+)'
    | \$'(?P<ansi>(?:[^'\\]++|\\.)*+)'
    | \$?"(?P<double>(?:[^"\\]++|\\.)*+)"
    | \\(?P<escaped>.)
    | (?P<plain>(?:[^\s'"\\;&|$<>]++|\$(?!['"]))++)
    """,
    re.VERBOSE | re.DOTALL,
)
_ANSI = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|c(.)|(.))", re.DOTALL
)
_ANSI_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}
_LARGEST_CHARACTER = 0x10FFFF

# cmd removes its carets and splits commands first; the program's own start-up code splits the words after that.
_CMD = re.compile(
    r'(?P<joined>\^\r?\n)(?P<line>\r?\n)?|\^(?P<escaped>.)|(?P<quote>")|(?P<end>[&|\r\n]++)|(?P<plain>[^\^"&|\r\n]++)',
    re.DOTALL,
)
_WORDS = re.compile(
    r'(?P<blank>[ \t\r\n]++)|(?P<redirect>(?:(?<=\s)\d)?[<>]{1,2})|"(?P<double>(?:[^"\\]++|\\.|"")*+)"'
    r'|\\(?P<escaped>["\\])|(?P<plain>[^ \t\r\n"\\<>]++|\\)',
    re.DOTALL,
)
_IN_DOUBLE = re.compile(r'\\(["\\])|""')
# Until 2023, browsers wrote escaping carets inside plain quotes, where such a caret precedes a letter only after "%".
# Any other caret before a letter is a literal one.
_LITERAL_CARET = re.compile(r"(?<![%^])\^[0-9A-Za-z_ ]")
_IS_CMD = re.compile(r'\^"|\^[ \t]*\r?\n|^\s*curl\.exe\s|"%"|\^[%&!{}()<>|\[\]@#$]', re.IGNORECASE)
_FIRST_QUOTE = re.compile(r"""(?:\s|=|\s-[A-Za-z]{1,8})(\$?'|\^?")""")


class UnclosedQuoteError(ValueError):
    """A quote of the command line is not closed."""


def is_cmd(text: str) -> bool:
    """True if a command is written for Windows' cmd: it has carets, and its first quote is not a quote of bash's."""
    quote = _FIRST_QUOTE.search(text)
    if quote is not None and quote[1].endswith("'"):
        return False
    return _IS_CMD.search(text) is not None


def program_of(text: str) -> str:
    """Return the program that the text's first command starts, in lower case; "" if it begins with none."""
    found = _PROGRAM.match(text)
    return found[1].lower() if found is not None else ""


def arguments_of(program: str, text: str) -> Iterator[Command]:
    """Yield the arguments of each command that starts the program; skip other commands.

    Raises:
        UnclosedQuoteError.
    """
    text = without_comments(text)
    for command in split_cmd(text) if is_cmd(text) else split_bash(text):
        words = command[1:] if command[0] in _PROMPTS else command
        if words and words[0].casefold() in (program, f"{program}.exe"):
            yield words[1:]


def without_comments(text: str) -> str:
    """Remove the comments and blank lines at the text's beginning."""
    found = _COMMENTS.match(text)
    return text[found.end() :] if found is not None else text


def split_bash(text: str) -> list[Command]:
    """Split a text into commands of words, as bash does.

    Raises:
        UnclosedQuoteError.
    """
    return _gather(scan(_BASH, text), _plain)


def split_cmd(text: str) -> list[Command]:
    """Split a text into commands of words, as Windows' cmd and the program that it starts do.

    Raises:
        UnclosedQuoteError.
    """
    return [command for line in _cmd_lines(text) for command in _gather(scan(_WORDS, line), _plain_cmd)]


def scan(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, str]]:
    """Yield the group name and the text of each token; the tokens cover the whole text.

    Raises:
        UnclosedQuoteError: No token matches, as at a quote without its end.
    """
    position = 0
    while position < len(text):
        found = pattern.match(text, position)
        if found is None or found.lastgroup is None:
            raise UnclosedQuoteError
        yield found.lastgroup, found[found.lastgroup]
        position = found.end()


def character(code: int) -> str:
    """Return the character with this code; "" if there is none."""
    return chr(code) if code <= _LARGEST_CHARACTER else ""


def _gather(tokens: Iterable[tuple[str, str]], read: Callable[[str, str], str]) -> list[Command]:
    """Join adjacent tokens to words, and words to commands; drop the word after a redirection, which is a file."""
    commands: list[Command] = [[]]
    word: list[str] | None = None
    is_file = False
    for kind, part in (*tokens, ("end", "")):
        if kind not in _BETWEEN_WORDS:
            word = [] if word is None else word
            word.append(read(kind, part))
            continue
        if word is not None:
            if not is_file:
                commands[-1].append("".join(word))
            word, is_file = None, False
        if kind == "end":
            commands.append([])
            is_file = False
        elif kind == "redirect" and commands[-1]:
            is_file = True
        elif kind == "redirect":
            commands[-1].append(part)  # a prompt
    return [command for command in commands if command]


def _plain(kind: str, part: str) -> str:
    if kind == "ansi":
        return _ANSI.sub(_read_ansi, part)
    return re.sub(r"\\\r?\n|\\([\"$`\\])", r"\1", part) if kind == "double" else part


def _read_ansi(found: re.Match[str]) -> str:
    """Read one escape in `$'…'`: \\n, \\x27, \\u0021, \\041, \\'."""
    two, four, eight, octal, control, letter = found.groups()
    if letter is not None:
        return _ANSI_LETTERS.get(letter, letter if letter in "\\'\"?" else f"\\{letter}")
    if control is not None:
        return chr(ord(control) & 0x1F)
    return character(int(octal, 8) & 0xFF if octal is not None else int(two or four or eight, 16))


def _cmd_lines(text: str) -> list[str]:
    """Split the text into commands and remove their carets."""
    keeps_carets = '^"' not in text and _LITERAL_CARET.search(text) is not None
    lines: list[list[str]] = [[]]
    is_quoted = False
    for found in _CMD.finditer(text):
        kind, part = str(found.lastgroup), found[str(found.lastgroup)]
        is_quoted ^= kind == "quote"
        if kind == "end" and not is_quoted:
            lines.append([])
        elif kind == "escaped" and is_quoted and keeps_carets:
            lines[-1].append(found[0])
        elif kind == "joined":
            lines[-1].append(" " if not is_quoted else "")
        else:
            lines[-1].append(part)
    return ["".join(line) for line in lines]


def _plain_cmd(kind: str, part: str) -> str:
    return _IN_DOUBLE.sub(lambda found: found[1] or '"', part) if kind == "double" else part

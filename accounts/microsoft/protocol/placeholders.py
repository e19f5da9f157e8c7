"""Recognise placeholders for secrets, as in templates, scripts, settings files and tools that mask secrets."""

from __future__ import annotations

import re

_LONGEST, _SHORTEST_REPEATED, _LONGEST_REPEATED = 200, 4, 4096
# A text of these words alone is a placeholder; a random value as long as Bing's practically never is. Words of names
# that people give to test cookies are left out: "new-cookie", "demo-cookie".
_VOCABULARY = """
    actual bing bingcookie browser browsers change cookie cookies copied copy enter example fill fixme from goes here in
    insert is me my of or own paste placeholder please put real redacted removed replace sample sanitized string that
    the this to todo u value values with you your
""".split()  # noqa: SIM905 - a list of quoted words would be longer
_WORD = "|".join(sorted(_VOCABULARY, key=len, reverse=True))
_WORDS = re.compile(rf"[<\[({{$%_-]{{0,3}}\s*+(?:(?:{_WORD})[\s._-]*+)++[>\])}}%.]{{0,3}}", re.IGNORECASE)
_ONE_WORD = re.compile(
    r"""
      0|[x.*-]{1,3}|null|none|nil|undefined|nan|true|false|yes|no|on|off|test|change[-_]?me
    | (?:your|insert|paste|put|enter)[-_].{0,80}                 # your_cookie_here
    | .{0,80}[-_]here
    | \$.{0,80}|%\w{1,80}%|\{\{.{0,80}|<.{0,80}                  # $COOKIE, %COOKIE%, {{cookie}}, <cookie>
    | (?:~|\.{1,2}|[a-z]:)?[/\\][\w.-]{1,40}(?:[/\\][\w.-]{1,40}){0,8}[/\\]?    # /run/secrets/cookie
    | .{0,80}\.(?:txt|har|json|csv|zip|gz|log|sqlite|db)         # a file's name
    | (?:window\.)?document\.cookie|(?:0?123456789)++0?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_IN_BRACKETS = re.compile(r"\{\{[\s\w.-]{1,80}\}\}|\$\{\w{1,80}\}|<[\s\w.-]{1,80}>|[\[{][\s_A-Za-z-]{1,80}[\]}]")
_FEW_CHARACTERS = 2  # one, or one with another as a separator


def is_placeholder(text: str) -> bool:
    """True for a text that replaces a value, such as `your_cookie_here`, `$COOKIE`, `<cookie>` or `xxxxxxxx`."""
    if not text or len(text) > _LONGEST_REPEATED:
        return False
    if len(text) >= _SHORTEST_REPEATED and len(set(text)) <= _FEW_CHARACTERS:
        return True
    if len(text) > _LONGEST:
        return False
    if _WORDS.fullmatch(text) or _IN_BRACKETS.fullmatch(text):
        return True
    return len(text.split()) == 1 and _ONE_WORD.fullmatch(text) is not None

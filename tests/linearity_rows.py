"""A row for every regular expression of the product: see tests/test_linearity.py."""

from __future__ import annotations

from dataclasses import dataclass

from bingproject.api.request_headers import MAX_LENGTH


@dataclass(frozen=True)
class Row:
    """How a pattern is applied, and what may cost it most."""

    way: str = "search"
    nasty: tuple[str, ...] = ()
    # The code before the pattern lets no more characters through.
    bound: int = 0


# By the name of the pattern, or module and text where it has none. "search" looks for all matches, "scan" reads word
# for word; nasty texts are tried as runs, and before runs.
PATTERNS: dict[str, Row] = {
    "accounts.admin.tables.FORMULA": Row("match", ("'",)),
    "accounts.admin.tables._SEPARATOR_LINE": Row("match", ('"sep=;', "sep=,")),
    r"accounts.admin.tables \r\n|\r|\n": Row(nasty=("\r",)),
    "accounts.admin.tables [,;\t]": Row(nasty=(",",)),
    "accounts.admin.whitelist_cells.WHOLE": Row("fullmatch", ("1",)),
    "accounts.microsoft.protocol.cookie_values._ADDRESS": Row("fullmatch", ("www.", "a.", "bing.com/")),
    "accounts.microsoft.protocol.cookie_values._EMAIL": Row("fullmatch", ("a@", "a@a.")),
    "accounts.microsoft.protocol.cookie_values._JWT": Row("fullmatch", ("eyJa", "eyJa.eyJa", "eyJa.eyJa.a")),
    "accounts.microsoft.protocol.cookie_values._LABEL": Row("match", ("_U ",)),
    "accounts.microsoft.protocol.cookie_values._MARKS": Row(nasty=("'",)),
    "accounts.microsoft.protocol.cookie_values._MASK": Row(nasty=("..", "**")),
    "accounts.microsoft.protocol.cookies._VALUE": Row("fullmatch", ("!",)),
    "accounts.microsoft.protocol.cookies._SITE": Row("fullmatch", ("a.", "a.aa")),
    "accounts.microsoft.protocol.credentials._IDENTITY": Row(nasty=("?x-useridentitytype=", "&x-useridentitytype=a")),
    "accounts.microsoft.protocol.credentials._IDENTITY_NAME": Row("fullmatch"),
    "accounts.microsoft.providers.m365._PLACE": Row(nasty=("/Chathub/12345678", "/Chathub/")),
    "accounts.microsoft.providers.m365._SCENARIO": Row(nasty=("?scenario=", "&scenario=a")),
    "accounts.microsoft.providers.m365._IS_EDU": Row(nasty=("?isEdu=tru", "&isEdu=")),
    "accounts.microsoft.protocol.paste_formats.cookies_txt._IS_COOKIES_TXT": Row(
        nasty=("#HttpOnly_", "a\tTRUE\t", "\na\t", "# ")
    ),
    r"accounts.microsoft.protocol.paste_formats.curl -[^ACDEFHKPQTUXYbcdehmortuwxyz]*": Row("match", ("-s",)),
    "accounts.microsoft.protocol.paste_formats.curl._BARE_HOST": Row("fullmatch", ("a.", "a.a", "a.a:1/")),
    "accounts.microsoft.protocol.paste_formats.devtools._NAMED_VALUE": Row(
        "fullmatch", ("_U ", "_U:", '_U:"a', "_U : ")
    ),
    "accounts.microsoft.protocol.paste_formats.devtools._ROW": Row(nasty=("a\tb\t", "\na\tb\ta.", "a\tb\ta.bc ")),
    "accounts.microsoft.protocol.paste_formats.devtools._SITE": Row("fullmatch", ("a.", ".a.")),
    "accounts.microsoft.protocol.paste_formats.fetch._CALL": Row("match", ("; ", "await ", "fetch ")),
    "accounts.microsoft.protocol.paste_formats.fetch._COMMA": Row("match", (" ,",)),
    "accounts.microsoft.protocol.paste_formats.fetch._END": Row("match", (" , ",)),
    "accounts.microsoft.protocol.paste_formats.fetch._REST": Row("match", (" ;",)),
    "accounts.microsoft.protocol.paste_formats.har._LONE_SURROGATE": Row(nasty=("\\ud8", "\\\\", "\\ud800")),
    "accounts.microsoft.protocol.paste_formats.headers._ADDRESS": Row("match", ('"wss://',)),
    "accounts.microsoft.protocol.paste_formats.headers._BARE_VALUE": Row("fullmatch", ("a=", "a" * 20)),
    "accounts.microsoft.protocol.paste_formats.headers._BEARER": Row("match", ("authorization: ", "bearer ")),
    "accounts.microsoft.protocol.paste_formats.headers._BEFORE_VALUE": Row("fullmatch", ("a-", ":a:")),
    "accounts.microsoft.protocol.paste_formats.headers._CONSOLE": Row(
        nasty=("> ", "document.cookie", "document.cookie; ")
    ),
    "accounts.microsoft.protocol.paste_formats.headers._LABEL": Row("match", ("export ", "- ", "cookie :")),
    "accounts.microsoft.protocol.paste_formats.headers._LINE": Row(
        nasty=("cookie:", "\ncookie:\n", "\n ", ":authority", "host\n")
    ),
    "accounts.microsoft.protocol.paste_formats.headers._SET_COOKIE": Row(nasty=("\nset-cookie", "\n ", "; path", "; ")),
    "accounts.microsoft.protocol.paste_formats.powershell._ESCAPE": Row(nasty=("$([char]1", "`")),
    "accounts.microsoft.protocol.paste_formats.powershell._IS_POWERSHELL": Row("match", ("$a", "$a = ", "\n")),
    "accounts.microsoft.protocol.paste_formats.powershell._TOKEN": Row("scan", ('"', "'", "`", "@{", '"`"')),
    "accounts.microsoft.protocol.paste_formats.refusals._COLONS": Row(nasty=("\n ", '"_U"', "_U ")),
    "accounts.microsoft.protocol.paste_formats.refusals._CONTROL": Row(nasty=("\x1b",)),
    "accounts.microsoft.protocol.paste_formats.refusals._INNER_CURL": Row(nasty=("curl ", " curl.exe ", "curl '")),
    "accounts.microsoft.protocol.paste_formats.refusals._INSOMNIA": Row("match", ("type: ", "\n")),
    "accounts.microsoft.protocol.paste_formats.refusals._JAVASCRIPT": Row(
        nasty=("\nconst ", "\nconst a", "\nimport ", "\nimport a ", "\nawait ", "\nasync ", "\n ")
    ),
    "accounts.microsoft.protocol.paste_formats.refusals._LITERAL": Row("match", ("[ ", "{a", "[{a ")),
    "accounts.microsoft.protocol.paste_formats.refusals._LWP": Row(nasty=("#LWP-Cookie", "\nSet-Cookie3")),
    "accounts.microsoft.protocol.paste_formats.refusals._PAGE": Row("match", ("<", "\n<")),
    "accounts.microsoft.protocol.paste_formats.refusals._PYTHON": Row(
        nasty=("\nfrom ", "\nfrom a.", "\nimport ", "\ncookies = ", "\na = requests.", "\n ")
    ),
    "accounts.microsoft.protocol.paste_formats.refusals._SOURCE": Row(nasty=("\nusing ", "\nimport ", "\nuse ", "\n ")),
    "accounts.microsoft.protocol.paste_formats.shells._ANSI": Row(nasty=("\\x", "\\u00", "\\c")),
    "accounts.microsoft.protocol.paste_formats.shells._BASH": Row(
        "scan", ('"', "'", "$'", "\\ ", '"\\', "$'\\'", " 2>", "<")
    ),
    "accounts.microsoft.protocol.paste_formats.shells._CMD": Row("scan", ("^", '"', "^\r\n", "&")),
    "accounts.microsoft.protocol.paste_formats.shells._COMMENTS": Row("match", ("#\n", "\n", "# ", "REM ", "\n ::")),
    "accounts.microsoft.protocol.paste_formats.shells._FIRST_QUOTE": Row(nasty=(" -a", " -", "=$")),
    "accounts.microsoft.protocol.paste_formats.shells._IN_DOUBLE": Row(nasty=('\\"',)),
    "accounts.microsoft.protocol.paste_formats.shells._IS_CMD": Row(nasty=("^ ", "^\t", "\n ", " curl.ex")),
    "accounts.microsoft.protocol.paste_formats.shells._LITERAL_CARET": Row(nasty=("^", "%^")),
    "accounts.microsoft.protocol.paste_formats.shells._PROGRAM": Row("match", ("$ ", "\n", "> curl", "curl.exe")),
    "accounts.microsoft.protocol.paste_formats.shells._WORDS": Row("scan", ('"', '"\\', '""')),
    'accounts.microsoft.protocol.paste_formats.shells \\\\\\r?\\n|\\\\([\\"$`\\\\])': Row(nasty=("\\", "\\\r")),
    "accounts.microsoft.protocol.paste_formats.values._NAME": Row("fullmatch"),
    "accounts.microsoft.protocol.paste_formats.values._NUMBER": Row("fullmatch", ("1", "1.1")),
    "accounts.microsoft.protocol.paste_formats.wget._ADDRESS": Row("match", ("https:/",)),
    "accounts.microsoft.protocol.placeholders._IN_BRACKETS": Row("fullmatch", ("<a", "{{a", "[a")),
    "accounts.microsoft.protocol.placeholders._ONE_WORD": Row(
        "fullmatch", ("x", "your", "<a", "${a", "/run/", "123456789", ".txt")
    ),
    "accounts.microsoft.protocol.placeholders._WORDS": Row("fullmatch", ("your", "cookie_", "put ", "in")),
    r"accounts.callers.validation \s": Row(nasty=("a",)),
    "accounts.microsoft.protocol.session._IG": Row(nasty=("IG :", 'IG="', "IG ")),
    "accounts.microsoft.protocol.session._IG_FIELD": Row(nasty=("?IG=", "&IG=0123456789ABCDEF")),
    "accounts.microsoft.protocol.session._SALT": Row(nasty=("Salt ", 'Salt="', 'Salt:"a')),
    "accounts.microsoft.access_tokens._ID": Row(nasty=("01234567-0123", "0123456", "01234567-0123-0123-0123-")),
    "accounts.microsoft.access_tokens._PLACES": Row(
        nasty=("bearer ", "access_token=", '"secret" :', '"accessToken":"')
    ),
    "accounts.microsoft.access_tokens._TOKEN": Row("fullmatch"),
    r"accounts.microsoft.access_tokens ^bearer\s+": Row("match", ("bearer ",)),
    "bingproject.api.request_body._JSON_TEXT": Row(nasty=('"', '"\\', '"a')),
    "bingproject.api.request_body._UNCARRIED": Row(nasty=("\x01",)),
    "bingproject.conf.environment._COMMAND_NAME": Row("fullmatch"),
    "bingproject.conf.environment._NAME": Row("fullmatch"),
    "bingproject.edge.application._HEADER_NAMES": Row("fullmatch", ("a ,", "a , a")),
    "bingproject.edge.application._REQUEST_ID": Row("fullmatch"),
    "bingproject.upstream.markup [a-z]+": Row(),
    "bingproject.upstream.markup._TAG": Row(nasty=("<a", "</a", "<a-")),
    "bingproject.conf.origins._APP_HOST": Row("fullmatch", ("a.",)),
    "bingproject.conf.origins._NAME": Row("fullmatch", ("a.", "a-", "a_")),
    "bingproject.conf.origins._SCHEME": Row("fullmatch", ("a+",)),
    "bingproject.database.postgresql.base._IN_OPTIONS": Row(nasty=("statement_timeout ",)),
    "bingproject.api.request_headers._KEY": Row("fullmatch"),
    "bingproject.api.request_headers._PREFERENCE": Row(bound=MAX_LENGTH),
    "bingproject.api.request_headers._REST": Row(bound=MAX_LENGTH),
    "bingproject.api.request_headers._SECONDS": Row("fullmatch"),
    r"bingproject.api.request_headers \\(.)": Row(nasty=("\\",)),
    "bingproject.security.anonymisation.EMAIL": Row(nasty=("a@", "a@a.", "a@a")),
    "bingproject.security.anonymisation.IPV4": Row(nasty=("1.", "1.1.1.", "111.111.111.1")),
    "bingproject.security.anonymisation.IPV6": Row(nasty=("a:", "::", "a:a:a:a:a:a:a:a")),
    "bingproject.security.anonymisation.WORD": Row(nasty=("-",)),
    "bingproject.server.support_bundle.PINNED": Row(nasty=("a", "a[", "a[a", "a==")),
    "bingproject.security.redaction.PATTERNS[0][0]": Row(nasty=("cookie:", "cookie ", "set-cookie", "cookie: a")),
    "bingproject.security.redaction.PATTERNS[1][0]": Row(
        nasty=("authorization:", "authorization=a ", "proxy-authorization")
    ),
    "bingproject.security.redaction.PATTERNS[2][0]": Row(nasty=("bearer ", "bearer a")),
    "bingproject.security.redaction.PATTERNS[3][0]": Row(nasty=("bp_", "bp_a-")),
    "bingproject.security.redaction.PATTERNS[4][0]": Row(
        nasty=("x_secret", "secret ", "_U =", "password%3D", "api-key:")
    ),
    "bingproject.security.redaction.PATTERNS[5][0]": Row(nasty=('"value" :', '"value":"', "'value'")),
    "bingproject.security.redaction.PATTERNS[6][0]": Row(nasty=("?q=", "%3Fq%3D", "&prompt", "q=")),
    "bingproject.security.redaction.PATTERNS[7][0]": Row(nasty=("IG =", "IG%3D", "IG=0123456789abcdef")),
    "bingproject.security.redaction.PATTERNS[8][0]": Row(nasty=("Salt :", 'Salt="')),
    "bingproject.security.redaction.PATTERNS[9][0]": Row(nasty=("a://", "://", "a://b:c")),
    "bingproject.security.redaction.PATTERNS[10][0]": Row(nasty=("eyJaaaaaaaa", "-eyJ", "eyJaaaaaaaa.")),
    "bingproject.upstream.response_headers._DECIMAL": Row("fullmatch", ("1.", "1")),
    "bingproject.upstream.http_client._CONTROLS": Row(nasty=("\x01",)),
    "bingproject.database.word_search._PARTS": Row(nasty=('"', '"a')),
    "bingproject.database.word_search._UNSEPARATED": Row(nasty=("\u3040",)),
    "chat.protocol.m365.credits._CLOCK_TIME": Row(nasty=("check back at 1", "check back at 11:11 ", "check back ")),
    "chat.protocol.m365.alignment._CUT": Row("fullmatch", ("[", "[a](", "[a]: ", "<", "\ue200")),
    "chat.protocol.m365.alignment._FILTERED[0]": Row("match", ("[", "[a](", "](")),
    "chat.protocol.m365.alignment._FILTERED[1]": Row("match", ("[", "[a]")),
    "chat.protocol.m365.alignment._FILTERED[2]": Row("match", ("[", "[a]: ", "[a]:")),
    "chat.protocol.m365.alignment._FILTERED[3]": Row("match", ("<", "<a")),
    "chat.protocol.m365.alignment._FILTERED[4]": Row("match", ("\ue200", "\ue200a")),
    "chat.openai_format.annotations._LINE_BREAKS": Row(nasty=(" ", "\n ")),
    "chat.openai_format.annotations._MARKER": Row(nasty=("[^", "[^1")),
    "chat.openai_format.annotations._SEARCH_BLOCK": Row(
        nasty=(
            "<details>\n<summary>\nSearching: [**",
            "<details>\n<summary>\nSearching: [**a**]\n</summary>\n",
            "1. [a)\n",
        )
    ),
    "chat.openai_format.annotations._SUGGESTION_BLOCK": Row(
        nasty=("\n\n---\n\n**Suggested Questions:**", "\n\n---\n\n**Suggested Questions:**\n- a", "\n- a", "\n- ")
    ),
    r"chat.openai_format.annotations ([\\\[\]])": Row(nasty=("[",)),
    "chat.openai_format.parts._DATA_URL": Row("match", ("data:image/",)),
    "chat.protocol.m365.grounding._NUMBER": Row("match", ("1",)),
    "chat.protocol.citation_marks._ANY_DELIMITER": Row(nasty=("\ue200",)),
    "chat.protocol.citation_marks._MARK": Row(
        nasty=("\ue200cite", "\ue200", "\ue200cite\ue202turn1a1", "\ue200cite\ue202turn1a")
    ),
    "chat.protocol.citation_marks._PARTIAL_MARK": Row("match", ("\ue200cite", "\ue200", "\ue200cite\ue202turn1a1")),
    "creator.protocol.answers._PATH_ID": Row(nasty=("/1-", "/1-0123456789abcdef")),
    "creator.protocol.answers._RESULTS_ID": Row(nasty=("/async/results/", "/async/results/1-0123456789abcdef")),
    "creator.protocol.answers._TOKEN": Row("fullmatch", ("a-",)),
    "creator.protocol.balance._COINS": Row(nasty=("1", "1 coins")),
    "creator.protocol.balance._FAST_VIDEOS": Row(nasty=("Fast (", "Fast (1")),
    "creator.protocol.balance._SPENT": Row("fullmatch", ("1",)),
    "creator.protocol.media._MEDIA_PATH": Row("match", ("/th/id/a", "/th/id/")),
    "creator.protocol.media._VIDEO_FILE": Row("match", ("/a", "/a.mp4")),
    "creator.protocol.pages._SESSION_SCRIPT": Row(nasty=("IG ", "IG:")),
    "creator.protocol.refusals._NO_COINS": Row(nasty=("0 coins", "0 ")),
    "creator.protocol.refusals._NUMBER": Row("fullmatch", ("1",)),
    "creator.api.serializers.fields._SIZE": Row("fullmatch", ("1x",)),
    "creator.api.serializers.queries._CURSOR_TEXT": Row("fullmatch", ("AA",)),
    "creator.api.serializers.queries._LIMIT": Row("fullmatch"),
    "settings.ALERT_PAGES[0]": Row("match", ("account 1",)),
    "settings.ALERT_PAGES[1]": Row("match", ("no account for ",)),
    "settings.ALERT_PAGES[2]": Row("match", ("queue of ",)),
    "settings.PASSWORD_PATHS[0]": Row("fullmatch", ("/admin/login/",)),
    "settings.PASSWORD_PATHS[1]": Row("fullmatch", ("/admin/password_change/",)),
    "settings.PASSWORD_PATHS[2]": Row("fullmatch", ("/admin/auth/user/add/",)),
    "settings.PASSWORD_PATHS[3]": Row("fullmatch", ("/admin/auth/user/1",)),
}

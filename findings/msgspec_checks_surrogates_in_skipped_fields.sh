#!/usr/bin/env bash
# Versions   PyPI: msgspec 0.22.0.
# Behaviour  A typed decode skips fields that the type does not name, but still decodes the escapes in their strings: half a
#            surrogate pair in an unknown field fails the whole document, although the field is thrown away. The same half
#            fails it in a msgspec.Raw field, whose bytes are kept as they are. json.loads takes the document.
#            It matters for HAR files: mitmproxy writes undecodable bytes of a body as such halves.
# Output     json.loads: read
#            msgspec, field not named: DecodeError
#            msgspec, field named as Raw: DecodeError
# Date       2026-11-30
# Source     seen by running this.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check msgspec==0.22.0 2>/dev/null
cat >"$place/check.py" <<'END'
import json, sys
import msgspec

document = rb'{"url": "https://example.org/", "body": "caf\udce9"}'

class Named(msgspec.Struct):
    url: str

class WithRaw(msgspec.Struct):
    url: str
    body: msgspec.Raw

def outcome(read):
    try:
        read()
        return "read"
    except Exception as error:
        return type(error).__name__

found = [
    ("json.loads", outcome(lambda: json.loads(document))),
    ("msgspec, field not named", outcome(lambda: msgspec.json.decode(document, type=Named))),
    ("msgspec, field named as Raw", outcome(lambda: msgspec.json.decode(document, type=WithRaw))),
]
for name, result in found:
    print(f"{name}: {result}")
sys.exit([result for _, result in found] != ["read", "DecodeError", "DecodeError"])
END
"$place/venv/bin/python" "$place/check.py"

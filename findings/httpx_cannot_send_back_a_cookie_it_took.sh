#!/usr/bin/env bash
# Versions   PyPI: httpx 0.28.1.
# Behaviour  The client's jar takes a Set-Cookie whose value has a letter beyond ASCII, and every later request to that site
#            raises UnicodeEncodeError while the request is built: no httpx.HTTPError, so what catches those misses it.
#            One cookie of a site ends the session; nothing was sent.
# Output     first answer: 200; second request: UnicodeEncodeError (an httpx.HTTPError: no)
# Date       2026-11-30
# Source     seen by running this.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check httpx==0.28.1 2>/dev/null
cat >"$place/check.py" <<'END'
import sys
import httpx

def answer(request):
    return httpx.Response(200, headers=[("set-cookie", "name=Jos\u00e9; Path=/".encode("utf-8"))])

with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://site.example") as client:
    first = client.get("/").status_code
    try:
        client.get("/")
        error = None
    except Exception as raised:
        error = raised
print(f"first answer: {first}; second request: {type(error).__name__} "
      f"(an httpx.HTTPError: {'yes' if isinstance(error, httpx.HTTPError) else 'no'})")
sys.exit(not (first == 200 and type(error) is UnicodeEncodeError))
END
"$place/venv/bin/python" "$place/check.py"

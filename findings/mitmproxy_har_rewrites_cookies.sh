#!/usr/bin/env bash
# Versions   PyPI: mitmproxy 11.0.2 (its own `hardump` option).
# Behaviour  The HAR's "cookies" lists are not what was sent: quotes around a request cookie's value are taken off, and a
#            Set-Cookie without "=" gets the value null, which the HAR format has as a string. "headers" of the same
#            entry keep the true text. A reader that prefers the parsed list sends other cookies than the browser did.
# Output     request header:  MUID="q,r"; SID=1      request.cookies:  MUID=q,r  SID=1
#            response.cookies of "Set-Cookie: flag": value null
# Date       2026-11-30
# Source     seen by running this.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check mitmproxy==11.0.2 2>/dev/null
cat >"$place/check.py" <<'END'
import json, sys
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.test import tflow
from mitmproxy import http

flow = tflow.tflow(resp=True)
flow.request.headers = http.Headers(((b"Cookie", b'MUID="q,r"; SID=1'),))
flow.response.headers = http.Headers(((b"Set-Cookie", b"flag"),))
entry = json.loads(json.dumps(SaveHar().make_har([flow])))["log"]["entries"][0]
header = next(one["value"] for one in entry["request"]["headers"] if one["name"].lower() == "cookie")
sent = {one["name"]: one["value"] for one in entry["request"]["cookies"]}
came = entry["response"]["cookies"]
print("request header:  ", header)
print("request.cookies: ", sent)
print("response.cookies:", [(one["name"], one["value"]) for one in came])
sys.exit(not (header == 'MUID="q,r"; SID=1' and sent.get("MUID") == "q,r" and any(one["value"] is None for one in came)))
END
"$place/venv/bin/python" "$place/check.py"

#!/usr/bin/env bash
# Versions   npm: openai 7.59.0; PyPI: openai 3.54.0.
# Behaviour  429 with "Retry-After: 3600" (a used-up daily quota): openai-node takes a wait above its limit for no wait at
#            all and repeats twice within seconds by its own back-off; openai-python gives up at once. Both honour
#            "Retry-After: 1". So a long, true Retry-After gets a server more requests from one of them, not fewer.
# Output     openai-node, Retry-After 3600: 3 requests in under 10 s
#            openai-python, Retry-After 3600: 1 request
# Date       2026-11-30
# Source     seen by running this.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund openai@7.59.0 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openai==3.54.0 2>/dev/null
cat >server.py <<'END'
import http.server, pathlib

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        with open("count", "a") as file:
            file.write(".")
        body = b'{"error": {"message": "Used up.", "type": "rate_limit_error", "param": null, "code": "quota_exceeded"}}'
        self.send_response(429)
        self.send_header("content-type", "application/json")
        self.send_header("retry-after", "3600")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
pathlib.Path("port").write_text(str(server.server_port))
server.serve_forever()
END
python3 server.py & server=$!
trap 'kill $server; rm -rf "$place"' EXIT
until [ -s port ]; do sleep 0.1; done
export BASE="http://127.0.0.1:$(cat port)/v1"
cat >ask.mjs <<'END'
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.env.BASE, apiKey: "none" });
await client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "hi" }] }).catch(() => {});
END
cat >ask.py <<'END'
import os
import openai

try:
    openai.OpenAI(base_url=os.environ["BASE"], api_key="none").chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hi"}])
except openai.RateLimitError:
    pass
END
count() { wc -c <count | tr -d ' '; }
: >count; began=$SECONDS; node ask.mjs; node_count=$(count); node_seconds=$((SECONDS - began))
: >count; venv/bin/python ask.py; python_count=$(count)
echo "openai-node, Retry-After 3600: $node_count requests in $node_seconds s"
echo "openai-python, Retry-After 3600: $python_count request"
[ "$node_count" = 3 ] && [ "$node_seconds" -lt 30 ] && [ "$python_count" = 1 ]

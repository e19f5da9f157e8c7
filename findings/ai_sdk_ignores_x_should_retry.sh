#!/usr/bin/env bash
# Versions   npm: ai 7.0.173 with @ai-sdk/openai-compatible 3.0.92; openai 7.59.0 beside it.
# Behaviour  A server that answers 502 with "x-should-retry: false" gets the POST of an image three times from the AI SDK
#            and once from OpenAI's SDK, which reads that header. Nothing in a repeat tells it from a new request: the
#            AI SDK sends no retry count and no idempotency key.
# Output     openai 7.59.0: 1 request
#            ai 7.0.173: 3 requests, repeats marked by: nothing
# Date       2026-11-30
# Source     seen by running this; openai-node documents the header in src/client.ts (shouldRetry).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ai@7.0.173 @ai-sdk/openai-compatible@3.0.92 openai@7.59.0 >/dev/null
cat >check.mjs <<'END'
import http from "node:http";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateImage } from "ai";
import OpenAI from "openai";

const seen = [];
const server = http.createServer((request, response) => {
  seen.push(request.headers);
  request.resume().on("end", () => {
    response.writeHead(502, { "content-type": "application/json", "x-should-retry": "false" });
    response.end(JSON.stringify({ error: { message: "It may have been made.", type: "api_error", param: null, code: "unknown" } }));
  });
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;

async function requestsOf(call) {
  seen.length = 0;
  await call().catch(() => {});
  return seen.slice();
}
const openai = await requestsOf(() =>
  new OpenAI({ baseURL, apiKey: "none" }).images.generate({ model: "m", prompt: "a fox" }));
const provider = createOpenAICompatible({ name: "local", baseURL, apiKey: "none" });
const vercel = await requestsOf(() => generateImage({ model: provider.imageModel("m"), prompt: "a fox" }));
const marks = Object.keys(vercel.at(-1) ?? {}).filter((name) => /retry|idempot|attempt/.test(name));
console.log(`openai 7.59.0: ${openai.length} request`);
console.log(`ai 7.0.173: ${vercel.length} requests, repeats marked by: ${marks.join(", ") || "nothing"}`);
server.close();
process.exit(openai.length === 1 && vercel.length === 3 && marks.length === 0 ? 0 : 1);
END
node check.mjs

"""What a start says to the person at the terminal; the demo also makes a first picture through the public API."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from django.conf import settings

PROMPT = "A lighthouse on a cliff at dawn, paper cut"
_ANSWER_SECONDS = 60
TOKEN_SECONDS = 365 * 86_400
# One model for each back end, to be asked the same way.
CHAT_MODELS = ("balanced", "copilot", "m365")
# Proxies of the environment are for other addresses than our own.
_opener = build_opener(ProxyHandler({}))


def local_url() -> str:
    """Where this server answers from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)
    return f"http://[{host}]:{settings.PORT}" if ":" in host else f"http://{host}:{settings.PORT}"


def public_url() -> str:
    """Where people reach this server."""
    return settings.PUBLIC_URL or local_url()


def fetch(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """One exchange with our own server: status and JSON body.

    Raises: OSError when nothing answers.
    """
    content = None if body is None else json.dumps(body).encode()
    request = Request(local_url() + path, content, {"Content-Type": "application/json"}, method=method)
    try:
        with _opener.open(request, timeout=settings.IMAGE_WAIT_SECONDS + _ANSWER_SECONDS) as response:
            return int(response.status), json.load(response)
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"{}")


def fetch_token(service: str) -> str:
    """An access token of the sandbox's own for one of the two Copilots, good for a year. Raises: OSError, KeyError."""
    wanted = {"service": service, "account": f"demo-{service}", "seconds": TOKEN_SECONDS}
    content = json.dumps(wanted).encode()
    request = Request(f"{settings.SANDBOX_URL}/_sandbox/token", content, {"Content-Type": "application/json"})
    with _opener.open(request, timeout=_ANSWER_SECONDS) as response:
        return str(json.load(response)["token"])


def welcome(operator_password: str) -> str:
    """Once the server answers: where it is, and the operator's password when it was just made."""
    lines = [f"Listening on {public_url()}/  (stop with Ctrl-C)"]
    if operator_password:
        lines += [
            f"Operator's pages: {public_url()}/admin/",
            f"  user: admin   password: {operator_password}   (shown once; change it there)",
        ]
    else:
        lines.append(f"Operator's pages: {public_url()}/admin/")
    return "\n".join(lines)


def make_first_picture() -> str:
    """Ask our own server for a picture like any client does. Shape: what to print, pictures or the reason."""
    try:
        status, answer = fetch("POST", "/create/image", {"query": PROMPT})
    except (URLError, OSError, ValueError) as error:
        return f"The first picture could not be asked for: {error}"
    if status != 200:
        return f"The first picture failed ({status}): {answer.get('error', {}).get('message', 'no reason given')}"
    images, task_id = answer["data"]["images"], answer["data"]["taskId"]
    return "\n".join([f'First picture, "{PROMPT}":', *(f"  {url}" for url in images), _next_commands(task_id)])


def _next_commands(task_id: str) -> str:
    url, as_json = local_url(), "-H 'Content-Type: application/json'"
    video = '{"query": "Waves against a lighthouse"}'
    image = '{"query": "A fox in the snow, watercolour", "model": "GPT4O", "aspect": "LANDSCAPE"}'
    said = '"stream": true, "messages": [{"role": "user", "content": "News about the tides?"}]'
    chats = "\n".join(
        f'  curl -N {url}/v1/chat/completions {as_json} -d \'{{"model": "{model}", {said}}}\'' for model in CHAT_MODELS
    )
    return f"""Try next, in another terminal:
  curl {url}/create/image {as_json} -d '{image}'
  curl {url}/create/video {as_json} -d '{video}'
  curl {url}/task/{task_id}
{chats}
  and in a browser {url}/ and {url}/api/docs/"""

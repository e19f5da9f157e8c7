"""Texts that a start prints to the terminal; the demo also makes a first picture through the public API."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from django.conf import settings

from accounts.microsoft.providers import PROVIDERS
from bingproject.conf.addresses import WILDCARDS, build_origin, find_local_host

PROMPT = "A lighthouse on a cliff at dawn, paper cut"
_ANSWER_SECONDS = 60
TOKEN_SECONDS = 365 * 86_400
# One model for each back end, to be asked the same way.
CHAT_MODELS = tuple(provider.demo_model for provider in PROVIDERS.values())
# The environment's proxies must not be used for this server's own address.
_opener = build_opener(ProxyHandler({}))


def local_url() -> str:
    """Return the address of this server for programs on this machine."""
    return build_origin(find_local_host(settings.HOST), settings.PORT)


def public_url() -> str:
    """Return the address of this server for other people."""
    if settings.PUBLIC_URL or not settings.OTHERS_HOST:
        return settings.PUBLIC_URL or local_url()
    return build_origin(settings.OTHERS_HOST, settings.PORT)


def fetch(method: str, path: str, body: dict[str, Any] | None = None, key: str = "") -> tuple[int, dict[str, Any]]:
    """Send a request to this server, with an API key if there is one; return the status and the JSON body.

    Raises:
        OSError: The server does not answer.
    """
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = Request(local_url() + path, content, headers, method=method)
    try:
        with _opener.open(request, timeout=settings.IMAGE_WAIT_SECONDS + _ANSWER_SECONDS) as response:
            return int(response.status), json.load(response)
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"{}")


def fetch_token(service: str) -> str:
    """Return an access token of the sandbox for a service, valid for a year. Raises OSError and KeyError."""
    wanted = {"service": service, "account": f"demo-{service}", "seconds": TOKEN_SECONDS}
    content = json.dumps(wanted).encode()
    request = Request(f"{settings.SANDBOX_URL}/_sandbox/token", content, {"Content-Type": "application/json"})
    with _opener.open(request, timeout=_ANSWER_SECONDS) as response:
        return str(json.load(response)["token"])


def say_password(password: str) -> str:
    """Return the line with the operator's log-in, printed as soon as the operator exists."""
    return f"Operator made: user: admin   password: {password}   (only this start shows it)"


def welcome(operator: str, password: str) -> str:
    """Return the text that is printed once the server answers: its addresses, and how to log in."""
    lines = [f"Listening on {local_url()}/  (stop with Ctrl-C)"]
    if public_url() != local_url():
        lines.append(f"Others reach it at {public_url()}/")
    elif settings.HOST in WILDCARDS:
        lines.append("Others are answered once PUBLIC_URL or ALLOWED_HOSTS has the name they use for this machine.")
    lines.append(f"Operator's pages: {public_url()}/admin/")
    if password:
        lines.append(f"  user: {operator}   password: {password}   (only this start shows it)")
    elif operator:
        lines.append(f"  user: {operator}; forgot the password? {_manage_command('changepassword', operator)}")
    return "\n".join(lines)


def missing_account() -> str:
    """Return the text that is printed while there is no account."""
    return f"No account yet, so nothing can be made. Add one: {public_url()}/admin/accounts/account/add/"


def _manage_command(*words: str) -> str:
    """Return a `manage.py` command to type in the checkout, for this server's DATA_DIR."""
    base = Path(settings.BASE_DIR)

    def shorten(path: Path) -> str:
        return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)

    is_default = base / "data" == settings.DATA_DIR
    folder = [] if is_default else [f"DATA_DIR={shlex.quote(shorten(Path(settings.DATA_DIR)))}"]
    return " ".join([*folder, *map(shlex.quote, [shorten(Path(sys.executable)), "manage.py", *words])])


def make_first_picture(key: str = "") -> str:
    """Request a picture from this server as any client would, with the demo's key if it has one.

    Returns:
        The text to print: the addresses of the pictures, or why there are none.
    """
    try:
        status, answer = fetch("POST", "/create/image", {"query": PROMPT}, key)
    except (URLError, OSError, ValueError) as error:
        return f"The first picture could not be asked for: {error}"
    if status != 200:
        return f"The first picture failed ({status}): {answer.get('error', {}).get('message', 'no reason given')}"
    images, task_id = answer["data"]["images"], answer["data"]["taskId"]
    return "\n".join([f'First picture, "{PROMPT}":', *(f"  {url}" for url in images), _next_commands(task_id, key)])


def _next_commands(task_id: str, key: str) -> str:
    url, as_json = public_url(), "-H 'Content-Type: application/json'"
    with_key = f" -H 'Authorization: Bearer {key}'" if key else ""
    as_json += with_key
    video = '{"query": "Waves against a lighthouse"}'
    image = '{"query": "A fox in the snow, watercolour", "model": "GPT4O", "aspect": "LANDSCAPE"}'
    said = '"stream": true, "messages": [{"role": "user", "content": "News about the tides?"}]'
    chats = "\n".join(
        f'  curl -N {url}/v1/chat/completions {as_json} -d \'{{"model": "{model}", {said}}}\'' for model in CHAT_MODELS
    )
    return f"""Try next, in another terminal:
  curl {url}/create/image {as_json} -d '{image}'
  curl {url}/create/video {as_json} -d '{video}'
  curl {url}/task/{task_id}{with_key}
{chats}
  and in a browser {url}/ and {url}/api/docs/"""

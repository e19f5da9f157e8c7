"""A headless Chromium driven over its DevTools protocol: one websocket, no further package."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
START_SECONDS = 30.0
PATIENCE_SECONDS = 20.0
STEP_SECONDS = 0.03
WIDE, PHONE = (1280, 900), (390, 844)
# Nothing of the browser's own may reach out: what leaves the host would hide what a page asks for.
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-extensions", "--mute-audio", "--autoplay-policy=no-user-gesture-required", "--lang=en-US",
    "--remote-debugging-port=0",
)  # fmt: skip


class BrowserError(Exception):
    """The browser refused a command, or a page did not come to what was waited for."""


def find_chromium() -> str:
    """The browser's program: `CHROMIUM`, else one of the usual names; empty where there is none."""
    named = os.environ.get("CHROMIUM", "")
    return shutil.which(named) or "" if named else next(filter(None, map(shutil.which, NAMES)), "")


class Chromium:
    """One browser process with a profile of its own, gone after it: `with Chromium(program) as chromium:`."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._folder = tempfile.TemporaryDirectory(prefix="bingproject-chromium-", ignore_cleanup_errors=True)
        self._stack = ExitStack()
        self._last_id = 0
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._program, *ARGUMENTS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._stack.callback(self._end)
        try:
            address = self._address(folder / "profile" / "DevToolsActivePort")
            self._socket = self._stack.enter_context(connect(address, max_size=None, proxy=None))
        except BaseException:
            self._stack.close()
            raise
        return self

    def _address(self, port_file: Path) -> str:
        deadline = time.monotonic() + START_SECONDS
        while not port_file.exists() or len(lines := port_file.read_text().split()) < 2:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise BrowserError(f"{self._program} did not start")
            time.sleep(STEP_SECONDS)
        return f"ws://127.0.0.1:{lines[0]}{lines[1]}"

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._folder.cleanup()

    def new_page(self) -> Page:
        """A page in a profile of its own: no cookie of another page."""
        context = self.command("Target.createBrowserContext", disposeOnDetach=True)["browserContextId"]
        target = self.command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, context, session)
        page.prepare()
        return page

    def forget(self, context: str, session: str) -> None:
        """Close a page with its profile."""
        del self._pages[session]
        self.command("Target.disposeBrowserContext", browserContextId=context)

    def command(self, method: str, session: str = "", /, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result; events that come meanwhile go to their pages."""
        self._last_id += 1
        number = self._last_id
        message = {"id": number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:
            answer = json.loads(self._socket.recv(PATIENCE_SECONDS))
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])
            page = self._pages.get(answer.get("sessionId", ""))
            if page is not None:
                page.take(answer["method"], answer["params"])


class Page:
    """One page: what it asked the network for, what went wrong in it, and a person's hands."""

    def __init__(self, chromium: Chromium, context: str, session: str) -> None:
        self._chromium, self._context, self._session = chromium, context, session
        self.requests: list[str] = []
        self.failures: list[str] = []
        self.faults: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._chromium.forget(self._context, self._session)

    def forget(self) -> None:
        """Like new, but still logged in: the usual screen and colours, nothing noted."""
        self.resize(*WIDE)
        self.prefer("light")
        for noted in (self.requests, self.failures, self.faults):
            noted.clear()

    def prepare(self) -> None:
        """Hear of what happens in the page."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")
        self.resize(*WIDE)

    def command(self, method: str, /, **parameters: Any) -> dict[str, Any]:
        """One command to this page."""
        return self._chromium.command(method, self._session, **parameters)

    def take(self, method: str, event: dict[str, Any]) -> None:
        """Note one event."""
        if method == "Network.requestWillBeSent":
            self.requests.append(event["request"]["url"])
        elif method == "Network.loadingFailed":
            self.failures.append(event["errorText"])
        elif method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self.faults.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.faults.append(" ".join(str(word.get("value", word.get("description"))) for word in event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.faults.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")

    # --- looking ---

    def open(self, url: str) -> None:
        """Go there and wait until everything has loaded."""
        self.leave(lambda: self.command("Page.navigate", url=url))

    def leave(self, act: Callable[[], Any]) -> None:
        """Do what leads to another page, and wait until that one has loaded."""
        self.evaluate("window.isOld = true")
        act()
        self.wait("document.readyState === 'complete' && !window.isOld")

    def reload(self) -> None:
        """Ask for the same page again."""
        self.leave(lambda: self.command("Page.reload"))

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, awaited.

        Raises: BrowserError when it throws.
        """
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the expression is true; a page that is just being left counts as not yet."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self.evaluate(f"Boolean({expression})"):
                    return
            except BrowserError as error:
                if "context" not in str(error) and "navigated" not in str(error):
                    raise
            if time.monotonic() > deadline:
                raise BrowserError(f"not within {seconds:g} s: {expression}")
            time.sleep(STEP_SECONDS)

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return str(self.evaluate("document.body.innerText"))

    @property
    def dom(self) -> str:
        """The page as it stands now, with what is typed into fields."""
        fields = "[...document.querySelectorAll('input, textarea')].map(field => field.value).join('\\n')"
        return str(self.evaluate(f"document.documentElement.outerHTML + {fields}"))

    @property
    def source(self) -> str:
        """The page as the server sends it."""
        return str(self.evaluate("fetch(location.href).then(answer => answer.text())"))

    @property
    def has_sideways_scroll(self) -> bool:
        """Whether the page is wider than the screen."""
        return bool(self.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

    def resize(self, width: int, height: int) -> None:
        """The screen's size; a narrow one is a phone's."""
        is_phone = width == PHONE[0]
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone
        )

    def prefer(self, scheme: str) -> None:
        """The system's colours: `light` or `dark`."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path: Path) -> None:
        """Keep the whole page as a PNG file."""
        picture = self.command("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(picture))

    # --- hands ---

    def click(self, selector: str) -> None:
        """A mouse click in the middle of the first element of this kind, which must be what lies there."""
        found = self.evaluate(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)});"
            "if (!element) return null; element.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const box = element.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;"
            "const top = document.elementFromPoint(x, y);"
            "return {x, y, isFree: element.contains(top) || !!top?.closest('label')?.contains(element)}; })()"
        )
        if not found or not found["isFree"]:
            raise BrowserError(f"{selector} " + ("is covered by something" if found else "is not on the page"))
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": found["x"], "y": found["y"], "button": "left", "clickCount": 1}
            self.command("Input.dispatchMouseEvent", type=kind, **where)

    def follow(self, selector: str) -> None:
        """Click what leads to another page."""
        self.leave(lambda: self.click(selector))

    def fill(self, selector: str, text: str) -> None:
        """Type a text in place of what stands in a field."""
        self.evaluate(
            f"(() => {{ const f = document.querySelector({json.dumps(selector)}); f.focus(); f.select(); }})()"
        )
        self.command("Input.insertText", text=text)

    def choose(self, selector: str, value: str) -> None:
        """Take an option of a select field."""
        self.evaluate(
            f"(() => {{ const f = document.querySelector({json.dumps(selector)}); f.value = {json.dumps(value)};"
            "f.dispatchEvent(new Event('change', {bubbles: true})); })()"
        )

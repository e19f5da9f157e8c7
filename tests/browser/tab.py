"""One tab of a headless Chromium: Playwright's page, what it asked the network for, and what went wrong in it."""

from __future__ import annotations

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

WIDE, PHONE = (1280, 900), (390, 844)
# Nothing of the browser's own may reach out: what leaves the host would hide what a page asks for.
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip


class Tab:
    """A page in a profile of its own: no cookie of another tab; one that runs no scripts if it is told so."""

    def __init__(self, browser: Browser, *, has_scripts: bool = True) -> None:
        self._context = browser.new_context(locale="en-US", timezone_id="UTC", java_script_enabled=has_scripts)
        self.requests: list[str] = []
        self.failures: list[str] = []
        self.faults: list[str] = []
        self.page: Page = self._context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda request: self.failures.append(request.failure or ""))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._take)
        self.resize(*WIDE)

    def _take(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.faults.append(f"{message.text} {message.location.get('url', '')}")

    def close(self) -> None:
        """Close it with its profile."""
        self._context.close()

    def forget(self) -> None:
        """Like new, but still logged in: the usual screen and colours, nothing noted."""
        self.resize(*WIDE)
        self.prefer("light")
        for noted in (self.requests, self.failures, self.faults):
            noted.clear()

    def resize(self, width: int, height: int) -> None:
        """The screen's size; a narrow one is a phone's."""
        self.page.set_viewport_size({"width": width, "height": height})

    def prefer(self, scheme: str) -> None:
        """The system's colours: `light` or `dark`."""
        self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")

    def open(self, address: str) -> int:
        """Go there and wait until everything has loaded; the status."""
        answer = self.page.goto(address, wait_until="load")
        return answer.status if answer is not None else 0

    def follow(self, link: Locator) -> int:
        """Click what leads to another page, and wait until that one has loaded; the status."""
        with self.page.expect_navigation(wait_until="load") as navigation:
            link.click()
        return navigation.value.status

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return self.page.locator("body").inner_text()

    @property
    def everything(self) -> str:
        """The page as the server sends it, as it stands now, and what is typed into its fields."""
        fields = "[...document.querySelectorAll('input, textarea')].map(field => field.value).join('\\n')"
        sent = "await (await fetch(location.href)).text()"
        return str(self.page.evaluate(f"async () => document.documentElement.outerHTML + {fields} + {sent}"))

    @property
    def has_sideways_scroll(self) -> bool:
        """Whether the page is wider than the screen."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

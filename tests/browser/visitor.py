"""People before the console, each with a browser profile of their own, and what their browsers complain of."""

from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from browser.site import OPERATOR, PASSWORD, Site

Scheme = Literal["light", "dark"]
WIDE = (1280, 800)
PHONE = (390, 844)
PATIENCE = 10_000  # milliseconds


class Visitors:
    """Who comes to the console during one test."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self.site = site
        self.complaints: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    async def stranger(self, *, scheme: Scheme = "light", size: tuple[int, int] = WIDE, **options: Any) -> Page:
        """Nobody that is known here, before an empty tab."""
        width, height = size
        context = await self._browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": height}, locale="en-GB", reduced_motion="reduce", **options
        )
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        page = await context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._asked)
        return page

    async def signed_in(self, address: str = OPERATOR, **how: Any) -> Page:
        """Somebody, on their first page; the operator as they were left the last time."""
        known = self.site.profile if address == OPERATOR else None
        page = await self.stranger(**how, storage_state=known)
        await page.goto(f"{self.site.url}/console/")
        if known is not None:
            await expect(page.get_by_role("button", name="Sign out", include_hidden=True)).to_be_attached()
            return page
        await sign_in(page, address)
        if address == OPERATOR:
            self.site.profile = await page.context.storage_state()
        return page

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()
        assert self.complaints == []

    def _said(self, message: ConsoleMessage) -> None:
        """A request that is refused, as with a wrong password, Chromium reports as an error: that is no fault of the page."""
        refused = message.text.startswith("Failed to load resource: the server responded with a status of 4")
        if message.type in ("error", "warning") and not refused:
            self.complaints.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.site.url, "data:", "blob:")):
            self.complaints.append(f"another origin: {request.url}")


async def sign_in(page: Page, address: str, password: str = PASSWORD) -> None:
    await page.get_by_label("Email address").fill(address)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("button", name="Sign out", include_hidden=True)).to_be_attached()


async def settled(page: Page) -> None:
    """Nothing is loading any more."""
    await expect(page.locator("body:has(main h1):not(:has([aria-busy=true]))")).to_have_count(1)

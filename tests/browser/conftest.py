"""Chromium (Debian: `chromium`), driven by Playwright, before a running site: one of each, and one loop, for all tests."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from browser.site import Site, open_site
from browser.visitor import Visitors

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(__file__).parents[1] / "node" / "node_modules" / "axe-core" / "axe.min.js"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker, so that the site and the browser are started once."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def chromium() -> str:
    if CHROMIUM is None:
        pytest.skip("no browser: chromium is not installed (Debian: apt-get install chromium)")
    return CHROMIUM


@pytest.fixture(scope="session")
def site(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Not started where there is no browser to look at it."""
    yield from open_site(tmp_path_factory.mktemp("site"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield opened
        await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(site: Site, browser: Browser) -> AsyncIterator[Visitors]:
    """At the end, nobody's browser has met an error, a breach of the policy, or a request to another origin."""
    made = Visitors(browser, site)
    yield made
    await made.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core, as a script."""
    if not AXE.exists():
        pytest.skip("no axe-core: install Node.js, and run `npm ci` in tests/node")
    return AXE.read_text()

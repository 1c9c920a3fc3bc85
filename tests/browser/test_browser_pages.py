"""Each page, in light and dark and on a phone: it is there, fits, and axe-core finds nothing serious to say about it."""

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.async_api import Page

from browser.site import OPERATOR, OWNER, Site
from browser.visitor import PHONE, WIDE, Scheme, Visitors, settled

SERIOUS = ("serious", "critical")
ADMINISTRATION = ("/domains", "/domains/fernhill.example", "/accounts", f"/accounts/{{{OWNER}}}", "/no/such/page")


async def faults(page: Page, axe: str) -> list[str]:
    """What axe-core takes for serious."""
    await page.evaluate(axe)
    found: list[dict[str, Any]] = await page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)"
    )
    return [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in found if fault["impact"] in SERIOUS]


def path_of(site: Site, path: str) -> str:
    for address, account_id in site.ids.items():
        path = path.replace(f"{{{address}}}", str(account_id))
    return f"{site.url}/console{path}"


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", WIDE), ("light", PHONE)], ids=["light", "dark", "phone"])
@pytest.mark.parametrize(("person", "paths"), [(OPERATOR, ADMINISTRATION)], ids=["operator"])
async def test_every_page(
    visitors: Visitors, axe: str, person: str, paths: Sequence[str], scheme: Scheme, size: tuple[int, int]
) -> None:
    page = await visitors.stranger(scheme=scheme, size=size, bypass_csp=True)  # axe-core breaks the policy that the console keeps
    await page.goto(f"{visitors.site.url}/console/")
    await settled(page)
    assert await faults(page, axe) == []
    await page.close()
    page = await visitors.signed_in(person, scheme=scheme, size=size, bypass_csp=True)
    for path in paths:
        await page.goto(path_of(visitors.site, path))
        await settled(page)
        assert await faults(page, axe) == [], path
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than its window"

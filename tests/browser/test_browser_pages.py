"""Each page, in light and dark and on a phone: it is there, fits, and axe-core finds nothing serious to say about it."""

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.async_api import Page

from browser.site import OPERATOR, OWNER, Site
from browser.visitor import PHONE, WIDE, Scheme, Visitors, settled, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")  # of the browser

SERIOUS = ("serious", "critical")
ADMINISTRATION = (
    "/",
    "/domains",
    "/domains/fernhill.example",
    "/accounts",
    f"/accounts/{{{OWNER}}}",
    f"/accounts/{{{OWNER}}}/security",
    "/aliases",
    "/queue",
    "/queue/{queued}",
    "/delivery",
    "/suppressions",
    "/webhooks",
    "/webhooks/{webhook}",
    "/keys",
    "/tenants",
    "/audit",
    "/me",
    "/no/such/page",
)
OWN = ("/", "/security", "/vacation", "/filters", "/deleted", "/accounts")


MOVE = "path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }"  # as a link does
AXE = "rules => axe.run(document, {resultTypes: ['violations'], ...rules}).then(found => found.violations)"
ALL: dict[str, Any] = {}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


async def faults(page: Page, rules: dict[str, Any]) -> list[str]:
    """What axe-core, which the page has, takes for serious."""
    found: list[dict[str, Any]] = await page.evaluate(AXE, rules)
    return [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in found if fault["impact"] in SERIOUS]


def path_of(site: Site, path: str) -> str:
    for address, account_id in site.ids.items():
        path = path.replace(f"{{{address}}}", str(account_id))
    return f"/console{path.replace('{queued}', site.queued).replace('{webhook}', site.webhook)}"


@pytest.mark.parametrize(
    ("scheme", "size", "rules"),
    [("light", WIDE, ALL), ("dark", WIDE, COLOURS), ("light", PHONE, ALL)],
    ids=["light", "dark", "phone"],
)
@pytest.mark.parametrize(("person", "paths"), [(OPERATOR, ADMINISTRATION), (OWNER, OWN)], ids=["operator", "owner"])
async def test_every_page(
    visitors: Visitors,
    axe: str,
    person: str,
    paths: Sequence[str],
    scheme: Scheme,
    size: tuple[int, int],
    rules: dict[str, Any],
) -> None:
    page = await visitors.stranger(scheme=scheme, size=size, bypass_csp=True)  # axe-core breaks the policy that the console keeps
    await page.goto(f"{visitors.site.url}/console/")
    await page.evaluate(axe)
    await settled(page)
    assert await faults(page, rules) == []
    await sign_in(page, person)
    for path in paths:
        await page.evaluate(MOVE, path_of(visitors.site, path))
        await settled(page)
        assert await faults(page, rules) == [], path
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than its window"

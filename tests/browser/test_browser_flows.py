"""What people do with the console, as they do it: by pointer, by keyboard alone."""

import re

from playwright.async_api import Page, expect

from browser.site import OWNER, PASSWORD
from browser.visitor import Visitors, settled, sign_in


async def test_the_wrong_password_lets_nobody_in(visitors: Visitors) -> None:
    page = await visitors.stranger()
    await page.goto(f"{visitors.site.url}/console/accounts")
    await page.get_by_label("Email address").fill(OWNER)
    await page.get_by_label("Password").fill("not the password")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text("This is not the right address or password.")
    await sign_in(page, OWNER)
    assert await page.evaluate("document.cookie") == ""
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in to Mailstead")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in to Mailstead")).to_be_visible()


async def test_the_life_of_an_account(visitors: Visitors) -> None:
    page = await visitors.signed_in()
    await page.get_by_role("link", name="Accounts", exact=True).click()
    await page.get_by_role("button", name="Create account").click()
    await page.get_by_label("Name").fill("rosa")
    await page.get_by_label("Domain").last.select_option("brightwater.example")
    await page.get_by_role("dialog").get_by_label("Password").fill("password")
    await page.get_by_role("dialog").get_by_role("button", name="Create account").click()
    await expect(page.get_by_text("This password is too easily guessed.")).to_be_visible()
    await page.get_by_role("button", name="Generate").click()
    await page.get_by_role("dialog").get_by_role("button", name="Create account").click()
    await expect(page.get_by_role("heading", name="rosa@brightwater.example", level=1)).to_be_focused()

    await page.get_by_label("Quota in GB").fill("2.5")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".facts")).to_contain_text("of 2.5 GB")

    await page.get_by_role("button", name="Suspend").click()
    await expect(page.locator(".page-head .badge")).to_have_text("Suspended")
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator(".page-head .badge")).to_have_text("Active")

    await page.get_by_role("button", name="Delete account …").click()
    delete = page.get_by_role("dialog").get_by_role("button", name="Delete account")
    await expect(delete).to_be_disabled()
    await page.get_by_label("Type the name to confirm").fill("rosa@brightwater.example")
    await delete.click()
    await expect(page.get_by_role("heading", name="Accounts", level=1)).to_be_visible()
    await page.get_by_label("Search accounts").fill("rosa")
    await expect(page.get_by_text("No account fits")).to_be_visible()


async def test_a_domain_and_its_records(visitors: Visitors) -> None:
    visitors.site.zone.publish("juniper.example. 60 IN MX 10 mail.fernhill.example.")
    page = await visitors.signed_in()
    await page.get_by_role("link", name="Domains", exact=True).click()
    await page.get_by_role("button", name="Add domain").first.click()
    await page.get_by_label("Domain name").fill("fernhill.example")
    await page.get_by_role("dialog").get_by_role("button", name="Add domain").click()
    await expect(page.get_by_text("This domain exists.")).to_be_visible()
    await page.get_by_label("Domain name").fill("juniper.example")
    await page.get_by_role("dialog").get_by_role("button", name="Add domain").click()
    await expect(page.get_by_role("heading", name="juniper.example", level=1)).to_be_visible()
    await expect(page.get_by_text("1 required record to publish")).to_be_visible()
    await page.get_by_role("button", name="Create key").click()
    await page.get_by_label("Selector").fill("k1")
    await page.get_by_role("dialog").get_by_role("button", name="Create key").click()
    await expect(page.get_by_role("cell", name="k1")).to_be_visible()
    await page.get_by_role("button", name="Delete domain …").click()
    await page.get_by_label("Type the name to confirm").fill("juniper.example")
    await page.get_by_role("dialog").get_by_role("button", name="Delete domain").click()
    await expect(page.get_by_text("juniper.example is deleted.")).to_be_visible()


async def press(page: Page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


async def test_by_keyboard_alone(visitors: Visitors) -> None:
    """Sign in, past the navigation, create an account: the focus is always somewhere, seen, and comes back after a dialog."""
    page = await visitors.stranger()
    await page.goto(f"{visitors.site.url}/console/accounts")
    await expect(page.get_by_label("Email address")).to_be_focused()
    await page.keyboard.type("olive@fernhill.example")
    await press(page, "Tab")
    await page.keyboard.type(PASSWORD)
    await press(page, "Enter")
    await settled(page)
    await expect(page.get_by_role("heading", name="Accounts", level=1)).to_be_focused()
    await press(page, "Tab")
    create = page.get_by_role("button", name="Create account")
    await expect(create).to_be_focused()
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await press(page, "Enter")
    await expect(page.get_by_label("Name")).to_be_focused()
    await press(page, "Escape")
    await expect(create).to_be_focused()
    await press(page, "Enter")
    await page.keyboard.type("keys")
    await press(page, "Tab", "Tab")
    await page.keyboard.type(PASSWORD)
    await press(page, "Enter")
    await expect(page.get_by_role("heading", name=re.compile("^keys@"))).to_be_focused()
    await page.goto(f"{visitors.site.url}/console/accounts")
    await settled(page)
    await press(page, "Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await press(page, "Enter")
    await expect(page.get_by_role("main")).to_be_focused()

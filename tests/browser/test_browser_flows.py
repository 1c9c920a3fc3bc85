"""What people do with the console, as they do it: by pointer, by keyboard alone."""

import asyncio
import re
import smtplib
import time
from base64 import b32decode
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Locator, Page, expect

from browser.site import OPERATOR, OWNER, PASSWORD
from browser.visitor import Visitors, settled, sign_in
from kit.waiting import eventually
from mailstead.wire.otp import STEP, code_at
from mailstead_local.ports import HOST

pytestmark = pytest.mark.asyncio(loop_scope="session")  # of the browser


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

    await page.get_by_role("search").get_by_label("State").select_option("Deleted")
    await page.get_by_role("link", name="rosa@brightwater.example").click()
    await expect(page.locator(".page-head .badge")).to_have_text("Deleted")
    await page.get_by_role("button", name="Restore").click()
    await expect(page.get_by_text("rosa@brightwater.example is restored.")).to_be_visible()
    await expect(page.locator(".page-head .badge")).to_have_text("Active")
    await page.get_by_role("button", name="Delete account …").click()
    await page.get_by_label("Type the name to confirm").fill("rosa@brightwater.example")
    await page.get_by_role("dialog").get_by_role("button", name="Delete account").click()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("row").filter(has_text="rosa@brightwater.example")).to_contain_text("Active")


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


async def test_a_new_password(visitors: Visitors) -> None:
    page = await visitors.signed_in("tomas@brightwater.example")
    await page.get_by_role("link", name="Security").click()
    await page.get_by_label("Current password").fill("not the password")
    await page.get_by_label("New password").fill("gravel-anchor-violin-7")
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_text("This is not the password.")).to_be_visible()
    await expect(page.get_by_label("Current password")).to_be_focused()
    await page.get_by_label("Current password").fill(PASSWORD)
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_text("Your password is changed. Sign in with the new one.")).to_be_visible()
    await sign_in(page, "tomas@brightwater.example", "gravel-anchor-violin-7")


async def test_one_time_passwords(visitors: Visitors) -> None:
    """The picture is what a program reads; then the console wants a code of whoever signs in."""
    marit = "marit@brightwater.example"
    page = await visitors.signed_in(marit)
    await page.get_by_role("link", name="Security").click()
    await page.get_by_role("button", name="Set up …").click()
    picture = Image.open(BytesIO(await page.get_by_role("img", name="Secret of the one-time passwords").screenshot()))
    (read,) = zxingcpp.read_barcodes(picture)
    secret = b32decode(parse_qs(urlsplit(read.text).query)["secret"][0])
    step = int(time.time() // STEP)
    await page.get_by_label("Code").fill(code_at(secret, step))
    await page.get_by_role("button", name="Switch on").click()
    codes = (await page.get_by_role("dialog").locator("pre").inner_text()).split()
    assert len(codes) == 10
    await page.get_by_role("button", name="I have kept them").click()
    await expect(page.get_by_text("One-time passwords are on.")).to_be_visible()
    await expect(page.get_by_text("10 recovery codes left")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_label("Email address").fill(marit)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("One-time password").fill("000000")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("This code is wrong, or was used before.")).to_be_visible()
    await page.get_by_role("button", name="Use a recovery code").click()
    await page.get_by_label("Recovery code").fill(codes[0])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Summary", level=1)).to_be_focused()


async def test_an_app_password(visitors: Visitors) -> None:
    """Shown once, good for sending, and good no more once it is revoked."""
    site, ines = visitors.site, "ines@fernhill.example"
    page = await visitors.signed_in(ines)
    await page.get_by_role("link", name="Security").click()
    await page.get_by_role("button", name="Create app password").click()
    await page.get_by_label("Name").fill("Phone")
    await page.get_by_label("POP3").uncheck()
    await page.get_by_role("button", name="Create", exact=True).click()
    secret = await page.locator(".secret code").inner_text()
    await page.get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="Phone")
    await expect(row).to_contain_text("IMAP, Sending, Filters")
    await asyncio.to_thread(site.submit, ines, secret, "someone@orchard.example")
    await row.get_by_role("button", name="Revoke").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(page.get_by_text("No app passwords")).to_be_visible()
    with pytest.raises(smtplib.SMTPAuthenticationError):
        await asyncio.to_thread(site.submit, ines, secret, "someone@orchard.example")


async def test_vacation_and_filters(visitors: Visitors) -> None:
    page = await visitors.signed_in("jonas@fernhill.example")
    await page.get_by_role("link", name="Vacation").click()
    await page.get_by_label("Answer mail").check()
    await page.get_by_label("Text").fill("Back on Monday.\nThe office reads office@fernhill.example.")
    await page.get_by_label("Last day").fill("2040-01-01")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved. Mail is answered.")).to_be_visible()
    await page.reload()
    await expect(page.get_by_label("Text")).to_have_value("Back on Monday.\nThe office reads office@fernhill.example.")

    await page.get_by_role("link", name="Filters").click()
    await page.get_by_role("button", name="Write a script").click()
    await page.get_by_label("Script", exact=True).fill('fileinto "Archive";')
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("dialog").get_by_text(re.compile("line 1.*fileinto", re.IGNORECASE))).to_be_visible()
    await page.get_by_label("Script", exact=True).fill('require "fileinto"; fileinto "Archive";')
    await page.get_by_label("Run it on mail that arrives").uncheck()
    await page.get_by_role("button", name="Save").click()
    row = page.get_by_role("row").filter(has_text="main")
    await row.get_by_role("button", name="Delete").click()
    await expect(row).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(row).to_have_count(1)


async def test_an_alias(visitors: Visitors) -> None:
    page = await visitors.signed_in()
    await page.get_by_role("link", name="Aliases", exact=True).click()
    await page.get_by_role("button", name="Create alias").click()
    await page.get_by_label("Name").fill("office")
    await page.get_by_role("dialog").get_by_label("Domain").select_option("fernhill.example")
    await page.get_by_label("Goes to").fill("ines@fernhill.example\nteam@orchard.example")
    await page.get_by_role("dialog").get_by_role("button", name="Create alias").click()
    await expect(page.get_by_text("This address is taken")).to_be_visible()
    await page.get_by_label("Name").fill("hello")
    await page.get_by_role("dialog").get_by_role("button", name="Create alias").click()
    row = page.get_by_role("row").filter(has_text="hello@fernhill.example")
    await expect(row).to_contain_text("ines@fernhill.example, team@orchard.example")
    await row.get_by_role("button", name="Edit").click()
    await page.get_by_label("Goes to").fill("jonas@fernhill.example")
    await page.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("jonas@fernhill.example")
    await row.get_by_role("button", name="Delete").click()
    await expect(row).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(row).to_contain_text("jonas@fernhill.example")


async def test_deleted_mail_comes_back(visitors: Visitors) -> None:
    site, shop = visitors.site, "shop@harbour-books.example"
    for subject in ("An order", "<b>Another</b> order"):
        await asyncio.to_thread(site.send, shop, subject, "Two atlases, please.\n")
    await asyncio.to_thread(site.empty_inbox, shop)
    page = await visitors.signed_in(shop)
    await page.get_by_role("link", name="Deleted mail").click()
    row = page.get_by_role("row").filter(has_text="<b>Another</b> order")
    await row.get_by_role("button", name="Restore").click()
    await expect(page.get_by_text("Restored to INBOX.")).to_be_visible()
    await expect(row).to_have_count(0)
    await page.get_by_role("button", name="Restore all …").click()
    await page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    await expect(page.get_by_text("1 message restored.")).to_be_visible()
    await page.get_by_role("link", name="Summary").click()
    await expect(page.get_by_role("row").filter(has_text="INBOX")).to_contain_text("2")


async def test_a_message_that_leaves(visitors: Visitors) -> None:
    page = await visitors.signed_in()
    await page.get_by_role("link", name="Queue", exact=True).click()
    await page.get_by_label("Sender").fill(OWNER)
    await page.get_by_role("link", name=OWNER).click()
    await expect(page.get_by_role("cell", name="secretary@orchard.example")).to_be_visible()
    for action, state in (("Hold", "Held"), ("Release", "Waiting"), ("Try now", "Waiting")):
        await page.get_by_role("button", name=action).click()
        await expect(page.locator(".page-head .badge")).to_have_text(state)
    await expect(page.locator(".timeline strong")).to_have_text(["Received", "Queued for other hosts", "Tried"])
    trace = await page.locator(".facts code").inner_text()
    await page.get_by_role("button", name="Cancel …").click()
    await page.get_by_label("Tell the sender").uncheck()
    await page.get_by_role("button", name="Cancel message").click()
    await expect(page.locator(".page-head .badge")).to_have_text("Done")

    await page.get_by_role("link", name="Queue", exact=True).first.click()
    await page.get_by_role("button", name="Follow a message …").click()
    await page.get_by_label("Trace").fill(trace)
    await page.get_by_role("button", name="Follow", exact=True).click()
    await expect(page.locator(".timeline strong")).to_have_text(["Received", "Queued for other hosts", re.compile("^Cancelled")])

    await page.get_by_role("link", name="Audit log").click()
    await page.get_by_label("Who").fill(f"account {OPERATOR}")
    await page.get_by_role("button", name="Act on queue message").first.click()
    await expect(page.get_by_role("dialog")).to_contain_text("cancel")


async def test_the_overview_counts(visitors: Visitors) -> None:
    page = await visitors.signed_in()
    await expect(page.get_by_role("img", name=re.compile("Into mailboxes: [1-9]"))).to_be_visible()
    await page.get_by_role("link", name=re.compile("^Accounts [0-9]+")).click()
    await expect(page.get_by_role("heading", name="Accounts", level=1)).to_be_focused()


async def test_what_others_wrote_is_text(visitors: Visitors) -> None:
    """Markup in whatever somebody else may have put there stays what it is: letters."""
    site, hostile = visitors.site, "<img src=x onerror=alert(1)><b>bold</b>"
    path = f"/accounts/{site.ids['office@fernhill.example']}"
    site.api.post(f"{path}/app-passwords", json={"name": hostile}).raise_for_status()
    script = site.api.put(f"{path}/sieve-scripts/a%20%3Cb%3E%20b", json={"text": f"# {hostile}\r\nkeep;\r\n"})
    script.raise_for_status()
    page = await visitors.signed_in("office@fernhill.example")
    await page.get_by_role("link", name="Security").click()
    await expect(page.get_by_role("cell", name=hostile)).to_be_visible()
    await page.get_by_role("link", name="Filters").click()
    await expect(page.get_by_role("cell", name="a <b> b")).to_be_visible()
    await page.get_by_role("button", name="Edit").click()
    await expect(page.get_by_label("Script", exact=True)).to_have_value(f"# {hostile}\nkeep;\n")
    assert await page.locator("main img, main b").count() == 0


async def test_when_the_service_does_not_answer(visitors: Visitors) -> None:
    """What fails says so in its place, and is tried again there."""
    page = await visitors.signed_in()
    problem = '{"type": "urn:mailstead:problem:unavailable", "title": "x", "status": 409, "detail": "This cannot be done now."}'
    await page.route(
        "**/v1/accounts?*", lambda route: route.fulfill(status=409, content_type="application/problem+json", body=problem)
    )
    await page.get_by_role("link", name="Accounts", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("This cannot be done now.")
    await page.unroute("**/v1/accounts?*")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("link", name=OWNER)).to_be_visible()


async def test_who_is_signed_out_elsewhere_signs_in_where_they_were(visitors: Visitors) -> None:
    press_office = "press@harbour-books.example"
    page = await visitors.signed_in(press_office)
    await settled(page)  # or it learns it from what it still asks for
    visitors.site.api.delete(f"/accounts/{visitors.site.ids[press_office]}/sessions").raise_for_status()
    await page.get_by_role("link", name="Filters").click()
    await expect(page.get_by_text("You were signed out. Sign in again to go on.")).to_be_visible()
    await sign_in(page, press_office)
    await expect(page.get_by_role("heading", name="Filters", level=1)).to_be_visible()


async def test_an_administrator_of_a_tenant_sees_what_is_theirs(visitors: Visitors) -> None:
    site = visitors.site
    tenant = site.api.post("/tenants", json={"name": "Willow Dairy"}).raise_for_status().json()["id"]
    site.api.post("/domains", json={"name": "willow.example", "tenant_id": tenant}).raise_for_status()
    made = site.api.post("/accounts", json={"address": "greta@willow.example", "password": PASSWORD}).raise_for_status().json()
    site.api.put(f"/accounts/{made['id']}/role", json={"role": "tenant_admin"}).raise_for_status()
    page = await visitors.signed_in("greta@willow.example")
    await expect(page.get_by_role("link", name=re.compile("^Accounts 1 "))).to_be_visible()
    await page.get_by_role("link", name="Domains", exact=True).click()
    await expect(page.locator("tbody tr")).to_have_text([re.compile("^willow.example")])
    await page.get_by_role("link", name="Accounts", exact=True).click()
    await page.get_by_role("link", name="greta@willow.example").click()
    await expect(page.get_by_label("Role in this console").locator("option")).to_have_count(2)


async def test_rules_and_pauses_of_delivery(visitors: Visitors) -> None:
    page = await visitors.signed_in()
    await page.get_by_role("link", name="Delivery", exact=True).click()
    await page.get_by_role("button", name="Add rule").click()
    await page.get_by_label("Mail to").fill("far.example")
    await page.get_by_label("Host", exact=True).fill("relay.example")
    await page.get_by_label("User name").fill("us")
    await page.get_by_role("dialog").get_by_role("button", name="Add rule").click()
    await expect(page.get_by_role("dialog")).to_contain_text("a username needs a password")
    await page.get_by_label("User name").fill("")
    await page.get_by_role("dialog").get_by_role("button", name="Add rule").click()
    row = page.get_by_role("row").filter(has_text="relay.example")
    await row.get_by_role("button", name="Delete …").click()
    await page.get_by_label("Type the name to confirm").fill("far.example")
    await page.get_by_role("dialog").get_by_role("button", name="Delete rule").click()
    await expect(row).to_have_count(0)

    await page.get_by_role("button", name="Pause delivery").click()
    await page.get_by_label("Mail to").fill("slow.example")
    await page.get_by_label("Why").fill("They asked for it")
    await page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    row = page.get_by_role("row").filter(has_text="slow.example")
    await expect(row).to_contain_text("They asked for it")
    await row.get_by_role("button", name="Resume").click()
    await expect(row).to_have_count(0)


async def test_the_suppression_list(visitors: Visitors) -> None:
    page = await visitors.signed_in()
    await page.get_by_role("link", name="Suppression list").click()
    await page.get_by_role("button", name="Add address").click()
    await page.get_by_role("textbox", name="Address").fill("gone@far.example")
    await page.get_by_role("dialog").get_by_role("button", name="Add address").click()
    row = page.get_by_role("row").filter(has_text="gone@far.example")
    await expect(row).to_contain_text("By hand")
    await row.get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(row).to_have_count(1)


async def test_an_api_key_and_a_tenant(visitors: Visitors) -> None:
    page = await visitors.signed_in()
    await page.get_by_role("link", name="API keys").click()
    await page.get_by_role("button", name="Create API key").click()
    await page.get_by_label("Name").fill("Invoices")
    await page.get_by_label("Scopes").fill("accounts:read")
    await page.get_by_role("dialog").get_by_role("button", name="Create").click()
    key = await page.get_by_role("dialog").locator("code").inner_text()
    assert key.startswith("ms_")
    await page.get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="Invoices")
    await row.get_by_role("button", name="Revoke").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(row).to_have_count(0)

    await page.get_by_role("link", name="Tenants").click()
    await page.get_by_role("button", name="Create tenant").click()
    await page.get_by_label("Name").fill("Willow & Sons")
    await page.get_by_role("dialog").get_by_role("button", name="Create tenant").click()
    row = page.get_by_role("row").filter(has_text="Willow & Sons")
    await row.get_by_role("button", name="Suspend").click()
    await expect(row).to_contain_text("Suspended")
    await page.get_by_role("button", name="Undo").click()
    await expect(row).to_contain_text("Active")
    await row.get_by_role("button", name="Delete …").click()
    await page.get_by_label("Type the name to confirm").fill("Willow & Sons")
    await page.get_by_role("dialog").get_by_role("button", name="Delete tenant").click()
    await expect(row).to_have_count(0)


async def test_a_webhook(visitors: Visitors) -> None:
    """Made, tried, seen to fail and to succeed, paused, sent again, and deleted."""
    site = visitors.site
    site.stack.start("jobs")  # which sends events
    await asyncio.to_thread(site.stack.wait_ready, "jobs")
    answers = [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"]

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers[-1])
        writer.close()

    async with await asyncio.start_server(receive, HOST, 0) as server:
        url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}/mail"
        page = await visitors.signed_in()
        await page.get_by_role("link", name="Webhooks").click()
        await page.get_by_role("button", name="Add webhook").first.click()
        await page.get_by_label("URL").fill(url)
        await page.get_by_label("Events").fill("account.begun")
        await page.get_by_role("dialog").get_by_role("button", name="Add webhook").click()
        await expect(page.get_by_role("dialog")).to_contain_text("account.created")
        await page.get_by_label("Events").fill("domain.created domain.verified")
        await page.get_by_role("dialog").get_by_role("button", name="Add webhook").click()
        assert (await page.get_by_role("dialog").locator("code").inner_text()).startswith("whsec_")
        await page.get_by_role("button", name="Done").click()
        await expect(page.get_by_role("heading", name=url, level=1)).to_be_focused()
        await expect(page.locator(".facts")).to_contain_text("domain.created, domain.verified")

        row = page.get_by_role("row").filter(has_text="webhook.test")
        await page.get_by_role("button", name="Send a test").click()
        await expect(page.get_by_text("An event is on its way to it.")).to_be_visible()  # a page that is left asks for nothing
        await shown(page, row, "503")
        answers.append(b"HTTP/1.1 204 Yes\r\n\r\n")
        await row.get_by_role("button", name="Send again").click()
        await expect(page.get_by_text("It is sent again.")).to_be_visible()
        await shown(page, row, "Delivered")
        await page.get_by_role("button", name="webhook.test").click()
        await expect(page.get_by_role("dialog").get_by_role("row")).to_have_count(3)
        await page.get_by_role("button", name="Close").click()
        await page.get_by_label("State of a delivery").select_option("Given up")
        await expect(page.get_by_text("No event fits")).to_be_visible()
        await page.get_by_role("button", name="Send again …").click()
        await page.get_by_role("dialog").get_by_role("button", name="Send again").click()
        await expect(page.get_by_text("Sent again: 0 events.")).to_be_visible()

        await page.get_by_role("button", name="Edit").click()
        await page.get_by_label("Description").fill("The billing system")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator(".facts")).to_contain_text("The billing system")
        await page.get_by_role("button", name="New secret …").click()
        await page.get_by_role("button", name="Make a new secret").click()
        await page.get_by_role("button", name="Done").click()
        await page.get_by_role("button", name="Pause").click()
        await expect(page.locator(".page-head .badge")).to_have_text("Paused")
        await page.get_by_role("button", name="Turn on").click()
        await expect(page.locator(".page-head .badge")).to_have_text("On")
        await page.get_by_role("button", name="Delete …").click()
        await page.get_by_label("Type the name to confirm").fill(url)
        await page.get_by_role("dialog").get_by_role("button", name="Delete webhook").click()
        await expect(page.get_by_role("heading", name="Webhooks", level=1)).to_be_visible()
        await expect(page.get_by_role("link", name=url)).to_have_count(0)


async def shown(page: Page, row: Locator, text: str) -> None:
    """Looked at again and again, since the page does not look by itself."""

    async def there() -> bool:
        await page.reload()
        await settled(page)
        return await row.filter(has_text=text).count() == 1

    await eventually(there, 40)

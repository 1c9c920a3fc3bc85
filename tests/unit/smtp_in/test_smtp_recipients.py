"""What becomes of mail for aliases, groups, tags and forwards: copies, queue entries, reports; and reports on their way home."""

import asyncio
import re
import smtplib
from typing import Any

from kit.certificates import TestAuthority
from kit.postgres import DatabaseUrls
from mailstead.model.address import Address
from mailstead.store.engine import open_database
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.provisioning import Provisioning
from unit.smtp_in.conversing import Client, Gates, Serve
from unit.smtp_in.test_smtp_placing import PASSWORD, told_of

CONTENT = b"Subject: for all\r\n\r\nbody\r\n.\r\n"
QUEUED = """SELECT q.sender, q.report_to, q.account_id, q.tenant_id, r.address, r.notify, r.original
            FROM queue_messages q JOIN queue_recipients r USING (queue_id) ORDER BY r.address"""


async def send(served: Any, *recipients: str, sender: str = "a@b.test", code: int = 250) -> None:
    client = await Client.connect(served.mx)
    rcpt = "".join(f"RCPT TO:<{recipient}>\r\n" for recipient in recipients)
    await client.ask(f"EHLO c.test\r\nMAIL FROM:<{sender}>\r\n{rcpt}DATA\r\n".encode(), 250, 250, *[250] * len(recipients), 354)
    await client.ask(CONTENT, code)


async def account(urls: DatabaseUrls, address: str, **changes: Any) -> int:
    """Its id, once it is changed."""
    async with open_database(urls.api, pool_size=1) as database:
        provisioning = Provisioning(database)
        (row,) = [row for row in await provisioning.accounts(100) if row.address == address]
        return (await provisioning.update_account(row.account_id, **changes)).account_id


async def test_everybody_gets_one_copy_and_the_content_is_kept_once(serve: Serve) -> None:
    served = await serve()
    await send(served, "sales@a.test", "alice@a.test", "alice@alias.test", "whoever@catch.test")
    [to_alice], [to_bob] = await served.inbox("alice"), await served.inbox("bob")
    assert b"for <sales@a.test>" in to_alice and b"for <sales@a.test>" in to_bob
    assert len(await served.query("SELECT FROM contents")) == 1


async def test_a_hundred_recipients_share_one_content(serve: Serve, database_urls: DatabaseUrls) -> None:
    """Statements do not grow with recipients either, but for one look-up each."""
    served = await serve()
    async with open_database(database_urls.api, pool_size=1) as database:
        provisioning = Provisioning(database)
        for n in range(100):
            await provisioning.create_account(Address(f"r{n}", "a.test"), "never logs in", 0)
    await send(served, *(f"r{n}@a.test" for n in range(100)))
    assert len(await served.query("SELECT FROM messages")) == 100
    assert len(await served.query("SELECT FROM contents")) == 1
    assert len(await served.query("SELECT DISTINCT xmin::text FROM emails")) == 1


async def test_a_forward_leaves_under_a_sender_of_ours(serve: Serve) -> None:
    served = await serve()
    await send(served, "out@a.test", sender="list+bounce=x@b.test")
    [row] = await served.query(QUEUED)
    assert re.fullmatch(r"SRS0=[a-z2-7]{8}=[a-z2-7]{2}=b\.test=list\+bounce=x@a\.test", row["sender"])
    assert (row["report_to"], row["account_id"], row["address"]) == ("list+bounce=x@b.test", None, "far@else.test")
    assert row["original"] == "rfc822;out@a.test"  # RFC 3461 §5.2.1


async def test_a_report_finds_its_way_home_and_nothing_else_does(serve: Serve) -> None:
    served = await serve()
    await send(served, "out@a.test")
    [forward] = await served.query(QUEUED)
    await served.query("DELETE FROM queue_messages")
    await send(served, forward["sender"].upper(), sender="")
    [report] = await served.query(QUEUED)
    assert (report["sender"], report["report_to"], report["address"].lower()) == ("", None, "a@b.test")
    client = await Client.connect(served.mx)
    await client.ask(f"EHLO c.test\r\nMAIL FROM:<x@b.test>\r\nRCPT TO:<{forward['sender']}>\r\n".encode(), 250, 250, 550)


async def test_a_sender_of_ours_and_the_null_sender_stay(serve: Serve) -> None:
    served = await serve()
    await send(served, "out@a.test", sender="alice@a.test")
    await send(served, "out@a.test", sender="")
    assert {(row["sender"], row["report_to"]) for row in await served.query(QUEUED)} == {("alice@a.test", None), ("", None)}


async def test_a_sender_too_long_to_be_rewritten_gives_way_to_who_forwards(serve: Serve) -> None:
    served = await serve()
    await send(served, "out@a.test", sender="x" * 185 + "@b.test")
    [row] = await served.query(QUEUED)
    assert (row["sender"], row["report_to"]) == ("out@a.test", "x" * 185 + "@b.test")


async def test_an_account_forwards_with_and_without_a_copy(serve: Serve, database_urls: DatabaseUrls) -> None:
    served = await serve()
    alice = await account(database_urls, "alice@a.test", forwards=["far@else.test", "bob@a.test"])
    await send(served, "alice@a.test")
    assert [len(await served.inbox(user)) for user in ("alice", "bob")] == [1, 1]
    await account(database_urls, "alice@a.test", keeps_copy=False)
    await asyncio.sleep(1.1)  # recipients are remembered for a second
    await send(served, "alice@a.test")
    assert [len(await served.inbox(user)) for user in ("alice", "bob")] == [1, 2]
    assert [row["account_id"] for row in await served.query(QUEUED)] == [alice, alice]


async def test_a_tag_files_into_its_mailbox_and_into_inbox_when_that_has_gone(serve: Serve, database_urls: DatabaseUrls) -> None:
    gates = Gates()
    served = await serve(committer=gates)
    alice = await account(database_urls, "alice@a.test", files_tags=True)
    async with open_database(database_urls.imap, pool_size=1) as database:
        await Mailboxes(database, lambda _: None).create(alice, "Lists")
    gates[0].open.set()
    await send(served, "alice+lists@a.test")
    filed = "SELECT b.name FROM messages JOIN mailboxes b USING (account_id, mailbox_id) ORDER BY b.name"
    assert [row["name"] for row in await served.query(filed)] == ["Lists"]
    gates[0].open.clear()
    sending = asyncio.create_task(send(served, "alice+lists@a.test"))
    while gates[0].waiting < 2:
        await asyncio.sleep(0.01)
    await served.query("UPDATE mailboxes SET name = 'Renamed' WHERE name = 'Lists'")
    gates[0].open.set()
    await sending
    assert [row["name"] for row in await served.query(filed)] == ["INBOX", "Renamed"]


async def test_whom_an_alias_cannot_reach_is_reported_and_members_of_a_group_are_not(serve: Serve) -> None:
    served = await serve()
    await send(served, "mixed@a.test", sender="bob@a.test")
    [report] = await served.inbox("bob")
    _, *told = told_of(report)
    assert [(one["Final-Recipient"], one["Status"]) for one in told] == [
        ("rfc822; nobody@a.test", "5.1.1"),
        ("rfc822; disabled@a.test", "5.2.1"),
    ]
    assert len(await served.inbox("alice")) == 1
    await send(served, "crew@a.test")
    [row] = await served.query(QUEUED)
    assert (row["address"], row["notify"]) == ("far@else.test", ["NEVER"])
    assert len(await served.inbox("alice")) == 2


async def test_success_at_an_alias_of_several_is_one_expansion(serve: Serve, authority: TestAuthority) -> None:
    """RFC 3461 §5.2.7: NOTIFY is passed on to the only one an alias stands for, but SUCCESS not to one of several."""
    served = await serve()

    def submit() -> None:
        with smtplib.SMTP_SSL("127.0.0.1", served.submissions, context=authority.client_context(), timeout=20) as client:
            client.login("alice@a.test", PASSWORD)
            client.mail("alice@a.test", ["ENVID=e1"])
            assert client.rcpt("sales@a.test", ["NOTIFY=SUCCESS,FAILURE"])[0] == 250
            assert client.rcpt("out@a.test", ["NOTIFY=SUCCESS,DELAY"])[0] == 250
            assert client.rcpt("wide@a.test", ["NOTIFY=SUCCESS"])[0] == 250
            assert client.data(b"Subject: x\r\n\r\nbody\r\n")[0] == 250

    await asyncio.to_thread(submit)
    report = (await served.inbox("alice"))[-1]
    _, *told = told_of(report)
    assert [(one["Final-Recipient"], one["Action"]) for one in told] == [
        ("rfc822; sales@a.test", "expanded"),
        ("rfc822; wide@a.test", "expanded"),
    ]
    assert {(row["address"], *row["notify"]) for row in await served.query(QUEUED)} == {
        ("far@else.test", "DELAY", "SUCCESS"),
        ("one@else.test", "NEVER"),
        ("two@else.test", "NEVER"),
    }

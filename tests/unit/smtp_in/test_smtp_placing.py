"""What a message ends as when its recipients end differently: 250 with a report, 5xx, or 451; and what a sender asked to hear."""

import asyncio
import smtplib
from email import message_from_bytes
from email.message import Message
from typing import Any

from kit.certificates import TestAuthority
from kit.waiting import eventually
from unit.smtp_in.conversing import ENVELOPE, Client, Gates, Serve

TO_BOTH = ENVELOPE.replace(b"DATA", b"RCPT TO:<bob@a.test>\r\nDATA")
CONTENT = b"Subject: for both\r\n\r\nbody\r\n.\r\n"
PASSWORD = "correct horse"
GONE = "DELETE FROM accounts WHERE address = $1"


def told_of(report: bytes) -> list[dict[str, str]]:
    """The groups of fields of a report's machine-readable part."""
    status = message_from_bytes(report).get_payload(1)
    assert isinstance(status, Message)
    groups = status.get_payload()
    assert isinstance(groups, list)
    return [{name: str(value) for name, value in group.items()} for group in groups if isinstance(group, Message)]


async def queued_report(served: Any) -> bytes | None:
    """The one report in the queue, or None; whatever is queued must be a report."""
    rows = await served.query(
        """SELECT q.sender, q.account_id, r.address, r.notify, q.prefix || c.header || (
               SELECT string_agg(k.data, ''::bytea ORDER BY k.number) FROM chunks k WHERE k.blob_id = c.blob_id) AS message
           FROM queue_messages q JOIN queue_recipients r USING (queue_id, tenant_id)
           JOIN contents c USING (tenant_id, blob_id)"""
    )
    if not rows:
        return None
    [row] = rows
    assert (row["sender"], row["account_id"], row["address"], row["notify"]) == ("", None, "a@b.test", ["NEVER"])
    return bytes(row["message"])


async def test_one_of_two_mailboxes_goes_between_rcpt_and_the_dot(serve: Serve) -> None:
    """Who is left gets the message; the sender, who is elsewhere, gets a report, queued in the same transaction."""
    served = await serve()
    client = await Client.connect(served.mx)
    await client.ask(TO_BOTH, 250, 250, 250, 250, 354)
    await served.query(GONE, "bob@a.test")
    await client.ask(CONTENT, 250)
    [alice] = await served.inbox("alice")
    assert alice.endswith(b"Subject: for both\r\n\r\nbody\r\n")
    report = await queued_report(served)
    assert report is not None
    _, bob = told_of(report)
    assert bob["Final-Recipient"] == "rfc822; bob@a.test"
    assert (bob["Action"], bob["Status"]) == ("failed", "5.1.1")
    assert bob["Diagnostic-Code"] == "smtp; 550 5.1.1 Recipient's mailbox does not exist"
    assert b"for both" in report
    assert len(await served.query("SELECT DISTINCT xmin::text FROM emails UNION SELECT xmin::text FROM queue_messages")) == 1


async def test_all_mailboxes_go(serve: Serve) -> None:
    served = await serve()
    for envelope, replies in ((TO_BOTH, 4), (ENVELOPE, 3)):
        client = await Client.connect(served.mx)
        await client.ask(envelope, *[250] * replies, 354)
        await served.query("UPDATE mailboxes SET name = 'Was ' || name WHERE name = 'INBOX'")
        await client.ask(CONTENT, 550)
        await served.query("UPDATE mailboxes SET name = 'INBOX' WHERE name = 'Was INBOX'")
    assert await queued_report(served) is None
    assert await served.query("SELECT FROM messages") == []


async def test_a_null_sender_is_told_nothing(serve: Serve) -> None:  # RFC 5321 §4.5.5
    served = await serve()
    client = await Client.connect(served.mx)
    await client.ask(TO_BOTH.replace(b"a@b.test", b""), 250, 250, 250, 250, 354)
    await served.query(GONE, "bob@a.test")
    await client.ask(CONTENT, 250)
    assert len(await served.inbox("alice")) == 1
    assert await queued_report(served) is None


async def test_a_sender_of_ours_is_told_at_home(serve: Serve) -> None:
    """Mail from outside in the name of a local address; one that does not exist is told nothing."""
    served = await serve()
    for sender in (b"postmaster+x@a.test", b"nobody@a.test", b"bob@a.test"):
        client = await Client.connect(served.mx)
        await client.ask(TO_BOTH.replace(b"a@b.test", sender), 250, 250, 250, 250, 354)
        await served.query("UPDATE mailboxes SET name = 'Was' WHERE name = 'INBOX' AND account_id = 2")
        await client.ask(CONTENT, 250)
        await served.query("UPDATE mailboxes SET name = 'INBOX' WHERE name = 'Was'")
    assert len(await served.inbox("alice")) == 3
    assert await served.inbox("bob") == []
    [report] = await served.inbox("postmaster")
    assert report.startswith(b"Return-Path: <>\r\n")
    assert told_of(report)[1]["Action"] == "failed"
    assert await queued_report(served) is None


async def test_a_temporary_failure_is_one_for_all(serve: Serve) -> None:
    """A mailbox that stays locked longer than the commit may take: 451, and by then nothing is stored."""
    gates = Gates()
    served = await serve(committer=gates, smtp_commit_seconds=1)
    client = await Client.connect(served.mx)
    await client.ask(TO_BOTH + CONTENT, 250, 250, 250, 250, 354, 451)
    assert await served.query("SELECT FROM messages") == []


async def test_what_is_not_committed_stands_in_the_budget(serve: Serve) -> None:
    """The sender has been told 451, but the store still has the message: it still counts (promise S3)."""
    gates = Gates()
    served = await serve(committer=gates, smtp_commit_seconds=1, smtp_content_budget=1024 * 1024)
    content = b"x" * 998 + b"\r\n"
    client = await Client.connect(served.mx)
    await client.ask(ENVELOPE + content * 600 + b".\r\n", 250, 250, 250, 354, 451)
    assert served.budget.held == 600_000
    await client.ask(b"MAIL FROM:<a@b.test> SIZE=600000\r\n", 452)
    gates[0].open.set()
    await eventually(lambda: served.budget.held == 0)
    await client.ask(b"MAIL FROM:<a@b.test> SIZE=600000\r\n", 250)


async def test_messages_in_flight_share_the_budget(serve: Serve) -> None:
    """Three connections in the middle of DATA: who goes beyond hears 452, the others are not hurt (promise S3)."""
    served = await serve(smtp_content_budget=1024 * 1024)
    block = b"x" * 998 + b"\r\n"
    clients = [await Client.connect(served.mx) for _ in range(3)]
    for client in clients[:2]:
        await client.ask(ENVELOPE + block * 500, 250, 250, 250, 354)
    await eventually(lambda: served.budget.held > 999_000)
    await clients[2].ask(ENVELOPE + block * 500, 250, 250, 250, 354)
    await clients[2].ask(b".\r\n", 452)
    assert 999_000 < served.budget.held <= 1_000_000
    for client in clients[:2]:
        await client.ask(b".\r\n", 250)
    assert served.budget.held == 0
    await clients[2].ask(ENVELOPE + block * 1_000 + b".\r\n", 250, 250, 250, 354, 250)
    assert len(await served.inbox("alice")) == 3


# ---- submission


async def test_success_is_told_of_whom_it_was_asked(serve: Serve, authority: TestAuthority) -> None:
    """RFC 3461 §4.1: SUCCESS for a local recipient, NEVER for another; who asked nothing hears nothing."""
    served = await serve()
    asked = {"bob": "SUCCESS,DELAY", "jürgen": "NEVER", "postmaster": "FAILURE"}
    await asyncio.to_thread(submit, served.submissions, authority, asked)
    [report] = await served.inbox("alice")
    fields, bob = told_of(report)
    assert fields["Original-Envelope-Id"] == "env+1"
    assert (bob["Final-Recipient"], bob["Action"], bob["Status"]) == ("rfc822; bob@a.test", "delivered", "2.0.0")
    assert bob["Original-Recipient"] == "rfc822; Bob@a.test"
    for user in ("bob", "jürgen", "postmaster"):
        assert len(await served.inbox(user)) == 1
    assert len(await served.query("SELECT DISTINCT xmin::text FROM emails")) == 1


async def test_failure_is_told_unless_it_is_not_wanted(serve: Serve, authority: TestAuthority) -> None:
    gates = Gates()
    served = await serve(committer=gates)
    asked = {"bob": "SUCCESS", "jürgen": "NEVER", "postmaster": "FAILURE", "full": "SUCCESS,FAILURE"}
    submitting = asyncio.create_task(asyncio.to_thread(submit, served.submissions, authority, asked, ret="FULL"))
    await eventually(lambda: gates[0].waiting)
    await served.query("DELETE FROM accounts WHERE address = ANY($1)", ["bob@a.test", "jürgen@a.test", "postmaster@a.test"])
    gates[0].open.set()
    await submitting
    [report] = await served.inbox("alice")
    _, *told = told_of(report)
    assert [(one["Final-Recipient"], one["Action"]) for one in told] == [
        ("rfc822; postmaster@a.test", "failed"),
        ("rfc822; full@a.test", "delivered"),
    ]
    assert b"message/rfc822" in report and b"\r\nsubmitted body\r\n" in report
    assert len(await served.inbox("full")) == 1


async def test_a_submitter_who_has_gone_takes_nothing_along(serve: Serve, authority: TestAuthority) -> None:
    """There is nobody left to read the report; the message itself is delivered."""
    gates = Gates()
    served = await serve(committer=gates)
    submitting = asyncio.create_task(asyncio.to_thread(submit, served.submissions, authority, {"bob": "SUCCESS"}))
    await eventually(lambda: gates[0].waiting)
    await served.query(GONE, "alice@a.test")
    gates[0].open.set()
    await submitting
    assert len(await served.inbox("bob")) == 1
    assert await served.query("SELECT FROM queue_messages") == []


async def test_what_leaves_the_house_is_left(serve: Serve, authority: TestAuthority) -> None:
    """The local recipient has gone, the one elsewhere is queued."""
    gates = Gates()
    served = await serve(committer=gates)
    asked = {"bob": "FAILURE", "far@elsewhere.test": "FAILURE"}
    submitting = asyncio.create_task(asyncio.to_thread(submit, served.submissions, authority, asked))
    await eventually(lambda: gates[0].waiting)
    await served.query(GONE, "bob@a.test")
    gates[0].open.set()
    await submitting
    assert [row["address"] for row in await served.query("SELECT address FROM queue_recipients")] == ["far@elsewhere.test"]
    [report] = await served.inbox("alice")
    assert told_of(report)[1]["Final-Recipient"] == "rfc822; bob@a.test"


def submit(port: int, authority: TestAuthority, asked: dict[str, str], ret: str = "HDRS") -> None:
    """From alice to all these, with these NOTIFY parameters; every reply must be positive."""
    with smtplib.SMTP_SSL("127.0.0.1", port, context=authority.client_context(), timeout=20) as client:
        client.login("alice@a.test", PASSWORD)
        utf8 = "" if all(user.isascii() for user in asked) else " SMTPUTF8"
        client.command_encoding = "utf-8"
        assert client.docmd(f"MAIL FROM:<alice@a.test> RET={ret} ENVID=env+2B1{utf8}")[0] == 250
        for user, notify in asked.items():
            address = user if "@" in user else f"{user}@a.test"
            original = f" ORCPT=rfc822;{address.capitalize()}" if address.isascii() else ""
            assert client.docmd(f"RCPT TO:<{address}> NOTIFY={notify}{original}")[0] == 250
        assert client.data(b"Subject: submitted\r\n\r\nsubmitted body\r\n")[0] == 250

"""The service over TCP, with a real database: what arrives is what is stored, and what the traps of aiosmtpd would have cost."""

import asyncio
import email.message
import email.policy
import re
import smtplib
from collections.abc import Sequence

import pytest

from kit.certificates import TestAuthority
from kit.waiting import eventually
from mailstead.model.address import Address
from mailstead.store.directory import Directory, Found
from unit.smtp_in.conversing import ENVELOPE, Client, GatedCommitter, Gates, Serve

PASSWORD = "correct horse"


async def test_what_arrives_is_stored_octet_by_octet(serve: Serve) -> None:
    served = await serve()
    client = await Client.connect(served.mx)
    content = b"Subject: x\r\nX-Odd:\xff\0\r\n\r\n" + bytes(set(range(256)) - {10, 13}) + b"\r\n.\r\n..\r\nend"
    await client.ask(ENVELOPE, 250, 250, 250, 354)
    await client.send(content.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
    accepted = await client.line()
    trace_id = accepted.split()[-1].decode()
    await client.ask(b"QUIT\r\n", 221)
    [message] = await served.inbox("alice")
    prefix, kept = message[: -len(content) - 2], message[-len(content) - 2 :]
    assert kept == content + b"\r\n"
    assert re.fullmatch(
        r"Return-Path: <a@b\.test>\r\n"
        r"Received: from client\.test \(\[127\.0\.0\.1\]\)\r\n"
        rf"\tby mx\.a\.test with ESMTP id {trace_id}\r\n"
        r"\tfor <alice@a\.test>;\r\n"
        r"\t[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000\r\n",
        prefix.decode(),
    )


async def test_each_copy_names_its_own_recipient_and_nobody_gets_two(serve: Serve) -> None:
    served = await serve()
    client = await Client.connect(served.mx)
    await client.ask(
        b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<alice@a.test>\r\nRCPT TO:<bob@a.test>\r\nRCPT TO:<alice+x@a.test>\r\nDATA\r\n",
        *(250, 250, 250, 250, 250, 354),
    )
    await client.ask(b"Subject: x\r\n\r\n.\r\n", 250)
    [alice], [bob] = await served.inbox("alice"), await served.inbox("bob")
    assert b"for <alice@a.test>" in alice
    assert b"bob" not in alice
    assert b"for <bob@a.test>" in bob
    assert bob.startswith(b"Return-Path: <>\r\n")
    assert len(await served.query("SELECT FROM contents")) == 1


async def test_submission_over_tls_with_smtplib(serve: Serve, authority: TestAuthority) -> None:
    served = await serve()
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["Subject"], message["To"], message["Bcc"] = "grüße", "bob@a.test, far@elsewhere.test", "hidden@elsewhere.test"
    message.set_content("body\n")

    def submit() -> None:
        with smtplib.SMTP("127.0.0.1", served.submission) as client:
            client.starttls(context=authority.client_context())
            client.login("alice@a.test", PASSWORD)
            client.sendmail("alice@a.test", ["bob@a.test", "far@elsewhere.test", "hidden@elsewhere.test"], message.as_bytes())

    await asyncio.to_thread(submit)
    [stored] = await served.inbox("bob")
    parsed = email.message_from_bytes(stored, policy=email.policy.SMTP)
    assert parsed["Bcc"] is None
    assert parsed["From"] == "alice@a.test"
    assert parsed["Date"]
    assert re.fullmatch(r"<[0-9a-f]{32}@mx\.a\.test>", parsed["Message-ID"])
    assert "with ESMTPSA" in parsed["Received"]
    assert "tls TLS_" in parsed["Received"]
    assert "far@" not in parsed["Received"]
    [queued] = await served.query("SELECT sender, prefix FROM queue_messages")
    assert queued["sender"] == "alice@a.test"
    assert queued["prefix"].startswith(b"Received: ")  # no Return-Path before final delivery: RFC 5321 §4.4
    assert b"for <" not in queued["prefix"]
    recipients = {row["address"] for row in await served.query("SELECT address FROM queue_recipients")}
    assert recipients == {"far@elsewhere.test", "hidden@elsewhere.test"}


@pytest.mark.parametrize("end", ["half-close", "vanish"])
async def test_after_the_final_dot_the_commit_stands(serve: Serve, end: str) -> None:  # trap 2, promise D6
    gates = Gates()
    served = await serve(committer=gates)
    client = await Client.connect(served.mx)
    await client.ask(ENVELOPE, 250, 250, 250, 354)
    await client.send(b"Subject: x\r\n\r\n.\r\n")
    await eventually(lambda: gates[0].waiting)
    if end == "half-close":
        client.half_close()
        gates[0].open.set()
        assert await client.reply() == b"250"
        assert await client.reply() == b""
    else:
        client.vanish()
        gates[0].open.set()

    async def arrived() -> bool:
        return len(await served.inbox("alice")) == 1

    await eventually(arrived)
    assert served.budget.held == 0


@pytest.mark.parametrize(
    "sent", [b"", b"Subject: x\r\n\r\nbody", b"Subject: x\r\n\r\nbody\r\n.", b"Subject: x\r\n\r\nbody\r\n.\r"]
)
async def test_before_the_final_dot_nothing_is_left(serve: Serve, sent: bytes) -> None:
    served = await serve()
    for leave in (Client.half_close, Client.vanish):
        client = await Client.connect(served.mx)
        await client.ask(ENVELOPE, 250, 250, 250, 354)
        await client.send(sent)
        leave(client)
        await eventually(lambda: served.listeners["mx"].connections == 0)
    assert await served.inbox("alice") == []
    assert served.budget.held == 0


class BrokenDirectory(Directory):
    """A bug: an error that nobody has foreseen."""

    async def look_up(self, addresses: Sequence[Address]) -> list[Found | None]:
        raise KeyError("secret of the inside")


async def test_an_unforeseen_error_says_nothing_of_the_inside(serve: Serve) -> None:  # trap 1
    served = await serve(directory=lambda real: BrokenDirectory(real._database))
    client = await Client.connect(served.mx)
    await client.ask(b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\n", 250, 250)
    await client.send(b"RCPT TO:<alice@a.test>\r\n")
    assert await client.line() == b"451 4.3.0 Temporary failure, try again later\r\n"
    await client.ask(b"DATA\r\nQUIT\r\n", 451, 221)


async def test_the_commit_has_a_deadline(serve: Serve) -> None:
    served = await serve(committer=GatedCommitter, smtp_commit_seconds=1)
    client = await Client.connect(served.mx)
    await client.ask(ENVELOPE + b"Subject: x\r\n\r\n.\r\n", 250, 250, 250, 354, 451)
    await client.ask(b"QUIT\r\n", 221)


async def test_size_and_budget(serve: Serve) -> None:
    served = await serve(smtp_max_size=100_000, smtp_content_budget=1024 * 1024)
    client = await Client.connect(served.mx)
    large = b"Subject: x\r\n\r\n" + (b"x" * 98 + b"\r\n") * 1_000 + b".\r\n"
    await client.ask(ENVELOPE + large, 250, 250, 250, 354, 552)
    assert served.budget.reserve(1024 * 1024)
    await client.ask(b"MAIL FROM:<a@b.test> SIZE=1000\r\n", 452)
    await client.ask(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@a.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n", 250, 250, 354, 452)
    served.budget.release(1024 * 1024)
    await client.ask(b"MAIL FROM:<a@b.test> SIZE=1000\r\nRCPT TO:<alice@a.test>\r\nDATA\r\n", 250, 250, 354)
    await client.ask(b"Subject: x\r\n\r\n.\r\n", 250)
    assert served.budget.held == 0


async def test_a_large_message_comes_through(serve: Serve) -> None:
    served = await serve()
    client = await Client.connect(served.mx)
    content = b"Subject: x\r\n\r\n" + b"".join(b"%076d\r\n" % n for n in range(60_000))
    await client.ask(ENVELOPE + content + b".\r\n", 250, 250, 250, 354, 250)
    [message] = await served.inbox("alice")
    assert message.endswith(content)


async def test_too_many_recipients(serve: Serve) -> None:
    served = await serve(smtp_max_recipients=100)
    client = await Client.connect(served.mx)
    recipients = b"".join(b"RCPT TO:<alice+%d@a.test>\r\n" % n for n in range(102))
    await client.ask(b"EHLO c.test\r\nMAIL FROM:<>\r\n" + recipients, *[250] * 102, 452, 452)
    await client.ask(b"DATA\r\nSubject: x\r\n\r\n.\r\n", 354, 250)
    assert len(await served.inbox("alice")) == 1


async def test_silence_ends_a_session(serve: Serve) -> None:
    served = await serve(smtp_command_idle_seconds=1, smtp_content_idle_seconds=1)
    idle = await Client.connect(served.mx)
    writing = await Client.connect(served.mx)
    await writing.ask(ENVELOPE + b"Subject: x\r\n", 250, 250, 250, 354)
    for client in (idle, writing):
        assert [await client.reply(), await client.reply()] == [b"421", b""]
    assert await served.inbox("alice") == []


async def test_commands_are_counted(serve: Serve) -> None:
    served = await serve(smtp_max_commands=100)
    client = await Client.connect(served.mx)
    await client.ask(b"NOOP\r\n" * 101, *[250] * 100, 421)
    assert await client.reply() == b""


async def test_connections_are_counted(serve: Serve) -> None:
    served = await serve(smtp_max_connections=1)
    first = await Client.connect(served.mx)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.mx)
    assert await reader.read() == b"421 4.3.2 Too many connections, try again later\r\n"
    writer.close()
    await first.ask(b"QUIT\r\n", 221)


async def test_draining_lets_a_transaction_end(serve: Serve) -> None:
    served = await serve()
    idle, busy = await Client.connect(served.mx), await Client.connect(served.mx)
    await busy.ask(ENVELOPE, 250, 250, 250, 354)
    served.runtime.drain()
    assert [await idle.reply(), await idle.reply()] == [b"421", b""]
    await busy.ask(b"Subject: x\r\n\r\n.\r\n", 250, 421)
    assert await busy.reply() == b""
    assert len(await served.inbox("alice")) == 1


async def test_draining_waits_for_a_commit_whose_client_has_gone(serve: Serve) -> None:
    gates = Gates()
    served = await serve(committer=gates, drain_seconds=0)
    client = await Client.connect(served.mx)
    await client.ask(ENVELOPE, 250, 250, 250, 354)
    await client.send(b"Subject: x\r\n\r\n.\r\n")
    await eventually(lambda: gates[0].waiting)
    served.runtime.drain()
    client.vanish()
    await eventually(lambda: served.listeners["mx"].connections >= 0)
    gates[0].open.set()

    async def arrived() -> bool:
        return len(await served.inbox("alice")) == 1

    await eventually(arrived)


async def test_replies_to_a_pipelined_group_share_a_write(serve: Serve) -> None:  # RFC 2920 §3.2
    served = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.mx)
    await reader.readline()
    writer.write(b"EHLO c.test\r\n")
    assert b"250 HELP\r\n" in await reader.read(65536)
    writer.write(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@a.test>\r\nRCPT TO:<bob@a.test>\r\nDATA\r\n")
    assert [line[:3] for line in (await reader.read(65536)).split(b"\r\n")] == [b"250", b"250", b"250", b"354", b""]
    writer.close()


async def test_an_account_disabled_a_moment_ago_is_refused_soon(serve: Serve) -> None:
    served = await serve()
    client = await Client.connect(served.mx)
    await client.ask(b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<alice@a.test>\r\n", 250, 250, 250)
    await served.query("UPDATE accounts SET active = false WHERE address = 'alice@a.test'")

    async def refused() -> bool:
        await client.send(b"RCPT TO:<alice@a.test>\r\n")
        return await client.reply() == b"550"

    await eventually(refused, seconds=3)
    await served.query("UPDATE accounts SET active = true WHERE address = 'alice@a.test'")
    await client.ask(b"RCPT TO:<alice@a.test>\r\n", 250)  # bad news is never remembered


async def test_what_is_counted(serve: Serve) -> None:
    served = await serve()
    client = await Client.connect(served.mx)
    await client.ask(ENVELOPE + b"Subject: x\r\n\r\n.\r\nFOO\r\nQUIT\r\n", 250, 250, 250, 354, 250, 500, 221)
    value = served.runtime.registry.get_sample_value
    assert value("mailstead_smtp_commands_total", {"verb": "RCPT", "outcome": "2xx"}) == 1
    assert value("mailstead_smtp_commands_total", {"verb": "DATA", "outcome": "3xx"}) == 1
    assert value("mailstead_smtp_commands_total", {"verb": "none", "outcome": "5xx"}) == 1
    assert value("mailstead_smtp_messages_total", {"listener": "mx", "outcome": "2xx"}) == 1
    assert value("mailstead_smtp_accept_seconds_count", {"outcome": "2xx"}) == 1
    assert value("mailstead_smtp_message_octets_total", {"listener": "mx"}) == 14

"""LMTP: a true reply for each recipient (RFC 2033 §4.2), from trusted networks only; BDAT; what is held and what requires TLS."""

import asyncio
import smtplib

from kit.certificates import TestAuthority
from mailstead.model.failure import Failure, Refused
from mailstead.store.delivery import Delivery, Receipt
from mailstead.store.ingest import Ingest
from unit.smtp_in.conversing import Client, Gates, Serve

ENVELOPE = (
    b"LHLO relay.test\r\nMAIL FROM:<a@b.test>\r\n"
    b"RCPT TO:<alice@a.test>\r\nRCPT TO:<bob@a.test>\r\nRCPT TO:<sales@a.test>\r\nDATA\r\n"
)
CONTENT = b"Subject: for each\r\n\r\nbody\r\n.\r\n"
QUEUED = """SELECT q.require_tls, r.due_at - q.queued_at AS held, q.expires_at - q.queued_at AS life, r.address
            FROM queue_messages q JOIN queue_recipients r USING (queue_id) ORDER BY r.address"""


async def test_each_recipient_is_answered_for_itself(serve: Serve) -> None:
    """One mailbox goes between RCPT and the dot: its recipient hears so, the others have their mail, and nobody gets a report."""
    gates = Gates()
    served = await serve(committer=gates)
    client = await Client.connect(served.listeners["lmtp"].port)
    await client.ask(ENVELOPE, 250, 250, 250, 250, 250, 354)
    await client.send(CONTENT)
    while gates[0].waiting < 3:
        await asyncio.sleep(0.01)
    await served.query("DELETE FROM accounts WHERE address = 'bob@a.test'")
    gates[0].open.set()
    assert [await client.reply() for _ in range(3)] == [b"250", b"550", b"250"]
    first, second = await served.inbox("alice")
    assert b"with LMTP id" in first and b"for <alice@a.test>" in first and b"for <sales@a.test>" in second
    assert len(await served.query("SELECT FROM contents")) == 2  # the message once, and the report on what sales stands for


class OneFails:
    """The store fails for bob, and only for him."""

    def __init__(self, real: Ingest) -> None:
        self._real = real

    async def deliver(self, delivery: Delivery) -> Receipt:
        if any(b"bob@a.test" in copy.prefix for copy in delivery.copies):
            raise Refused(Failure.UNAVAILABLE, "secret of the inside")
        return await self._real.deliver(delivery)


async def test_a_failure_of_ours_is_told_to_whom_it_concerns(serve: Serve) -> None:
    served = await serve(committer=OneFails)
    client = await Client.connect(served.listeners["lmtp"].port)
    await client.ask(ENVELOPE, 250, 250, 250, 250, 250, 354)
    await client.ask(CONTENT, 250, 451, 250)
    assert served.budget.held == 0


async def test_strangers_are_turned_away(serve: Serve) -> None:
    served = await serve(lmtp_networks="192.0.2.0/24")
    reader, writer = await asyncio.open_connection("127.0.0.1", served.listeners["lmtp"].port)
    assert await reader.read() == b"554 No service for this address\r\n"
    writer.close()


# ---- BDAT


async def test_chunks_leave_nothing_behind_until_the_last(serve: Serve) -> None:
    """Whoever goes, resets or greets anew in the middle has sent nothing, and the budget is free again (promise D6)."""
    served = await serve()
    envelope = b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@a.test>\r\n"
    for ending in (b"RSET\r\n", b"EHLO c.test\r\n"):
        client = await Client.connect(served.mx)
        await client.ask(envelope + b"BDAT 10\r\n0123456\r\n\r", 250, 250, 250, 250)
        assert served.budget.held > 0
        await client.ask(ending, 250)
        assert served.budget.held == 0
    client = await Client.connect(served.mx)
    await client.ask(envelope + b"BDAT 10\r\n0123456\r\n\rBDAT 100 LAST\r\nhalf", 250, 250, 250, 250)
    client.vanish()
    while served.budget.held:
        await asyncio.sleep(0.01)
    assert await served.inbox("alice") == []


async def test_a_large_message_in_chunks_is_stored_as_it_came(serve: Serve) -> None:
    served = await serve()
    body = b"".join(b"%06d %s\r\n" % (n, b"x" * 900) for n in range(4_000))
    message = b"Subject: large\r\n\r\n" + body
    client = await Client.connect(served.mx)
    await client.send(b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@a.test>\r\n")
    assert [await client.reply() for _ in range(3)] == [b"250"] * 3
    for at in range(0, len(message), 1_000_000):
        piece = message[at : at + 1_000_000]
        last = b" LAST" if at + 1_000_000 >= len(message) else b""
        await client.ask(b"BDAT %d%s\r\n" % (len(piece), last) + piece, 250)
    [stored] = await served.inbox("alice")
    assert stored.endswith(message)
    assert served.budget.held == 0


# ---- what is held, and what requires TLS


async def test_what_is_held_waits_in_the_queue(serve: Serve, authority: TestAuthority) -> None:
    """RFC 4865: whoever it is for; and it lives as long as any other once it is released."""
    served = await serve()

    def submit() -> None:
        with smtplib.SMTP_SSL("127.0.0.1", served.submissions, context=authority.client_context(), timeout=20) as client:
            client.login("alice@a.test", "correct horse")
            assert client.mail("alice@a.test", ["HOLDFOR=86400", "REQUIRETLS"])[0] == 250
            assert client.rcpt("bob@a.test")[0] == client.rcpt("far@else.test")[0] == 250
            assert client.data(b"Subject: later\r\n\r\nbody\r\n")[0] == 250

    await asyncio.to_thread(submit)
    assert await served.inbox("bob") == []
    rows = await served.query(QUEUED)
    assert [row["address"] for row in rows] == ["bob@a.test", "far@else.test"]
    for row in rows:
        assert row["require_tls"]
        assert abs(row["held"].total_seconds() - 86_400) < 5
        assert abs(row["life"].total_seconds() - 6 * 86_400) < 5

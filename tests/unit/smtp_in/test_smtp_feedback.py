"""Complaints that arrive at the address for them: who complained is not written to again, whoever else may write what."""

import asyncio
import smtplib
from typing import Any

from kit.certificates import TestAuthority
from mailstead.store.delivery import Delivery
from mailstead.store.engine import open_database
from mailstead.store.ingest import Ingest
from store.builders import Account, outgoing, parsed
from unit.smtp_in.conftest import PASSWORD
from unit.smtp_in.conversing import Client, Serve
from unit.wire.test_wire_feedback import FULL, MINIMAL, TRACE, arf


async def sent(served: Any, *recipients: str) -> None:
    """A message of alice's that left under TRACE."""
    (row,) = await served.query("SELECT account_id, tenant_id, address FROM accounts WHERE address = 'alice@a.test'")
    async with open_database(served.urls.smtp_in) as database, Ingest(database, announce=lambda _: None) as ingest:
        await ingest.deliver(Delivery(TRACE, parsed(), queued=(outgoing(Account(*row), *recipients),)))


async def report(served: Any, message: bytes, to: str) -> None:
    client = await Client.connect(served.mx)
    await client.ask(b"EHLO mx.sender.test\r\nMAIL FROM:<abusedesk@example.com>\r\n", 250, 250)
    await client.ask(b"RCPT TO:<%s>\r\nDATA\r\n" % to.encode(), 250, 354)
    await client.send(message + b".\r\n")
    assert (await client.line()).startswith(b"250")


async def listed(served: Any) -> list[tuple[str, ...]]:
    return [tuple(row) for row in await served.query("SELECT address, reason, detail, trace_id FROM suppressions ORDER BY 1")]


async def test_who_complains_is_listed(serve: Serve) -> None:
    served = await serve(smtp_feedback_addresses="Alice@a.test")
    await sent(served, "User@example.com", "other@example.com")
    await report(served, arf(MINIMAL), "alice@a.test")
    assert await listed(served) == [], "it could be either of them"
    await report(served, arf(FULL), "bob@a.test")
    assert await listed(served) == [], "another address"
    for _ in range(2):
        await report(served, arf(FULL), "alice@a.test")
    assert await listed(served) == [("user@example.com", "complaint", "abuse reported by abusedesk@example.com", TRACE)]
    assert len(await served.inbox("alice")) == 3, "the reports themselves are filed as all mail is"


async def test_who_is_listed_is_refused_at_submission(serve: Serve, authority: TestAuthority) -> None:
    """By whoever of the tenant writes to them, and however they spell it."""
    served = await serve(smtp_feedback_addresses="alice@a.test")
    await sent(served, "user@example.com")
    await report(served, arf(MINIMAL), "alice@a.test")

    def submit() -> list[tuple[int, bytes]]:
        with smtplib.SMTP_SSL("127.0.0.1", served.submissions, context=authority.client_context(), timeout=20) as client:
            client.login("bob@a.test", PASSWORD)
            client.mail("bob@a.test")
            return [client.rcpt(address) for address in ("USER@example.com", "other@example.com")]

    refused, taken = await asyncio.to_thread(submit)
    assert refused == (550, b"5.7.1 This address is on the suppression list of your organization")
    assert taken[0] == 250


async def test_of_one_recipient_it_is_known_who_complains(serve: Serve) -> None:
    served = await serve(smtp_feedback_addresses="alice@a.test")
    await sent(served, "only@example.com")
    await report(served, arf(MINIMAL), "alice@a.test")
    assert [address for address, *_ in await listed(served)] == ["only@example.com"]


async def test_nobody_is_listed_for_what_was_not_sent(serve: Serve) -> None:
    """A forged report names whom it likes; it does not know what we call our messages."""
    served = await serve(smtp_feedback_addresses="alice@a.test")
    await sent(served, "user@example.com")
    await report(served, arf(FULL).replace(TRACE.encode(), b"f" * 32), "alice@a.test")
    await report(served, arf(FULL.replace("abuse", "not-spam")), "alice@a.test")
    assert await listed(served) == []

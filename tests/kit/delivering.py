"""Delivery with all its real parts: database, NATS, DNS, and the service itself, in this process or in one of its own.

async def test_something(house):
    house.dns.records("dest MX 10 mx.dest", "mx.dest A 127.0.0.3")
    async with house.delivering():
        queue_id = await house.send("bob@dest.test")
        await house.settled(queue_id)
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from email.message import Message
from typing import Any
from uuid import UUID

import pytest

from delivery.app import delivery
from delivery.settings import DeliverySettings
from kit.dns import DnsServer
from kit.nats import NatsServer
from kit.postgres import DatabaseUrls
from kit.waiting import eventually
from mailstead.bus.client import open_bus
from mailstead.model.address import Address
from mailstead.model.ids import new_trace_id
from mailstead.ops.lifecycle import Runtime
from mailstead.store.delivery import QUEUE_LIFETIME, Delivery, Notify, Outgoing, OutgoingRecipient
from mailstead.store.directory_rows import AccountRow
from mailstead.store.engine import Database, open_database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.provisioning import Provisioning
from mailstead.store.queue_view import AttemptRow, QueueView, RecipientState
from mailstead.wire.message import parse_message

HOSTNAME = "mx.own.test"
MESSAGE = (
    b"From: alice@own.test\r\nTo: somebody@dest.test\r\nDate: Sun, 01 Mar 2026 12:00:00 +0000\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@own.test>\r\n"
    b"\r\nHello.\r\n.\r\n..and dots\r\n"
)
PREFIX = b"Received: from client by mx.own.test with ESMTPSA; Sun, 01 Mar 2026 12:00:00 +0000\r\n"


@dataclass
class House:
    """The house own.test with its one account, alice."""

    urls: DatabaseUrls
    nats: NatsServer
    dns: DnsServer
    mail_port: int
    database: Database
    ingest: Ingest
    alice: AccountRow

    @property
    def queue(self) -> QueueView:
        return QueueView(self.database)

    async def send(
        self,
        *recipients: str,
        sender: str = "alice@own.test",
        notify: frozenset[Notify] = frozenset(),
        original: str | None = None,
        return_full: bool = False,
        envelope_id: str | None = None,
        expires_after: timedelta = QUEUE_LIFETIME,
        message: bytes = MESSAGE,
        require_tls: bool = False,
    ) -> UUID:
        """Queue a message as an accepted submission does."""
        outgoing = Outgoing(
            tenant_id=self.alice.tenant_id,
            account_id=self.alice.account_id,
            sender=sender,
            recipients=tuple(OutgoingRecipient(r, notify, original) for r in recipients),
            prefix=PREFIX,
            expires_after=expires_after,
            envelope_id=envelope_id,
            return_full=return_full,
            require_tls=require_tls,
        )
        receipt = await self.ingest.deliver(Delivery(new_trace_id(), parse_message(message), queued=(outgoing,)))
        return receipt.queued[0]

    async def states(self, queue_id: UUID) -> dict[str, RecipientState]:
        """By address."""
        return {r.address: r for r in await self.queue.recipients(queue_id)}

    async def settled(self, queue_id: UUID, seconds: float = 15) -> dict[str, RecipientState]:
        """Once every recipient is delivered or failed."""

        async def all_settled() -> bool:
            return all(r.settled_at for r in (await self.states(queue_id)).values())

        await eventually(all_settled, seconds, "all recipients are settled")
        return await self.states(queue_id)

    async def attempts(self, queue_id: UUID) -> list[AttemptRow]:
        return list(await self.queue.attempts(queue_id))

    async def inbox(self) -> list[bytes]:
        """Whole messages, oldest first."""
        opened = await Mailboxes(self.database, lambda _: None).open(self.alice.account_id, "INBOX")
        messages = Messages(self.database, lambda _: None)
        rows = await messages.summaries(self.alice.account_id, opened.mailbox.mailbox_id, list(opened.uids))
        return [octets async for _, octets in messages.read_many([row.source for row in rows])]

    async def report(self) -> Message:
        """The one message in INBOX, which has to be a report."""
        (octets,) = await self.inbox()
        message = message_from_bytes(octets)
        assert message.get_content_type() == "multipart/report"
        assert message["Return-Path"] == "<>"
        return message

    def settings(self, **changes: Any) -> dict[str, Any]:
        """As fields of DeliverySettings: quick retries, the test's DNS and mail port."""
        return {
            "database_url": self.urls.delivery,
            "nats_url": self.nats.url,
            "hostname": HOSTNAME,
            "observe_port": 0,
            "drain_seconds": 5,
            "database_pool_size": 3,
            "delivery_port": self.mail_port,
            "delivery_dns_servers": self.dns.host,
            "delivery_dns_port": self.dns.port,
            "delivery_ipv6": False,
            "delivery_allow_private_networks": True,
            "delivery_retry_first_seconds": 0.2,
            "delivery_retry_longest_seconds": 0.5,
        } | changes

    @asynccontextmanager
    async def delivering(self, **changes: Any) -> AsyncIterator[Runtime]:
        """The service in this process; drained when left."""
        settings = DeliverySettings(**self.settings(**changes))
        runtime = Runtime("delivery", settings)
        async with delivery(settings, runtime):
            try:
                yield runtime
            finally:
                runtime.drain()
        await runtime.end_tasks()
        assert not runtime.failed

    def process(self, **changes: Any) -> "subprocess.Popen[bytes]":
        """The service in a process of its own, started as a container starts it."""
        environment = {f"MAILSTEAD_{name.upper()}": str(value) for name, value in self.settings(**changes).items()}
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "delivery"],
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


@pytest.fixture
async def house(database_urls: DatabaseUrls, nats: NatsServer, dns_server: DnsServer, mail_port: int) -> AsyncIterator[House]:
    """A house of this test's own."""
    async with AsyncExitStack() as parts:
        database = await parts.enter_async_context(open_database(database_urls.owner, pool_size=3))
        bus = await parts.enter_async_context(open_bus(nats.url, name="test"))
        ingest = await parts.enter_async_context(Ingest(database, announce=bus.publish))
        provisioning = Provisioning(database)
        await provisioning.create_domain("own.test")
        alice = await provisioning.create_account(Address("alice", "own.test"), "never logs in", 0)
        async with asyncio.timeout(10):
            while not bus.connected:
                await asyncio.sleep(0.01)
        yield House(database_urls, nats, dns_server, mail_port, database, ingest, alice)

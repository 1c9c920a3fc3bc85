"""Small builders for tests of the store: raw and parsed messages, deliveries of them, and a directory to deliver into."""

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from mailstead.events import Event
from mailstead.model.address import Address
from mailstead.model.flags import Flags
from mailstead.model.ids import new_trace_id
from mailstead.store.delivery import Delivery, LocalCopy, Outgoing, OutgoingRecipient, Receipt, Stored
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.provisioning import DEFAULT_TENANT, Provisioning
from mailstead.store.tenants import Tenants
from mailstead.wire.message import Parsed, parse_message

PREFIX = b"Return-Path: <sender@example.net>\r\nReceived: by mail.example.org; Mon, 23 Nov 2026 09:00:00 +0000\r\n"
_numbers = count(1)


def raw(text: str = "Hello.\r\n", *, subject: str | None = None, headers: Sequence[str] = (), size: int = 0) -> bytes:
    """A message that no other equals, unless `subject` is given; `size` fills its body with random octets up to that many."""
    lines = [
        "From: Sender <sender@example.net>",
        "To: someone@example.org",
        f"Subject: {subject if subject is not None else f'number {next(_numbers)}'}",
        *headers,
    ]
    message = ("\r\n".join(lines) + "\r\n\r\n" + text).encode("utf-8", "surrogateescape")
    missing = size - len(message)
    if missing > 0:
        filler = os.urandom(missing // 2 + 1).hex().encode()[:missing]
        message += b"\r\n".join(filler[at : at + 76] for at in range(0, missing, 78))
    return message


def parsed(text: str = "Hello.\r\n", *, subject: str | None = None, headers: Sequence[str] = (), size: int = 0) -> Parsed:
    return parse_message(raw(text, subject=subject, headers=headers, size=size))


@dataclass(frozen=True, slots=True)
class Account:
    account_id: int
    tenant_id: int
    address: str

    def copy(self, mailbox: str = "INBOX", *, flags: Flags = Flags(), prefix: bytes = PREFIX) -> LocalCopy:
        return LocalCopy(self.account_id, self.tenant_id, mailbox, prefix, flags)


def delivery(
    *copies: LocalCopy, content: Parsed | None = None, queued: tuple[Outgoing, ...] = (), strict_quota: bool = False
) -> Delivery:
    return Delivery(new_trace_id(), content or parsed(), copies, queued, strict_quota)


def outgoing(account: Account, *addresses: str, sender: str | None = None) -> Outgoing:
    recipients = tuple(OutgoingRecipient(address) for address in addresses)
    return Outgoing(account.tenant_id, account.account_id, account.address if sender is None else sender, recipients, PREFIX)


async def fill(
    ingest: Ingest, account: Account, messages: int, mailbox: str = "INBOX", *, flags: Flags = Flags()
) -> list[Stored]:
    """So many different messages in one mailbox, by UID."""
    receipts = await asyncio.gather(*(ingest.deliver(delivery(account.copy(mailbox, flags=flags))) for _ in range(messages)))
    return sorted((receipt.copies[0] for receipt in receipts), key=lambda stored: stored.uid)


async def deliver_each(ingest: Ingest, deliveries: Iterable[Delivery]) -> list[Receipt | BaseException]:
    """All at the same time; what became of each, in order."""
    return await asyncio.gather(*(ingest.deliver(each) for each in deliveries), return_exceptions=True)


def verbs(statements: Iterable[str]) -> list[str]:
    """What each statement does, by its first word."""
    return [text.split()[0].rstrip(";") for text in statements]


class Announced(list[Event]):
    """What the store told other replicas."""

    def __call__(self, events: Iterable[Event]) -> None:
        self.extend(events)


class Town:
    """Makes domains and accounts as the API does. `tenant` names whose they are; a tenant's first account makes its domain."""

    def __init__(self, database: Database) -> None:
        self._provisioning = Provisioning(database)
        self._tenants = Tenants(database)
        self._domains: dict[str, str] = {}

    async def account(self, name: str = "", *, tenant: str = DEFAULT_TENANT, quota: int = 0) -> Account:
        if tenant not in self._domains:
            self._domains[tenant] = f"{tenant}.example.org"
            tenant_id = None if tenant == DEFAULT_TENANT else (await self._tenants.create(tenant)).tenant_id
            await self._provisioning.create_domain(self._domains[tenant], tenant_id)
        address = Address(name or f"user{next(_numbers)}", self._domains[tenant])
        row = await self._provisioning.create_account(address, "no password", quota)
        return Account(row.account_id, row.tenant_id, row.address)

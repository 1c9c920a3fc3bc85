"""What tests of a running IMAP service speak of: an account, a replica, what transcripts may name."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import count

from argon2 import PasswordHasher

from imap.settings import ImapSettings
from mailstead.model.address import Address
from mailstead.ops.lifecycle import Runtime
from mailstead.store.delivery import Delivery, LocalCopy
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.provisioning import Provisioning
from mailstead.store.tenants import Tenants
from mailstead.wire.message import parse_message

DOMAIN = "a.test"
PASSWORD = "correct-horse"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

_numbers = count(1)


@dataclass(frozen=True)
class Person:
    """Somebody with an account and the password PASSWORD."""

    account_id: int
    tenant_id: int
    address: str

    def variables(self) -> dict[str, str]:
        """For transcripts."""

        def base64(text: str) -> str:
            return b64encode(text.encode()).decode()

        return {
            "user": self.address,
            "password": PASSWORD,
            "plain": base64(f"\0{self.address}\0{PASSWORD}"),
            "wrong_plain": base64(f"\0{self.address}\0wrong"),
            "other_plain": base64(f"bob@a.test\0{self.address}\0{PASSWORD}"),
            "user64": base64(self.address),
            "password64": base64(PASSWORD),
        }


@dataclass(frozen=True)
class House:
    """A domain whose accounts tests make as they need them; `owner` is the database with all rights, to arrange and to look."""

    owner: Database

    async def person(self, quota: int = 0, quota_messages: int = 0) -> Person:
        """Somebody with nothing in any mailbox."""
        return await self._person(DOMAIN, quota, quota_messages)

    async def stranger(self) -> Person:
        """Somebody of another tenant."""
        number = next(_numbers)
        tenant = await Tenants(self.owner).create(f"tenant{number}")
        domain = f"elsewhere{number}.test"
        await Provisioning(self.owner).create_domain(domain, tenant.tenant_id)
        return await self._person(domain, 0, 0)

    async def _person(self, domain: str, quota: int, quota_messages: int) -> Person:
        address = Address.parse(f"user{next(_numbers)}@{domain}")
        row = await Provisioning(self.owner).create_account(address, CHEAP.hash(PASSWORD), quota, quota_messages)
        return Person(row.account_id, row.tenant_id, row.address)

    async def fill(self, person: Person, messages: Sequence[bytes], mailbox: str = "INBOX") -> None:
        """File these messages, in order."""
        async with Ingest(self.owner, announce=lambda _: None) as ingest:
            for message in messages:
                copy = LocalCopy(person.account_id, person.tenant_id, mailbox)
                await ingest.deliver(Delivery("test", parse_message(message), (copy,)))


@dataclass(frozen=True)
class Replica:
    """A running copy of the service."""

    settings: ImapSettings
    runtime: Runtime

    @property
    def port(self) -> int:
        return self.settings.imap_port

    @property
    def tls_port(self) -> int:
        return self.settings.imap_tls_port

    def counted(self, metric: str, **labels: str) -> float:
        """A figure of its metrics."""
        return self.runtime.registry.get_sample_value(metric, labels) or 0.0


StartReplica = Callable[..., AbstractAsyncContextManager[Replica]]


class Client:
    """A connection that is logged in and has INBOX selected; answers are octets as they came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._tags = count(1)

    async def command(self, command: bytes) -> bytes:
        """All that is said until the tagged answer, with it; what there is when the connection ends before.

        What NOTIFY tells on its own may stand behind it, or before the next one.
        """
        tag = b"t%d " % next(self._tags)
        self.writer.write(tag + command + b"\r\n")
        said = b""
        async with asyncio.timeout(20):
            while more := await self.reader.read(1 << 20):
                said += more
                if said.endswith(b"\r\n") and b"\r\n" + tag in b"\r\n" + said:
                    break
        return said


@asynccontextmanager
async def connected(server: Replica, person: Person) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
    try:
        assert b" OK " in await client.command(f"LOGIN {person.address} {PASSWORD}".encode())
        assert b" OK " in await client.command(b"SELECT INBOX")
        yield client
    finally:
        client.writer.close()

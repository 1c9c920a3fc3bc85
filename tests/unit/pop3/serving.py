"""What tests of a running POP3 service speak of: an account with mail, a replica, the messages that transcripts know."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from argon2 import PasswordHasher

from mailstead.ops.lifecycle import Runtime
from mailstead.store.delivery import Delivery, LocalCopy
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.maildrop import Maildrops
from mailstead.store.messages import Messages
from mailstead.wire.message import parse_message

PASSWORD = "correct horse"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

MESSAGES = (
    b"From: bob@a.test\r\nTo: alice@a.test\r\nSubject: one\r\n\r\nHello.\r\n",
    b"Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\nnot.at.the.start\r\n.\r\n",
    b"Subject: three\r\n\r\nno line end",
)


@dataclass(frozen=True)
class Account:
    """Somebody with mail; `owner` is the database with all rights, to look and to arrange."""

    owner: Database
    account_id: int
    tenant_id: int
    address: str
    password: str

    async def fill(self, messages: Sequence[bytes], prefix: bytes = b"") -> None:
        """File these into the INBOX, in order."""
        async with Ingest(self.owner, announce=lambda _: None) as ingest:
            for message in messages:
                copy = LocalCopy(self.account_id, self.tenant_id, "INBOX", prefix)
                await ingest.deliver(Delivery("test", parse_message(message), (copy,)))

    async def empty(self) -> None:
        """Expunge all of the INBOX, as an IMAP session would."""
        drop = await Maildrops(self.owner, lambda _: None).open(self.account_id)
        messages = Messages(self.owner, lambda _: None)
        await messages.expunge(self.account_id, drop.mailbox_id, list(drop.uids), only_deleted=False, actor="test")

    async def expunge(self, uid: int) -> None:
        """Expunge one message, as an IMAP session would."""
        drop = await Maildrops(self.owner, lambda _: None).open(self.account_id)
        messages = Messages(self.owner, lambda _: None)
        await messages.expunge(self.account_id, drop.mailbox_id, [uid], only_deleted=False, actor="test")

    async def uids(self) -> list[int]:
        """What is in the INBOX now."""
        return list((await Maildrops(self.owner, lambda _: None).open(self.account_id)).uids)

    def variables(self) -> dict[str, str]:
        """For transcripts."""
        sizes = [len(message) for message in MESSAGES]

        def base64(text: str) -> str:
            return b64encode(text.encode()).decode()

        return {
            "user": self.address,
            "password": self.password,
            "plain": base64(f"\0{self.address}\0{self.password}"),
            "wrong_plain": base64(f"\0{self.address}\0wrong"),
            "other_plain": base64(f"bob@a.test\0{self.address}\0{self.password}"),
            "user64": base64(self.address),
            "password64": base64(self.password),
            "total": str(sum(sizes)),
            **{f"size{n}": str(size) for n, size in enumerate(sizes, 1)},
        }


@dataclass(frozen=True)
class Replica:
    """A running copy of the service."""

    port: int
    tls_port: int
    runtime: Runtime

    def counted(self, metric: str, **labels: str) -> float:
        """A figure of its metrics."""
        return self.runtime.registry.get_sample_value(metric, labels) or 0.0


StartReplica = Callable[..., AbstractAsyncContextManager[Replica]]

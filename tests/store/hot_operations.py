"""The hot operations of the store, each done as a service does it: for tests of how they are planned and what they say."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kit.postgres import DatabaseUrls
from mailstead.model.address import Address
from mailstead.model.flags import FlagChange, Flags, SystemFlag
from mailstead.model.sequence_set import SequenceSet
from mailstead.store.changes import Changes
from mailstead.store.delivery import AlreadyMarked, Delivery, Mark
from mailstead.store.directory import Directory
from mailstead.store.engine import open_database
from mailstead.store.ingest import Ingest
from mailstead.store.logins import LockRules, Logins, Subjects
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.maildrop import Maildrops
from mailstead.store.messages import Messages, Want
from mailstead.store.query import And, Body, Header, Text, Uids
from mailstead.store.queue import Queue
from mailstead.store.queued import Outcome, RecipientOutcome
from mailstead.store.search import Search
from mailstead.store.sieve_scripts import SieveScripts
from store.builders import Account, delivery, outgoing, parsed

MANY = 10_000  # messages in the INBOX of the account, and queued recipients


class Replica:
    """The store of one process; leaving it closes its connections, which then have told the server what they counted."""

    def __init__(self, urls: DatabaseUrls, account: Account, log_statement: Callable[[str], None] | None = None) -> None:
        self._urls = urls
        self._log_statement = log_statement
        self._stack = AsyncExitStack()
        self.account = account

    async def __aenter__(self) -> "Replica":
        smtp, imap, pop3, queue = [
            await self._stack.enter_async_context(open_database(url, pool_size=1, log_statement=self._log_statement))
            for url in (self._urls.smtp_in, self._urls.imap, self._urls.pop3, self._urls.delivery)
        ]
        self.ingest = await self._stack.enter_async_context(Ingest(smtp, announce=lambda _: None))
        self.scripts = SieveScripts(smtp, max_scripts=32)
        self.logins = Logins(smtp, LockRules())
        self.directory, self.mailboxes = Directory(smtp), Mailboxes(imap, lambda _: None)
        self.messages, self.changes = Messages(imap, lambda _: None), Changes(imap)
        self.imap = imap
        self.maildrops, self.queue = Maildrops(pop3, lambda _: None), Queue(queue, lambda _: None)
        self.inbox = (await self.mailboxes.get(self.account.account_id, "INBOX")).mailbox_id
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()


async def deliver(replica: Replica, n: int) -> None:
    content = parsed(headers=["References: <5@x> <6@x>", f"Message-ID: <{n}@new>"])
    await replica.ingest.deliver(
        delivery(
            replica.account.copy(), replica.account.copy("Sent"), content=content,
            queued=(outgoing(replica.account, "a@remote.test"),), strict_quota=True,
        )
    )  # fmt: skip


async def look_up(replica: Replica, n: int) -> None:
    address = Address(f"crowd{n + 1}+tag", "default.example.org")
    recipient = await replica.directory.recipient(address)
    assert recipient is not None
    assert await replica.directory.may_send_as(recipient.account_id, address)
    assert (await replica.logins.find(Subjects(recipient.address, "192.0.2.1", False))).account


async def select(replica: Replica, n: int) -> None:
    assert len((await replica.mailboxes.open(replica.account.account_id, "Archive")).uids) == n
    await replica.messages.copy(
        replica.account.account_id, replica.inbox, [n + 1],
        (await replica.mailboxes.get(replica.account.account_id, "Archive")).mailbox_id,
    )  # fmt: skip
    assert len(await replica.mailboxes.list(replica.account.account_id)) == 6


async def fetch(replica: Replica, n: int) -> None:
    uids = list(range(101 + n * 20, 121 + n * 20))
    want = Want.ENVELOPE | Want.STRUCTURE | Want.HEADER
    rows = await replica.messages.summaries(replica.account.account_id, replica.inbox, uids, want)
    assert len(rows) == 20
    assert len([octets async for _, octets in replica.messages.read_many([row.source for row in rows])]) == 20
    assert [piece async for piece in replica.messages.read(rows[0].source)]


async def catch_up(replica: Replica, n: int) -> None:
    since = 2 * MANY - 100 * n
    delta = await replica.changes.since(replica.account.account_id, replica.inbox, since, known_uidnext=since + 1)
    assert len(delta.vanished) == 100 * n
    assert len(await replica.changes.highest([(replica.account.account_id, replica.inbox)])) == 1


async def store(replica: Replica, n: int) -> None:
    uids = range(1 + 100 * n, 101 + 100 * n)
    await replica.messages.store_flags(replica.account.account_id, replica.inbox, uids, FlagChange.ADD, Flags(SystemFlag.DELETED))
    assert len(await replica.messages.expunge(replica.account.account_id, replica.inbox, uids, actor="test")) == 100


async def claim(replica: Replica, _n: int) -> None:
    leases = await replica.queue.claim("worker", 10, timedelta(minutes=1), rooms={"d3": 0})
    assert len(leases) == 10
    until = datetime.now(UTC) + timedelta(hours=1)
    for lease in leases[:3]:
        assert await replica.queue.renew(lease, timedelta(minutes=2))
        outcomes = [RecipientOutcome(r.number, Outcome.DEFERRED, "4.0.0", "later", until) for r in lease.recipients]
        await replica.queue.settle(lease, outcomes, None)
    await replica.queue.release(leases[-1])
    assert await replica.queue.next_due()


async def open_small_maildrop(replica: Replica, n: int) -> None:
    subjects = Subjects(f"crowd{n + 1}@default.example.org", "192.0.2.1", False)
    row = (await replica.logins.find(subjects)).account
    assert row is not None
    await replica.logins.failed(subjects)
    assert len((await replica.maildrops.open(row.account_id)).uids) == 2


async def search(replica: Replica, n: int) -> None:
    """After `deliver`: what that brought is not indexed yet."""
    texts = Search(replica.imap)
    for query, matches in (
        (Text(f"number {MANY - n}"), 1),
        (Header("Subject", f"nowhere {n}"), 0),
        (And((Uids(SequenceSet(((1, 9),))), Body(f"er {n + 1}"))), 1),
    ):
        assert len(await texts.matching(replica.account.account_id, replica.inbox, query)) == matches


async def run_scripts(replica: Replica, n: int) -> None:
    recipient = await replica.directory.recipient(Address(f"crowd{n + 1}", "default.example.org"))
    assert recipient is not None and recipient.script is not None
    accounts = [recipient.account_id, replica.account.account_id]
    assert (await replica.scripts.active(accounts)).keys() == set(accounts)
    assert len((await replica.scripts.mailbox_names(accounts))[recipient.account_id]) == 3
    marks = (Mark(recipient.account_id, b"%032d" % n, 60), Mark(replica.account.account_id, b"%032d" % n, 60))
    await replica.ingest.deliver(Delivery("t", parsed(), marks=marks))
    with pytest.raises(AlreadyMarked):
        await replica.ingest.deliver(Delivery("t", parsed(), marks=(*marks, Mark(recipient.account_id, b"x%031d" % n, 60))))
    await replica.ingest.deliver(Delivery("t", parsed(), marks=tuple(replace(mark, renew=True) for mark in marks)))


OPERATIONS = (deliver, run_scripts, search, look_up, select, fetch, catch_up, store, claim, open_small_maildrop)

"""Two writers that go on for long over the same mailboxes, and reclaiming beside them: no deadlock reaches a client (promise D7).

`MAILSTEAD_TEST_WRITERS_SECONDS=60 pytest -rP tests/store/test_store_writers.py` runs for a minute.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from kit.postgres import DatabaseUrls
from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import FlagChange, Flags, SystemFlag
from mailstead.store.engine import Database, open_database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.reclaim import Reclaim
from store.builders import Account, Town, delivery, parsed

SECONDS = float(os.environ.get("MAILSTEAD_TEST_WRITERS_SECONDS", "8"))
AT_ONCE = 4  # operations of each writer
NAMES = ("INBOX", "Archive", "Trash", "Work")  # the last comes and goes
OLD = "Old"  # what INBOX is renamed to
NO_GRACE = timedelta(0)  # reclaiming may not depend on it
RACES = {Failure.NO_SUCH_MAILBOX, Failure.MAILBOX_EXISTS}  # what a client may be told when another was quicker

Operation = Callable[[], Awaitable[object]]


class Writer:
    """One replica's store, doing what chance says; `done` counts operations by name."""

    def __init__(self, database: Database, ingest: Ingest, accounts: list[Account], chance: random.Random) -> None:
        self.done: Counter[str] = Counter()
        self._ingest = ingest
        self._mailboxes = Mailboxes(database, lambda _: None)
        self._messages = Messages(database, lambda _: None)
        self._accounts = accounts
        self._chance = chance
        self._shared = [parsed(size=3_000) for _ in range(20)]  # contents that many messages share

    async def run(self, until: float) -> None:
        """Raises Refused for anything but a lost race."""
        clock = asyncio.get_running_loop().time
        operations = (self.deliver, self.copy, self.move, self.flag, self.expunge, self.expunge_deleted, self.come_and_go)
        while clock() < until:
            operation = self._chance.choice(operations)
            try:
                await operation(self._chance.choice(self._accounts))
                self.done[operation.__name__] += 1
            except Refused as refused:
                if refused.failure not in RACES:
                    raise
                self.done["lost race"] += 1

    async def deliver(self, _account: Account) -> None:
        """A batch: messages to several mailboxes of several accounts, half of them with a content that others have."""
        deliveries = [
            delivery(
                *(account.copy(self._chance.choice(NAMES[:3])) for account in self._chance.sample(self._accounts, 2)),
                content=self._chance.choice(self._shared) if self._chance.random() < 0.5 else None,
            )
            for _ in range(self._chance.randint(1, 10))
        ]
        await asyncio.gather(*(self._ingest.deliver(each) for each in deliveries))

    async def copy(self, account: Account) -> None:
        source, uids = await self._some(account)
        target = await self._mailboxes.get(account.account_id, self._chance.choice(NAMES))
        await self._messages.copy(account.account_id, source, uids, target.mailbox_id)

    async def move(self, account: Account) -> None:
        source, uids = await self._some(account)
        target = await self._mailboxes.get(account.account_id, self._chance.choice(NAMES))
        await self._messages.move(account.account_id, source, uids, target.mailbox_id)

    async def flag(self, account: Account) -> None:
        mailbox_id, uids = await self._some(account)
        change = self._chance.choice(list(FlagChange))
        flags = Flags(self._chance.choice([SystemFlag.SEEN, SystemFlag.DELETED, SystemFlag.SEEN | SystemFlag.FLAGGED]))
        await self._messages.store_flags(account.account_id, mailbox_id, uids, change, flags)

    async def expunge(self, account: Account) -> None:
        mailbox_id, uids = await self._some(account)
        await self._messages.expunge(account.account_id, mailbox_id, uids, actor="test", only_deleted=False)

    async def expunge_deleted(self, account: Account) -> None:
        mailbox_id, _ = await self._some(account)
        await self._messages.expunge(account.account_id, mailbox_id, None, actor="test")

    async def come_and_go(self, account: Account) -> None:
        work = NAMES[-1]
        steps: tuple[Operation, ...] = (
            lambda: self._mailboxes.create(account.account_id, work),
            lambda: self._mailboxes.rename(account.account_id, work, f"{work} {self._chance.randint(1, 3)}"),
            lambda: self._mailboxes.delete(account.account_id, work),
            lambda: self._mailboxes.rename(account.account_id, NAMES[0], OLD),
            lambda: self._mailboxes.delete(account.account_id, OLD),
        )
        await self._chance.choice(steps)()

    async def _some(self, account: Account) -> tuple[int, list[int]]:
        opened = await self._mailboxes.open(account.account_id, self._chance.choice(NAMES))
        uids = list(opened.uids)
        return opened.mailbox.mailbox_id, sorted(self._chance.sample(uids, min(len(uids), self._chance.randint(0, 50))))


async def _reclaim(database: Database, until: float) -> int:
    reclaim, removed = Reclaim(database), 0
    while asyncio.get_running_loop().time() < until:
        for each in (reclaim.tombstones, reclaim.emails, reclaim.contents):
            removed += await each(NO_GRACE)
    return removed


@pytest.mark.timeout(SECONDS + 60)
async def test_no_deadlock_reaches_a_client(
    database_urls: DatabaseUrls, jobs_db: Database, owner_db: Database, town: Town
) -> None:
    accounts = [await town.account() for _ in range(3)]
    until = asyncio.get_running_loop().time() + SECONDS
    async with AsyncExitStack() as stack:
        writers = []
        for seed in (1, 2):
            database = await stack.enter_async_context(open_database(database_urls.imap, pool_size=AT_ONCE + 2))
            ingest = await stack.enter_async_context(Ingest(database, announce=lambda _: None))
            writers.append(Writer(database, ingest, accounts, random.Random(seed)))
        async with asyncio.TaskGroup() as group:
            for writer in writers:
                for _ in range(AT_ONCE):
                    group.create_task(writer.run(until))
            reclaiming = group.create_task(_reclaim(jobs_db, until))
    row = await owner_db.fetchrow("look", "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    done = sum((writer.done for writer in writers), Counter())
    print(f"{SECONDS:g} s: {sum(done.values())} operations {dict(done)}, {reclaiming.result()} rows reclaimed, deadlocks: {row}")
    assert all(done[name] for name in ("deliver", "copy", "move", "flag", "expunge", "expunge_deleted", "come_and_go"))
    assert reclaiming.result() > 0

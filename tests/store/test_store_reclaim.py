"""Retention and reclaiming: what is freed, when, and never what something still refers to (promise D4)."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mailstead.model.failure import Failure, Refused
from mailstead.store import reclaim as reclaim_module
from mailstead.store.changes import Changes
from mailstead.store.deletion import Deletion
from mailstead.store.engine import Database
from mailstead.store.filing import file_batch
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.queue import Queue
from mailstead.store.queued import Outcome, RecipientOutcome
from mailstead.store.reclaim import Reclaim
from mailstead.store.tenant_keys import TenantKeys
from store.builders import Account, Town, deliver_each, delivery, fill, outgoing, parsed

AT_ONCE, HOUR, DAY = timedelta(0), timedelta(hours=1), timedelta(days=1)


async def count(owner_db: Database, table: str) -> int:
    rows = await owner_db.fetch("look", f"SELECT count(*) AS n FROM {table}")
    return int(rows[0]["n"])


async def expunge_all(messages: Messages, mailboxes: Mailboxes, account: Account) -> None:
    inbox = await mailboxes.get(account.account_id, "INBOX")
    await messages.expunge(account.account_id, inbox.mailbox_id, None, actor="test", only_deleted=False)


async def readable(messages: Messages, mailboxes: Mailboxes, account: Account) -> int:
    """How many messages INBOX has, all of which can be read."""
    opened = await mailboxes.open(account.account_id, "INBOX")
    rows = await messages.summaries(account.account_id, opened.mailbox.mailbox_id, list(opened.uids))
    octets = [octets async for _, octets in messages.read_many([row.source for row in rows])]
    assert [len(each) for each in octets] == [row.size for row in rows] and len(rows) == len(opened.uids)
    return len(rows)


async def test_a_domain_may_keep_what_is_deleted_for_longer_or_shorter(
    ingest: Ingest, alice: Account, mailboxes: Mailboxes, messages: Messages, reclaim: Reclaim, owner_db: Database
) -> None:
    await fill(ingest, alice, 3)
    await expunge_all(messages, mailboxes, alice)
    age = "UPDATE expunged SET expunged_at = now() - make_interval(days => (2 * uid)::int)"  # 2, 4 and 6 days
    await owner_db.execute("time passes", age)
    for days, purged in ((7, 0), (5, 1), (3, 1)):
        await owner_db.execute("set", f"UPDATE domains SET retention_days = {days}")
        assert await reclaim.tombstones(timedelta(days=1)) == purged
        assert await reclaim.tombstones(timedelta(days=1000)) == 0
    await owner_db.execute("unset", "UPDATE domains SET retention_days = NULL")
    assert await reclaim.tombstones(timedelta(days=1)) == 1


async def test_each_thing_waits_for_its_grace(
    ingest: Ingest, alice: Account, mailboxes: Mailboxes, messages: Messages, reclaim: Reclaim, owner_db: Database
) -> None:
    """A tombstone refers to its email, an email to its content; each is kept as long as it was promised."""
    await fill(ingest, alice, 3)
    await expunge_all(messages, mailboxes, alice)
    assert await reclaim.emails(AT_ONCE) == await reclaim.contents(AT_ONCE) == 0, "tombstones refer to them"
    assert await reclaim.tombstones(HOUR) == 0
    await owner_db.execute("time passes", "UPDATE expunged SET expunged_at = now() - interval '2 hours' WHERE uid <= 2")
    assert await reclaim.tombstones(HOUR) == 2
    assert await reclaim.emails(HOUR) == 0, "made less than an hour ago"
    assert await reclaim.contents(AT_ONCE) == 0, "emails refer to them"
    assert await reclaim.emails(AT_ONCE) == 2
    assert await reclaim.contents(HOUR) == 0, "referred to less than an hour ago"
    await owner_db.execute("time passes", "UPDATE contents SET referred_at = now() - interval '2 hours'")
    assert await reclaim.contents(HOUR) == 2
    assert (await count(owner_db, "contents"), await count(owner_db, "chunks")) == (1, 1)


async def test_a_reference_begins_the_grace_anew(
    ingest: Ingest, alice: Account, mailboxes: Mailboxes, messages: Messages, reclaim: Reclaim, owner_db: Database
) -> None:
    content = parsed()
    for _ in range(2):
        await ingest.deliver(delivery(alice.copy(), content=content))
        await expunge_all(messages, mailboxes, alice)
        await reclaim.tombstones(AT_ONCE)
        await reclaim.emails(AT_ONCE)
        assert await reclaim.contents(HOUR) == 0
        await owner_db.execute("time passes", "UPDATE contents SET referred_at = now() - interval '2 hours'")


async def test_copies_and_the_queue_hold_a_content(
    ingest: Ingest, alice: Account, mailboxes: Mailboxes, messages: Messages, reclaim: Reclaim, queue: Queue, owner_db: Database
) -> None:
    content = parsed(size=300_000)
    (stored,) = (await ingest.deliver(delivery(alice.copy(), content=content))).copies
    archive = await mailboxes.get(alice.account_id, "Archive")
    await messages.copy(alice.account_id, stored.mailbox_id, [stored.uid], archive.mailbox_id)
    await ingest.deliver(delivery(queued=(outgoing(alice, "bob@remote.test"),), content=content))

    async def freed() -> int:
        await reclaim.tombstones(AT_ONCE)
        await reclaim.emails(AT_ONCE)
        return await reclaim.contents(AT_ONCE)

    await expunge_all(messages, mailboxes, alice)
    assert await freed() == 0
    await mailboxes.delete(alice.account_id, "Archive")
    assert await freed() == 0
    (leased,) = await queue.claim("worker", 1, HOUR)
    assert await reclaim.settled_queue(AT_ONCE) == 0
    await queue.settle(leased, [RecipientOutcome(0, Outcome.DELIVERED, "2.0.0", "ok", datetime.now(UTC))], None)
    assert await reclaim.settled_queue(HOUR) == 0
    assert await freed() == 0
    await owner_db.execute("time passes", "UPDATE queue_messages SET queued_at = now() - interval '1 day'")
    assert await reclaim.settled_queue(HOUR) == 0, "settled less than an hour ago"
    assert await reclaim.settled_queue(AT_ONCE) == 1
    assert await freed() == 1
    assert [await count(owner_db, table) for table in ("queue_recipients", "queue_attempts", "emails", "chunks")] == [0] * 4


async def test_a_delivery_that_has_not_committed_yet_holds_its_content(
    ingest: Ingest, alice: Account, mailboxes: Mailboxes, messages: Messages, reclaim: Reclaim, smtp_db: Database
) -> None:
    content = parsed()
    await ingest.deliver(delivery(alice.copy(), content=content))
    await expunge_all(messages, mailboxes, alice)
    await reclaim.tombstones(AT_ONCE)
    await reclaim.emails(AT_ONCE)
    async with smtp_db.transaction("deliver") as connection:
        await file_batch(connection, [delivery(alice.copy(), content=content)], TenantKeys())
        assert await reclaim.contents(AT_ONCE) == 0
    assert await reclaim.contents(AT_ONCE) == 0
    assert await readable(messages, mailboxes, alice) == 1


@pytest.mark.parametrize("step", [2, 500])
async def test_reclaiming_beside_deliveries(
    ingest: Ingest,
    alice: Account,
    mailboxes: Mailboxes,
    messages: Messages,
    reclaim: Reclaim,
    owner_db: Database,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    """Many contents that are about to be freed are referred to again, some before, some while, some after; all can be read."""
    monkeypatch.setattr(reclaim_module, "STEP", step)
    texts = [parsed(size=2_000) for _ in range(24)]
    for _ in range(12):
        await deliver_each(ingest, [delivery(alice.copy(), content=content) for content in texts])
        await expunge_all(messages, mailboxes, alice)
        await reclaim.tombstones(AT_ONCE)
        await reclaim.emails(AT_ONCE)
        again = [delivery(alice.copy(), content=content) for content in texts[::2]]
        await asyncio.gather(reclaim.contents(AT_ONCE), *(ingest.deliver(each) for each in again), reclaim.contents(AT_ONCE))
        assert await readable(messages, mailboxes, alice) == len(again)
        await reclaim.contents(AT_ONCE)
        assert await count(owner_db, "contents") == len(again)
        await expunge_all(messages, mailboxes, alice)


async def test_all_pages_are_looked_at(
    ingest: Ingest,
    alice: Account,
    mailboxes: Mailboxes,
    messages: Messages,
    reclaim: Reclaim,
    owner_db: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pages and steps of any size, also when a table ends with a page."""
    monkeypatch.setattr(reclaim_module, "PAGE", 5)
    monkeypatch.setattr(reclaim_module, "STEP", 2)
    await fill(ingest, alice, 3, "Archive")
    await fill(ingest, alice, 12)
    await expunge_all(messages, mailboxes, alice)
    assert [await each(AT_ONCE) for each in (reclaim.tombstones, reclaim.emails, reclaim.contents)] == [12, 12, 12]
    assert [await count(owner_db, table) for table in ("expunged", "emails", "contents", "chunks")] == [0, 3, 3, 3]


async def test_purged_tombstones_raise_the_floor(
    ingest: Ingest,
    alice: Account,
    mailboxes: Mailboxes,
    messages: Messages,
    reclaim: Reclaim,
    changes: Changes,
    owner_db: Database,
) -> None:
    """From below the floor VANISHED cannot be told exactly any more, from it on it can (RFC 7162 §3.2.5.1)."""
    stored = await fill(ingest, alice, 4)
    key = alice.account_id, stored[0].mailbox_id
    for uid in (1, 2, 3):
        await messages.expunge(*key, [uid], actor="test", only_deleted=False)
    first = stored[-1].modseq + 1
    await owner_db.execute("time passes", "UPDATE expunged SET expunged_at = now() - interval '2 hours' WHERE uid <= 2")
    await reclaim.tombstones(HOUR)
    floor = (await mailboxes.get(alice.account_id, "INBOX")).floor_modseq
    assert floor == first + 1
    below = await changes.since(*key, first, known_uidnext=5)
    assert (below.complete, below.vanished) == (False, [3])
    assert (await changes.since(*key, floor, known_uidnext=5)).complete


async def test_deleting_an_account_beside_the_purge_of_its_tombstones(
    ingest: Ingest,
    town: Town,
    mailboxes: Mailboxes,
    messages: Messages,
    reclaim: Reclaim,
    owner_db: Database,
    monkeypatch: pytest.MonkeyPatch,
    deletion: Deletion,
) -> None:
    """Both take the mailboxes first (promise D7)."""
    monkeypatch.setattr(reclaim_module, "STEP", 50)
    for _ in range(4):
        accounts = [await town.account() for _ in range(3)]
        for account in accounts:
            await fill(ingest, account, 60)
            await expunge_all(messages, mailboxes, account)
        await asyncio.gather(reclaim.tombstones(AT_ONCE), *(deletion.erase_account(account.account_id) for account in accounts))
        await reclaim.tombstones(AT_ONCE)
    row = await owner_db.fetchrow("look", "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert row is not None and row["deadlocks"] == 0
    await reclaim.contents(AT_ONCE)
    assert [await count(owner_db, table) for table in ("emails", "expunged", "contents", "chunks", "accounts")] == [0] * 5


async def test_staged_bodies_that_nobody_came_for(
    ingest: Ingest, alice: Account, reclaim: Reclaim, owner_db: Database, messages: Messages, mailboxes: Mailboxes
) -> None:
    """The delivery was refused after its body had been staged: after the grace it goes, and what was adopted stays."""
    with pytest.raises(Refused) as refused:
        await ingest.deliver(delivery(alice.copy("Gone"), content=parsed(size=2_000_000)))
    assert refused.value.failure is Failure.NO_SUCH_MAILBOX
    await ingest.deliver(delivery(alice.copy(), content=parsed(size=2_000_000)))
    assert await reclaim.staged(HOUR) == 0
    assert await reclaim.staged(AT_ONCE) == await count(owner_db, "chunks") == 8
    assert await readable(messages, mailboxes, alice) == 1

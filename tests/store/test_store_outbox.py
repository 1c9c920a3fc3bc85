"""What goes out at least once, and limits that all replicas share."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mailstead.model.failure import Failure, Refused
from mailstead.store import outbox
from mailstead.store.engine import Connection, Database
from mailstead.store.limits import Limits, Rate
from mailstead.store.outbox import Outbox

MINUTE = timedelta(minutes=1)
GONE = timedelta(0)


async def put(database: Database, *payloads: bytes) -> None:
    async def work(connection: Connection) -> None:
        await outbox.put(connection, [(1, "message.stored", payload) for payload in payloads])

    await database.transact("put", work)


async def test_an_entry_goes_with_its_transaction(owner_db: Database) -> None:
    with pytest.raises(RuntimeError):
        async with owner_db.transaction("fails") as connection:
            await outbox.put(connection, [(1, "message.stored", b"never")])
            raise RuntimeError
    await put(owner_db, b"first", b"second")
    claimed = await Outbox(owner_db).claim("worker", 10, MINUTE)
    assert {entry.payload for entry in claimed} == {b"first", b"second"}


async def test_workers_never_share(owner_db: Database) -> None:
    await put(owner_db, *(b"%d" % n for n in range(50)))
    box = Outbox(owner_db)
    claims = await asyncio.gather(*(box.claim(f"worker {n}", 20, MINUTE) for n in range(4)))
    taken = [entry.entry_id for claim in claims for entry in claim]
    assert len(taken) == len(set(taken)) == 50


async def test_what_a_dead_worker_held_is_claimed_again(owner_db: Database) -> None:
    box = Outbox(owner_db)
    await put(owner_db, b"x")
    (dead,) = await box.claim("dead", 1, GONE)
    (heir,) = await box.claim("heir", 1, MINUTE)
    assert heir.attempts == 2
    for late in (box.done(dead), box.retry(dead, datetime.now(UTC))):
        with pytest.raises(Refused) as refused:
            await late
        assert refused.value.failure is Failure.CONFLICT
    await box.done(heir)
    assert await box.claim("worker", 1, MINUTE) == []


async def test_a_retry_waits_for_its_time(owner_db: Database) -> None:
    box = Outbox(owner_db)
    await put(owner_db, b"x")
    (entry,) = await box.claim("worker", 1, MINUTE)
    await box.retry(entry, datetime.now(UTC) + MINUTE)
    assert await box.claim("worker", 1, MINUTE) == []
    await box.retry(entry, datetime.now(UTC) - MINUTE)
    assert len(await box.claim("worker", 1, MINUTE)) == 1


async def test_a_bucket_empties_and_fills(owner_db: Database) -> None:
    limits, rate = Limits(owner_db), Rate(per_second=0.001, burst=10)
    assert [await limits.lease("mail", "alice", rate, 4) for _ in range(4)] == [4, 4, 2, 0]
    assert await limits.lease("mail", "bob", rate, 4) == 4
    await owner_db.execute("wait", "UPDATE limits SET refilled_at = refilled_at - interval '3000 s' WHERE subject = 'alice'")
    assert await limits.lease("mail", "alice", rate, 10) == 3


async def test_replicas_share_a_bucket(owner_db: Database) -> None:
    limits, rate = Limits(owner_db), Rate(per_second=0.001, burst=100)
    granted = await asyncio.gather(*(limits.lease("mail", "alice", rate, 7) for _ in range(40)))
    assert sum(granted) == 100


async def test_a_clock_that_goes_back_takes_nothing_away(owner_db: Database) -> None:
    """As it seems to a request that waits for another which came later: no token is lost, and none is owed."""
    limits, rate = Limits(owner_db), Rate(per_second=100, burst=10)
    assert await limits.lease("mail", "alice", rate, 10) == 10
    await owner_db.execute("another clock", "UPDATE limits SET refilled_at = now() + interval '1 minute', tokens = 0.5")
    assert await limits.lease("mail", "alice", rate, 1) == 0
    row = await owner_db.fetchrow("look", "SELECT tokens, refilled_at > now() AS later FROM limits")
    assert row is not None and tuple(row) == (0.5, True), "time that has been counted is not counted again"

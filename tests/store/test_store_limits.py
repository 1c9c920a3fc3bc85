"""Limits that all replicas share."""

import asyncio

from mailstead.store.engine import Database
from mailstead.store.limits import Limits, Rate


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

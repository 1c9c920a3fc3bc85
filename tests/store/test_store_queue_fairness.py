"""Who is served next: destinations and tenants by turns, and of one tenant who is urgent, but for so long only."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.queue import Queue
from mailstead.store.queue_claim import LANES
from mailstead.store.queue_put_off import PutOff
from store.builders import Account, Town, delivery, outgoing, parsed

MINUTE = timedelta(minutes=1)
NOISE = 10_000

# As if the tenant had queued its first message so many times, for `domains` domains.
_FILL = """
WITH one AS (SELECT * FROM queue_messages WHERE tenant_id = $3 LIMIT 1), made AS (
    INSERT INTO queue_messages (queue_id, tenant_id, trace_id, sender, blob_id, prefix, header_size, size, expires_at)
    SELECT gen_random_uuid(), $3::bigint, 't', '', one.blob_id, one.prefix, one.header_size, one.size, now() + interval '1 day'
    FROM one, generate_series(1, $1::int) RETURNING queue_id
)
INSERT INTO queue_recipients (queue_id, number, address, domain, tenant_id, notify, due_at)
SELECT queue_id, 0, 'x@y', $4::text || CASE $2::int WHEN 1 THEN '' ELSE (row_number() OVER () % $2)::text END, $3, '{}',
       now() + $5::interval + interval '1 ms' * row_number() OVER () FROM made
"""


async def noise(
    owner_db: Database, tenant_id: int, count: int, domain: str, domains: int = 1, due: timedelta = -timedelta(hours=1)
) -> None:
    await owner_db.execute("fill", _FILL, count, domains, tenant_id, domain, due)
    await owner_db.execute("statistics", "ANALYZE queue_recipients")


async def queued(ingest: Ingest, account: Account, address: str, *headers: str, sender: str | None = None) -> None:
    await ingest.deliver(delivery(content=parsed(headers=headers), queued=(outgoing(account, address, sender=sender),)))


async def test_one_noisy_tenant_does_not_starve_another(
    queue: Queue, ingest: Ingest, alice: Account, town: Town, owner_db: Database
) -> None:
    """Ten thousand messages of one before the one message of another, to the same destination: that one is in the first claim."""
    bob = await town.account("bob", tenant="other")
    await queued(ingest, alice, "a@big.test")
    await noise(owner_db, alice.tenant_id, NOISE, "big.test")
    await queued(ingest, bob, "b@big.test")
    leases = await queue.claim("worker", 10, MINUTE, rooms={"big.test": 2})
    assert sorted(lease.tenant_id for lease in leases) == sorted([alice.tenant_id, bob.tenant_id])
    leases = await queue.claim("worker", 10, MINUTE, rooms={"big.test": 5})
    assert [lease.tenant_id for lease in leases] == [alice.tenant_id] * 5, "who has nothing more leaves the places to others"


async def test_tenants_share_a_destination_in_equal_parts(queue: Queue, ingest: Ingest, town: Town, owner_db: Database) -> None:
    tenants = []
    for n in range(3):
        account = await town.account("x", tenant=f"tenant{n}")
        tenants.append(account.tenant_id)
        await queued(ingest, account, "a@big.test")
    for n, tenant_id in enumerate(tenants):
        await noise(owner_db, tenant_id, 30 * (3 - n), "big.test", due=-timedelta(hours=n + 1))
    served = Counter[int]()
    for _ in range(9):
        served.update(lease.tenant_id for lease in await queue.claim("worker", 10, MINUTE, rooms={"big.test": 9}))
    assert all(26 <= served[tenant_id] <= 28 for tenant_id in tenants), served


async def test_where_there_is_no_room_is_not_in_the_way(queue: Queue, ingest: Ingest, alice: Account, owner_db: Database) -> None:
    """The living have their turn although thousands for full destinations have been due for longer."""
    await queued(ingest, alice, "a@living.test")
    await noise(owner_db, alice.tenant_id, NOISE, "dead", domains=2 * LANES)
    rooms = {f"dead{n}": 0 for n in range(2 * LANES)}
    (lease,) = await queue.claim("worker", 100, MINUTE, rooms=rooms)
    assert lease.domain == "living.test"
    assert await queue.claim("worker", 100, MINUTE, rooms=rooms) == [], "all the way round, and nothing that may be taken"


async def test_destinations_have_their_turns(queue: Queue, ingest: Ingest, alice: Account, owner_db: Database) -> None:
    await queued(ingest, alice, "a@living.test")
    await noise(owner_db, alice.tenant_id, 1000, "big.test")
    await noise(owner_db, alice.tenant_id, 100, "small", domains=50, due=-MINUTE)
    seen = Counter[str]()
    for _ in range(3):
        leases = await queue.claim("worker", 60, MINUTE, elsewhere=10)
        seen.update(lease.domain for lease in leases)
        assert len(leases) == 60 or sum(seen[f"small{n}"] for n in range(50)) == 100
    assert len(seen) == 52, "each of them was served by the second claim"


async def test_what_is_not_due_is_walked_past(queue: Queue, ingest: Ingest, alice: Account, owner_db: Database) -> None:
    """One that is due behind thousands of lanes that wait for their time is found at once."""
    await queued(ingest, alice, "a@zzz.test")
    await noise(owner_db, alice.tenant_id, 3000, "later", domains=3000, due=timedelta(hours=1))
    (lease,) = await queue.claim("worker", 10, MINUTE)
    assert lease.domain == "zzz.test"
    assert await queue.claim("worker", 10, MINUTE) == []


async def test_workers_at_one_lane_share_it(delivery_db: Database, ingest: Ingest, alice: Account, owner_db: Database) -> None:
    await queued(ingest, alice, "a@big.test")
    await noise(owner_db, alice.tenant_id, 100, "big.test")
    workers = [Queue(delivery_db, lambda _: None) for _ in range(4)]
    claims = await asyncio.gather(*(worker.claim(f"w{n}", 20, MINUTE) for n, worker in enumerate(workers)))
    taken = [lease.queue_id for claim in claims for lease in claim]
    assert len(taken) == len(set(taken)) == 80


@pytest.mark.parametrize("waited", [timedelta(0), timedelta(minutes=25)])
async def test_who_is_less_urgent_waits_but_not_for_ever(
    queue: Queue, ingest: Ingest, alice: Account, owner_db: Database, waited: timedelta
) -> None:
    """Bulk mail, a report and then a letter: the letter goes first, unless the others have waited for long enough."""
    await queued(ingest, alice, "bulk@one.test", "List-Unsubscribe: <https://x.test/>")
    await queued(ingest, alice, "report@one.test", sender="")
    await owner_db.execute("arrange", "UPDATE queue_recipients SET due_at = due_at - $1::interval", waited)
    await queued(ingest, alice, "letter@one.test")
    order = []
    for _ in range(3):
        (lease,) = await queue.claim("worker", 1, MINUTE)
        order.append(lease.recipients[0].address.partition("@")[0])
    assert order == (["report", "bulk", "letter"] if waited else ["letter", "report", "bulk"])


async def test_a_claim_reads_heads_of_lanes_and_not_the_queue(
    queue: Queue, ingest: Ingest, alice: Account, owner_db: Database, delivery_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's own account of what was read: some rows for each place, of ten thousand that are due."""
    await queued(ingest, alice, "a@big.test")
    await noise(owner_db, alice.tenant_id, NOISE, "big.test")
    await noise(owner_db, alice.tenant_id, NOISE, "many", domains=500)
    said: list[tuple[str, tuple[object, ...]]] = []
    fetch = delivery_db.fetch

    async def noted(what: str, sql: str, *arguments: object) -> object:
        said.append((sql, arguments))
        return await fetch(what, sql, *arguments)

    monkeypatch.setattr(delivery_db, "fetch", noted)
    assert len(await queue.claim("worker", 100, MINUTE, elsewhere=2)) == 100
    ((sql, arguments),) = said
    async with owner_db.connection("explain") as connection:
        lines = [row[0] for row in await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {sql}", *arguments)]
    plan = "\n".join(lines)
    assert "Seq Scan on queue_recipients" not in plan
    assert "queue_recipients_lane_idx" in plan
    scans = [line for line in lines if "queue_recipients" in line and "actual rows=" in line]
    read = [
        float(line.partition("actual rows=")[2].split()[0]) * float(line.partition("loops=")[2].rstrip(")")) for line in scans
    ]
    assert sum(read) < 2500, plan


async def test_what_is_due_in_the_future_is_not_claimed(queue: Queue, ingest: Ingest, alice: Account, owner_db: Database) -> None:
    await queued(ingest, alice, "a@one.test")
    await owner_db.execute("arrange", "UPDATE queue_recipients SET due_at = $1", datetime.now(UTC) + MINUTE)
    assert await queue.claim("worker", 10, MINUTE) == []


async def test_what_waits_for_a_dead_destination_is_put_off_together(
    queue: Queue, ingest: Ingest, alice: Account, town: Town, owner_db: Database
) -> None:
    """All that is due of one tenant there, untried; not what others have, nor what somebody has leased or is to be told of."""
    bob = await town.account("bob", tenant="other")
    for _ in range(3):
        await queued(ingest, alice, "a@dead.test")
    for name in ("late", "over", "told"):
        await queued(ingest, alice, f"{name}@dead.test")
    change = "UPDATE queue_messages m SET {} FROM queue_recipients r WHERE r.queue_id = m.queue_id AND r.address = $1"
    for name in ("late", "told"):
        await owner_db.execute("arrange", change.format("queued_at = now() - interval '5 hours'"), f"{name}@dead.test")
    await owner_db.execute("arrange", change.format("expires_at = now() + interval '1 second'"), "over@dead.test")
    await owner_db.execute("arrange", "UPDATE queue_recipients SET delay_notified = true WHERE address = 'told@dead.test'")
    await queued(ingest, bob, "b@dead.test")
    await queued(ingest, alice, "a@living.test")
    until = datetime.now(UTC) + MINUTE
    await asyncio.gather(*(queue.put_off(PutOff(d, alice.tenant_id, until, "not reached")) for d in ("dead.test", "void.test")))
    leases = await queue.claim("worker", 100, MINUTE)
    assert sorted(r.address for lease in leases for r in lease.recipients) == [
        "a@living.test",
        "b@dead.test",
        "late@dead.test",
        "over@dead.test",
    ]
    rows = await owner_db.fetch("look", "SELECT attempts, status, reply, due_at FROM queue_recipients WHERE state = 'waiting'")
    assert [tuple(row) for row in rows] == [(0, "4.4.1", "not reached", until)] * 4

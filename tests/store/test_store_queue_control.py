"""The queue in an operator's hands: what is held stays, what is cancelled never leaves, and nobody's lease is taken from them."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.queue import Queue
from mailstead.store.queue_control import Action, QueueControl
from mailstead.store.queue_filter import QueueFilter
from mailstead.store.queue_pauses import QueuePauses
from mailstead.store.queue_view import QueueView
from mailstead.store.queued import Asked, Attempt, Leased, Outcome, RecipientOutcome
from mailstead.store.webhooks import Webhooks
from store.builders import Account, Town, delivery, outgoing

MINUTE = timedelta(minutes=1)
GONE = timedelta(seconds=0)  # a lease that has run out by the next statement
ATTEMPT = Attempt("mx.test", "192.0.2.1", None, datetime(2026, 11, 23, tzinfo=UTC), 0.1)
ALL = QueueFilter()
MANY = 10_000


@pytest.fixture
def control(api_db: Database) -> QueueControl:
    return QueueControl(api_db)


@pytest.fixture
def pauses(api_db: Database) -> QueuePauses:
    return QueuePauses(api_db)


async def queued(ingest: Ingest, account: Account, *addresses: str) -> None:
    await ingest.deliver(delivery(queued=(outgoing(account, *addresses),)))


async def states(database: Database) -> dict[str, str]:
    rows = await database.fetch("look", "SELECT address, state FROM queue_recipients")
    return {row["address"]: row["state"] for row in rows}


def outcome(leased: Leased, what: Outcome) -> list[RecipientOutcome]:
    until = datetime.now(UTC) + MINUTE if what is Outcome.DEFERRED else None
    return [RecipientOutcome(recipient.number, what, "2.0.0", "said", until) for recipient in leased.recipients]


async def test_held_and_released(queue: Queue, ingest: Ingest, alice: Account, control: QueueControl) -> None:
    await queued(ingest, alice, "a@one.test", "b@two.test")
    assert (await control.act(Action.HOLD, ALL, MANY)).changed == 2
    assert await queue.claim("worker", 10, MINUTE) == []
    assert await queue.next_due() is None
    assert (await queue.counts()).held == 2
    assert (await control.act(Action.HOLD, ALL, MANY)).changed == 0
    released = await control.act(Action.RELEASE, QueueFilter(domain="two.test"), MANY)
    assert (released.changed, released.due) == (1, 1)
    (lease,) = await queue.claim("worker", 10, MINUTE)
    assert lease.domain == "two.test"


async def test_tried_again_now(queue: Queue, ingest: Ingest, alice: Account, control: QueueControl) -> None:
    await queued(ingest, alice, "a@one.test")
    (lease,) = await queue.claim("worker", 10, MINUTE)
    await queue.settle(lease, outcome(lease, Outcome.DEFERRED), ATTEMPT)
    assert await queue.claim("worker", 10, MINUTE) == []
    assert (await control.act(Action.RETRY, ALL, MANY)).due == 1
    (again,) = await queue.claim("worker", 10, MINUTE)
    assert again.recipients[0].attempts == 1


async def test_what_is_cancelled_never_leaves(
    queue: Queue, ingest: Ingest, alice: Account, control: QueueControl, owner_db: Database
) -> None:
    await queued(ingest, alice, "a@one.test", "b@one.test")
    done = await control.act(Action.CANCEL, QueueFilter(recipient="a@one.test"), MANY)
    assert (done.changed, done.under_way, done.due) == (1, 0, 0)
    (lease,) = await queue.claim("worker", 10, MINUTE)
    assert [recipient.address for recipient in lease.recipients] == ["b@one.test"]
    assert (await states(owner_db))["a@one.test"] == "cancelled"
    for action in Action:
        assert (await control.act(action, QueueFilter(recipient="a@one.test"), MANY)).changed == 0, action


@pytest.mark.parametrize(
    ("action", "end", "state"),
    [
        (Action.CANCEL, Outcome.DEFERRED, "cancelled"),
        (Action.CANCEL, Outcome.DELIVERED, "delivered"),  # too late, and told as it is
        (Action.CANCEL, Outcome.FAILED, "failed"),
        (Action.HOLD, Outcome.DEFERRED, "held"),
        (Action.HOLD, Outcome.DELIVERED, "delivered"),
        (Action.RETURN, Outcome.DEFERRED, "waiting"),
        (Action.RETURN, Outcome.DELIVERED, "delivered"),
    ],
)
async def test_what_a_worker_has_waits_for_its_outcome(
    queue: Queue,
    ingest: Ingest,
    alice: Account,
    control: QueueControl,
    owner_db: Database,
    action: Action,
    end: Outcome,
    state: str,
) -> None:
    await queued(ingest, alice, "a@one.test")
    (lease,) = await queue.claim("worker", 10, MINUTE)
    done = await control.act(action, ALL, MANY)
    assert (done.changed, done.under_way, done.due) == (1, 1, 0)
    assert await queue.renew(lease, MINUTE), "the lease is still the worker's"
    await queue.settle(lease, outcome(lease, end), ATTEMPT)
    assert await states(owner_db) == {"a@one.test": state}
    claimed = await queue.claim("worker", 10, MINUTE)
    if state == "waiting":
        (returned,) = claimed
        assert returned.recipients[0].asked is Asked.RETURN
        await queue.settle(returned, outcome(returned, Outcome.CANCELLED), ATTEMPT)
        row = await owner_db.fetchrow("look", "SELECT attempts, (SELECT count(*) FROM queue_attempts) FROM queue_recipients")
        assert row is not None and tuple(row) == (1, 1), "what was not tried is no attempt"
    else:
        assert claimed == []


@pytest.mark.parametrize("action", [Action.CANCEL, Action.HOLD, Action.RETURN])
async def test_what_a_worker_has_waits_for_the_worker_to_leave(
    queue: Queue, ingest: Ingest, alice: Account, control: QueueControl, owner_db: Database, action: Action
) -> None:
    """It gives its lease back, or dies and lets it run out."""
    await queued(ingest, alice, "a@left.test", "a@died.test")
    for name, length in (("left", MINUTE), ("died", GONE)):
        (lease,) = await queue.claim(name, 10, length, rooms={"left.test" if name == "died" else "died.test": 0})
        assert lease.domain == f"{name}.test"
        assert (await control.act(action, QueueFilter(domain=lease.domain), MANY)).under_way == 1
        if name == "left":
            await queue.release(lease)
    leases = await queue.claim("heir", 10, MINUTE)
    if action is Action.HOLD:
        assert leases == []
        assert set((await states(owner_db)).values()) == {"held"}
    elif action is Action.CANCEL:
        (lease,) = leases
        assert (lease.domain, lease.recipients[0].asked) == ("died.test", Asked.CANCEL)
        assert (await states(owner_db))["a@left.test"] == "cancelled"
    else:
        assert {recipient.asked for lease in leases for recipient in lease.recipients} == {Asked.RETURN}
        assert len(leases) == 2


async def test_a_wish_can_be_taken_back(queue: Queue, ingest: Ingest, alice: Account, control: QueueControl) -> None:
    await queued(ingest, alice, "a@one.test")
    (lease,) = await queue.claim("worker", 10, MINUTE)
    assert (await control.act(Action.HOLD, ALL, MANY)).under_way == 1
    assert (await control.act(Action.RELEASE, ALL, MANY)).under_way == 1
    await queue.settle(lease, outcome(lease, Outcome.DEFERRED), ATTEMPT)
    assert (await queue.counts()).waiting == 1


async def test_many_go_in_bounded_steps(
    ingest: Ingest, alice: Account, control: QueueControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call says where the next one goes on, within a message too, and no recipient is touched twice."""
    monkeypatch.setattr("mailstead.store.queue_control.CHUNK", 3)
    for number in range(5):
        await queued(ingest, alice, *(f"{user}@d{number}.test" for user in "abc"))
    changed, after, steps = 0, None, 0
    while True:
        done = await control.act(Action.RETRY, ALL, 4, after)
        changed, after, steps = changed + done.changed, done.last, steps + 1
        if after is None:
            break
    assert (changed, steps) == (15, 4)


async def test_filters(ingest: Ingest, town: Town, alice: Account, control: QueueControl, api_db: Database) -> None:
    bob = await town.account("bob", tenant="other")
    await queued(ingest, alice, "a@one.test", "b@two.test")
    await queued(ingest, bob, "c@one.test")
    view = QueueView(api_db)
    first, second = reversed(await view.page(10))
    held = QueueFilter(state="held")
    for wanted, found in (
        (ALL, [second, first]),
        (QueueFilter(tenant_id=bob.tenant_id), [second]),
        (QueueFilter(account_id=alice.account_id), [first]),
        (QueueFilter(sender=bob.address), [second]),
        (QueueFilter(domain="one.test"), [second, first]),
        (QueueFilter(domain="two.test"), [first]),
        (QueueFilter(recipient="c@one.test"), [second]),
        (QueueFilter(recipient="c@one.test", domain="two.test"), []),
        (QueueFilter(trace_id=first.trace_id), [first]),
        (QueueFilter(state="waiting"), [second, first]),
        (held, []),
        (QueueFilter(queued_before=second.queued_at), [first]),
        (QueueFilter(queued_after=second.queued_at), [second]),
        (QueueFilter(queue_id=first.queue_id), [first]),
    ):
        assert await view.page(10, wanted=wanted) == found, wanted
    assert await view.page(1, second.queue_id) == [first]
    await control.act(Action.HOLD, QueueFilter(queue_id=first.queue_id, numbers=[1]), MANY)
    (shown,) = await view.page(10, wanted=held)
    assert (shown.queue_id, shown.open, shown.held, shown.recipients) == (first.queue_id, 2, 1, 2)


async def test_a_pause_holds_what_is_there_and_what_comes(
    queue: Queue, ingest: Ingest, alice: Account, pauses: QueuePauses, control: QueueControl, jobs_db: Database
) -> None:
    await queued(ingest, alice, "a@one.test", "b@two.test")
    pause = await pauses.create(None, "one.test", "they asked us", MANY)
    assert pause.held == 1
    await queued(ingest, alice, "c@one.test")
    (lease,) = await queue.claim("worker", 10, MINUTE)
    assert lease.domain == "two.test"
    assert (await pauses.get(pause.pause_id)).held == 2
    assert await queue.next_due() == lease.leased_until, "what is paused is not due"
    assert (await control.act(Action.RELEASE, ALL, MANY)).changed == 0, "the pause holds it"
    assert (await control.act(Action.HOLD, QueueFilter(recipient="a@one.test"), MANY)).changed == 1
    assert await pauses.end(pause.pause_id, MANY) == 1
    assert await pauses.list(10) == []
    (lease,) = await queue.claim("worker", 10, MINUTE)
    assert [recipient.address for recipient in lease.recipients] == ["c@one.test"]
    assert await QueuePauses(jobs_db).sweep(GONE) == 0
    with pytest.raises(Refused) as refused:
        await pauses.end(pause.pause_id, MANY)
    assert refused.value.failure is Failure.NO_SUCH_ENTRY


async def test_a_pause_of_much_goes_in_bounded_steps(
    queue: Queue, ingest: Ingest, alice: Account, pauses: QueuePauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does not hold at once the claim puts aside."""
    monkeypatch.setattr("mailstead.store.queue_pauses.CHUNK", 2)
    for _ in range(4):
        await queued(ingest, alice, "a@one.test", "b@one.test", "c@two.test")
    pause = await pauses.create(None, "one.test", "", 6)
    assert pause.held == 6
    assert {lease.domain for lease in await queue.claim("worker", 10, MINUTE)} == {"two.test"}
    assert (await pauses.get(pause.pause_id)).held == 8
    assert await pauses.end(pause.pause_id, MANY) == 8


async def test_pauses_of_a_tenant(queue: Queue, ingest: Ingest, town: Town, alice: Account, pauses: QueuePauses) -> None:
    bob = await town.account("bob", tenant="other")
    await pauses.create(bob.tenant_id, None, "spam", MANY)
    await pauses.create(alice.tenant_id, "two.test", "", MANY)
    await queued(ingest, alice, "a@one.test", "a@two.test")
    await queued(ingest, bob, "b@one.test", "b@two.test")
    (lease,) = await queue.claim("worker", 10, MINUTE)
    assert [recipient.address for recipient in lease.recipients] == ["a@one.test"]
    assert [pause.held for pause in await pauses.list(10)] == [2, 1]
    assert [pause.held for pause in await pauses.list(10, tenant_id=alice.tenant_id)] == [1]
    for tenant_id, domain in ((bob.tenant_id, None), (alice.tenant_id, "two.test")):
        with pytest.raises(Refused) as refused:
            await pauses.create(tenant_id, domain, "", MANY)
        assert refused.value.failure is Failure.CONFLICT


async def test_a_job_lets_go_what_was_left(
    ingest: Ingest, alice: Account, pauses: QueuePauses, jobs_db: Database, owner_db: Database
) -> None:
    """A claim that saw the pause may hold something just after it ended; whoever ends it may die in the middle."""
    await queued(ingest, alice, "a@one.test")
    pause = await pauses.create(None, "one.test", "", MANY)
    await owner_db.execute("arrange", "UPDATE queue_pauses SET ended_at = now()")
    job = QueuePauses(jobs_db)
    assert await job.sweep() == 1
    row = await owner_db.fetchrow("look", "SELECT count(*) FROM queue_pauses WHERE pause_id = $1", pause.pause_id)
    assert row is not None and row[0] == 1, "a late claim may still name it"
    assert await job.sweep(GONE) == 0
    assert await states(owner_db) == {"a@one.test": "waiting"}
    assert await owner_db.fetch("look", "SELECT FROM queue_pauses") == []


@pytest.mark.parametrize("seed", range(2))
async def test_workers_and_an_operator_at_once(
    queue: Queue,
    ingest: Ingest,
    alice: Account,
    control: QueueControl,
    pauses: QueuePauses,
    owner_db: Database,
    jobs_db: Database,
    seed: int,
) -> None:
    """Whatever is asked while workers take, settle and die: each recipient ends once, and what was cancelled was not sent.

    A webhook is told once how each ended.
    """
    await Webhooks(owner_db).create(alice.tenant_id, "https://hooks.test/", [], "", True, b"s" * 32)
    chance = random.Random(seed)
    for number in range(30):
        await queued(ingest, alice, *(f"{user}{number}@d{number % 5}.test" for user in "abc"[: 1 + number % 3]))
    sent: set[str] = set()
    operating = True

    async def worker(name: str) -> None:
        while operating or (await queue.next_due()) is not None:
            for lease in await queue.claim(name, 5, chance.choice([GONE, MINUTE])):
                outcomes = []
                for recipient in lease.recipients:
                    ends = Outcome.CANCELLED if recipient.asked else chance.choice([Outcome.DELIVERED, Outcome.DEFERRED])
                    outcomes.append(RecipientOutcome(recipient.number, ends, "2.0.0", "", datetime.now(UTC)))
                try:
                    await queue.settle(lease, outcomes, ATTEMPT)
                except Refused as refused:
                    assert refused.failure is Failure.CONFLICT, refused
                    continue
                addresses = {recipient.number: recipient.address for recipient in lease.recipients}
                delivered = {addresses[o.number] for o in outcomes if o.outcome is Outcome.DELIVERED}
                assert not delivered & sent
                sent.update(delivered)

    async def operator() -> None:
        nonlocal operating
        for _ in range(15):
            pause = await pauses.create(None, f"d{chance.randint(0, 4)}.test", "", MANY)
            await control.act(chance.choice(list(Action)), QueueFilter(domain=f"d{chance.randint(0, 4)}.test"), 3)
            await pauses.end(pause.pause_id, MANY)
        await QueuePauses(jobs_db).sweep()
        await control.act(Action.RELEASE, ALL, MANY)
        operating = False

    async with asyncio.timeout(30):
        await asyncio.gather(*(worker(f"worker {n}") for n in range(3)), operator())
    found = await states(owner_db)
    held = {address for address, state in found.items() if state == "held"}
    assert {address for address, state in found.items() if state == "delivered"} == sent
    assert set(found.values()) <= {"delivered", "cancelled", "held"}
    assert len(held) <= 1, "held for a moment by a claim that came after the sweep"
    told = await owner_db.fetch(
        "look", "SELECT data->>'recipient' AS address, substr(type, 9) AS state FROM outbox WHERE type <> 'message.deferred'"
    )
    assert sorted(map(tuple, told)) == sorted((address, state) for address, state in found.items() if state != "held")

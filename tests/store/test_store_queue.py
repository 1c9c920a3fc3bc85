"""The queue's leases (promise D3): who works on what, who may settle it, and the report that goes with it."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from mailstead.model.bounce import BounceClass
from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.queue import Queue
from mailstead.store.queued import Attempt, Leased, Outcome, RecipientOutcome
from mailstead.store.suppressions import Suppressions, note, purge_suppressions
from store.builders import Account, Town, delivery, outgoing

MINUTE = timedelta(minutes=1)
GONE = timedelta(seconds=0)  # a lease that has run out by the next statement
ATTEMPT = Attempt("mx.test", "192.0.2.1", None, datetime(2026, 11, 23, tzinfo=UTC), 0.1)


async def queued(ingest: Ingest, account: Account, *addresses: str) -> None:
    await ingest.deliver(delivery(queued=(outgoing(account, *addresses),)))


def delivered(leased: Leased) -> list[RecipientOutcome]:
    return [RecipientOutcome(recipient.number, Outcome.DELIVERED, "2.0.0", "250 ok") for recipient in leased.recipients]


async def test_one_lease_takes_a_domain_of_a_message(queue: Queue, ingest: Ingest, alice: Account) -> None:
    await queued(ingest, alice, "a@one.test", "b@two.test", "c@one.test")
    leases = await queue.claim("worker", 10, MINUTE)
    assert {(lease.domain, tuple(r.address for r in lease.recipients)) for lease in leases} == {
        ("one.test", ("a@one.test", "c@one.test")),
        ("two.test", ("b@two.test",)),
    }
    assert await queue.claim("another", 10, MINUTE) == []


async def test_workers_that_claim_at_once_never_share(queue: Queue, ingest: Ingest, alice: Account) -> None:
    for number in range(60):
        await queued(ingest, alice, f"a@d{number}.test")
    claims = await asyncio.gather(*(queue.claim(f"worker {n}", 10, MINUTE) for n in range(8)))
    taken = [(lease.queue_id, recipient.number) for claim in claims for lease in claim for recipient in lease.recipients]
    assert len(taken) == len(set(taken)) > 0


async def test_a_dead_workers_lease_runs_out(queue: Queue, ingest: Ingest, alice: Account) -> None:
    await queued(ingest, alice, "a@one.test")
    (dead,) = await queue.claim("dead", 10, GONE)
    (taken_over,) = await queue.claim("heir", 10, MINUTE)
    assert taken_over.recipients[0].fence > dead.recipients[0].fence
    assert not await queue.renew(dead, MINUTE)
    assert await queue.renew(taken_over, MINUTE)


async def test_a_lost_lease_settles_nothing(
    queue: Queue, ingest: Ingest, alice: Account, mailboxes: Mailboxes, owner_db: Database
) -> None:
    """Neither the outcome, nor the attempt, nor the report that was to go with them."""
    await queued(ingest, alice, "a@one.test")
    (dead,) = await queue.claim("dead", 10, GONE)
    (heir,) = await queue.claim("heir", 10, MINUTE)
    with pytest.raises(Refused) as refused:
        await queue.settle(dead, delivered(dead), ATTEMPT, delivery(alice.copy()))
    assert refused.value.failure is Failure.CONFLICT
    assert (await mailboxes.get(alice.account_id, "INBOX")).messages == 0
    row = await owner_db.fetchrow("look", "SELECT count(*) AS attempts FROM queue_attempts")
    assert row is not None and row["attempts"] == 0
    await queue.settle(heir, delivered(heir), ATTEMPT, delivery(alice.copy()))
    assert (await mailboxes.get(alice.account_id, "INBOX")).messages == 1
    assert (await queue.counts()).leased == 0


async def test_a_lease_lost_in_part_settles_nothing(queue: Queue, ingest: Ingest, alice: Account, owner_db: Database) -> None:
    """One of two recipients went to another worker: the outcome of neither is written."""
    await queued(ingest, alice, "a@one.test", "b@one.test")
    (lease,) = await queue.claim("slow", 10, MINUTE)
    await owner_db.execute("arrange", "UPDATE queue_recipients SET due_at = now() WHERE number = 1")
    (part,) = await queue.claim("quick", 10, MINUTE)
    assert [recipient.number for recipient in part.recipients] == [1]
    assert not await queue.renew(lease, MINUTE)
    with pytest.raises(Refused) as refused:
        await queue.settle(lease, delivered(lease), ATTEMPT)
    assert refused.value.failure is Failure.CONFLICT
    assert (await queue.counts()).leased == 2
    await queue.release(lease)
    assert (await queue.counts()).leased == 1, "what is still ours can be given back, what is not stays with its worker"
    await queue.settle(part, delivered(part), ATTEMPT)


async def test_a_renewed_lease_goes_on(queue: Queue, ingest: Ingest, alice: Account) -> None:
    await queued(ingest, alice, "a@one.test")
    (lease,) = await queue.claim("worker", 10, timedelta(seconds=1))
    for _ in range(3):
        assert await queue.renew(lease, MINUTE)
    due = await queue.next_due()
    assert due is not None and due > lease.leased_until + timedelta(seconds=30)


async def test_a_settled_recipient_is_settled_once(queue: Queue, ingest: Ingest, alice: Account) -> None:
    """A worker that did not hear of its own commit tries again."""
    await queued(ingest, alice, "a@one.test")
    (lease,) = await queue.claim("worker", 10, MINUTE)
    await queue.settle(lease, delivered(lease), ATTEMPT, delivery(alice.copy()))
    with pytest.raises(Refused) as refused:
        await queue.settle(lease, delivered(lease), ATTEMPT, delivery(alice.copy()))
    assert refused.value.failure is Failure.CONFLICT
    assert await queue.next_due() is None


@pytest.mark.parametrize("seed", range(3))
async def test_workers_that_die_and_workers_that_live(
    queue: Queue, ingest: Ingest, alice: Account, mailboxes: Mailboxes, owner_db: Database, seed: int
) -> None:
    """Each recipient is settled exactly once and its report filed exactly once, whoever held its lease in between (D3)."""
    chance = random.Random(seed)
    for number in range(40):
        await queued(ingest, alice, *(f"{user}@d{number % 7}.test" for user in "abc"[: 1 + number % 3]))
    settled = Counter[tuple[UUID, int]]()
    reports = 0

    async def worker(name: str) -> None:
        nonlocal reports
        while (await queue.next_due()) is not None:
            for lease in await queue.claim(name, chance.randint(1, 5), chance.choice([GONE, MINUTE])):
                if lease.leased_until < datetime.now(UTC) and chance.random() < 0.5:
                    continue  # dies; the lease has run out already
                try:
                    await queue.settle(lease, delivered(lease), ATTEMPT, delivery(alice.copy()))
                except Refused as refused:
                    assert refused.failure is Failure.CONFLICT, refused
                else:
                    reports += 1
                    settled.update((lease.queue_id, recipient.number) for recipient in lease.recipients)

    await asyncio.gather(*(worker(f"worker {n}") for n in range(4)))
    row = await owner_db.fetchrow(
        "look",
        """SELECT count(*) AS n, count(*) FILTER (WHERE state = 'delivered' AND attempts = 1 AND leased_by IS NULL) AS once,
                  (SELECT count(*) FROM queue_attempts) AS attempts FROM queue_recipients""",
    )
    assert row is not None and row["n"] == row["once"] == row["attempts"] == len(settled) == settled.total()
    assert (await mailboxes.get(alice.account_id, "INBOX")).messages == reports


async def test_domains_that_are_to_be_avoided(queue: Queue, ingest: Ingest, alice: Account) -> None:
    for number in range(5):
        await queued(ingest, alice, "a@busy.test", f"a@free{number}.test")
    leases = await queue.claim("worker", 10, MINUTE, rooms={"busy.test": 0})
    assert sorted(lease.domain for lease in leases) == [f"free{number}.test" for number in range(5)]


async def test_a_report_that_cannot_be_filed_settles_nothing(queue: Queue, ingest: Ingest, alice: Account) -> None:
    await queued(ingest, alice, "a@one.test")
    (lease,) = await queue.claim("worker", 10, MINUTE)
    with pytest.raises(Refused) as refused:
        await queue.settle(lease, delivered(lease), ATTEMPT, delivery(alice.copy("Gone")))
    assert refused.value.failure is Failure.NO_SUCH_MAILBOX
    assert (await queue.counts()).leased == 1
    await queue.settle(lease, delivered(lease), ATTEMPT)
    assert (await queue.counts()).leased == 0


async def test_what_is_given_back_is_due_at_once(queue: Queue, ingest: Ingest, alice: Account) -> None:
    await queued(ingest, alice, "a@one.test")
    (lease,) = await queue.claim("leaving", 10, MINUTE)
    await queue.release(lease)
    (again,) = await queue.claim("staying", 10, MINUTE)
    assert again.recipients[0].attempts == 0


async def test_who_turned_out_not_to_exist_is_not_tried_again(
    delivery_db: Database, ingest: Ingest, alice: Account, town: Town, api_db: Database, jobs_db: Database, owner_db: Database
) -> None:
    """For its time, by its tenant, whatever the case of its letters; for good where somebody has said so."""
    queue = Queue(delivery_db, lambda _: None, suppressed_for=timedelta(days=1))
    await queued(ingest, alice, "Gone@one.test", "gone@one.test", "full@one.test", "moved@one.test")
    (lease,) = await queue.claim("worker", 10, MINUTE)
    kinds = (BounceClass.UNKNOWN_MAILBOX, BounceClass.UNKNOWN_MAILBOX, BounceClass.MAILBOX_FULL, BounceClass.UNKNOWN_MAILBOX)
    outcomes = [
        RecipientOutcome(
            n, Outcome.FAILED if n < 3 else Outcome.DEFERRED, "5.1.1", "no such user", datetime.now(UTC), False, kind
        )
        for n, kind in enumerate(kinds)
    ]
    await queue.settle(lease, outcomes, ATTEMPT)
    listed = Suppressions(api_db)
    (entry,) = await listed.list(10)
    assert (entry.address, entry.reason, entry.detail, entry.trace_id) == (
        "gone@one.test",
        "bounce",
        "no such user",
        lease.trace_id,
    )
    await owner_db.execute("arrange", "DELETE FROM queue_messages")

    bob = await town.account("bob", tenant="other")
    await queued(ingest, alice, "GONE@one.test", "else@one.test")
    await queued(ingest, bob, "gone@one.test")
    first, second = await queue.claim("worker", 10, MINUTE)
    assert [r.suppressed for r in first.recipients] == ["bounce: no such user", None]
    assert [r.suppressed for r in second.recipients] == [None]
    ends = (Outcome.SUPPRESSED, Outcome.DELIVERED)
    await queue.settle(first, [RecipientOutcome(n, what, "5.7.1", "listed") for n, what in enumerate(ends)], ATTEMPT)
    rows = await owner_db.fetch(
        "look", "SELECT state, attempts FROM queue_recipients WHERE queue_id = $1 ORDER BY number", first.queue_id
    )
    assert [tuple(row) for row in rows] == [("failed", 0), ("delivered", 1)]

    await listed.add(alice.tenant_id, "gone@one.test", "they asked", None)
    await owner_db.execute("arrange", "UPDATE queue_recipients SET due_at = now() WHERE state = 'leased'")
    async with owner_db.transaction("arrange") as connection:
        await note(connection, alice.tenant_id, "bounce", "t", timedelta(days=1), {"Gone@one.test": "again"})
    (kept,) = await listed.list(10)
    assert (kept.reason, kept.expires_at) == ("manual", None), "what somebody put there is not shortened"

    await owner_db.execute("arrange", "UPDATE suppressions SET expires_at = now() - interval '1 second'")
    assert await listed.list(10) == []
    await queued(ingest, alice, "gone@one.test")
    assert all(r.suppressed is None for lease in await queue.claim("worker", 10, MINUTE) for r in lease.recipients)
    assert await purge_suppressions(jobs_db) == 1


async def test_a_deferred_recipient_waits_for_its_time(queue: Queue, ingest: Ingest, alice: Account) -> None:
    await queued(ingest, alice, "a@one.test")
    (lease,) = await queue.claim("worker", 10, MINUTE)
    until = datetime.now(UTC) + timedelta(hours=1)
    later = [RecipientOutcome(r.number, Outcome.DEFERRED, "4.2.0", "450 later", until) for r in lease.recipients]
    await queue.settle(lease, later, ATTEMPT)
    assert await queue.claim("worker", 10, MINUTE) == []
    assert await queue.next_due() == until


async def test_leases_that_end_together_are_settled_together(
    queue: Queue, ingest: Ingest, alice: Account, delivery_db: Database, owner_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By few statements; the one among them that was lost is told so, and the others stand (D1, D3)."""
    for number in range(20):
        await queued(ingest, alice, f"a@d{number}.test", f"b@d{number}.test")
    leases = await queue.claim("worker", 40, MINUTE)
    lost = leases[7]
    await owner_db.execute("arrange", "UPDATE queue_recipients SET fence = fence + 1 WHERE queue_id = $1", lost.queue_id)
    asked = Counter[str]()
    fetch = delivery_db.fetch

    async def counted(what: str, sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
        asked[what] += 1
        return await fetch(what, sql, *arguments)

    monkeypatch.setattr(delivery_db, "fetch", counted)
    answers = await asyncio.gather(*(queue.settle(lease, delivered(lease), ATTEMPT) for lease in leases), return_exceptions=True)
    refused = [answer for answer in answers if answer is not None]
    assert len(refused) == 1 and isinstance(answers[7], Refused) and answers[7].failure is Failure.CONFLICT
    assert asked == {"settle": 1}
    counts = await queue.counts()
    assert (counts.leased, counts.waiting) == (2, 0)
    row = await owner_db.fetchrow("look", "SELECT count(*) AS n, count(DISTINCT queue_id) AS messages FROM queue_attempts")
    assert row is not None and (row["n"], row["messages"]) == (38, 19)
    await owner_db.execute("arrange", "UPDATE queue_recipients SET fence = fence - 1 WHERE queue_id = $1", lost.queue_id)
    await queue.settle(lost, delivered(lost), ATTEMPT)


async def test_one_outcome_that_cannot_be_written_hurts_no_other(queue: Queue, ingest: Ingest, alice: Account) -> None:
    """A batch that fails is bisected down to the culprit."""
    for number in range(5):
        await queued(ingest, alice, f"a@d{number}.test")
    leases = await queue.claim("worker", 20, MINUTE)
    late = [RecipientOutcome(0, Outcome.DEFERRED, "4.0.0", "no", until=datetime.now(UTC))]
    broken = Attempt("mx.test", None, None, datetime(2026, 11, 23, tzinfo=UTC), 0.1)  # type: ignore[arg-type]  # NOT NULL
    answers = await asyncio.gather(
        *(queue.settle(lease, delivered(lease), ATTEMPT) for lease in leases[1:]),
        queue.settle(leases[0], late, broken),
        return_exceptions=True,
    )
    assert answers[:-1] == [None] * 4
    assert isinstance(answers[-1], Refused) and answers[-1].failure is Failure.UNAVAILABLE
    await queue.release(leases[0])

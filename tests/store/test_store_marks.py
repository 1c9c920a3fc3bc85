"""Marks: each is set once in its time, whatever else happens to the delivery, and ordinary mail knows nothing of them."""

import asyncio
from dataclasses import replace

import pytest

from mailstead.store.delivery import AlreadyMarked, Delivery, Mark, NoSuchMailboxes, Receipt
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.marks import expire_marks
from store.builders import Account, Town, deliver_each, delivery, outgoing, parsed


def mark(account: Account, digest: bytes = b"m", seconds: int = 3600, *, renew: bool = False) -> Mark:
    return Mark(account.account_id, digest.ljust(32), seconds, renew)


def answering(account: Account, *marks: Mark) -> Delivery:
    """A message with an answer to its sender, elsewhere."""
    answer = delivery(content=parsed("away"), queued=(outgoing(account, "who@elsewhere.test", sender=""),))
    return replace(delivery(account.copy()), companions=(answer,), marks=marks)


async def kept(owner_db: Database) -> tuple[int, int, int]:
    """Messages, queued messages, marks."""
    tables = ("messages", "queue_messages", "sieve_marks")
    row = await owner_db.fetchrow("count", "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables))
    assert row is not None
    return row[0], row[1], row[2]


async def test_a_second_answer_is_refused_and_nothing_of_it_is_filed(ingest: Ingest, alice: Account, owner_db: Database) -> None:
    await ingest.deliver(answering(alice, mark(alice)))
    assert await kept(owner_db) == (1, 1, 1)
    with pytest.raises(AlreadyMarked) as raised:
        await ingest.deliver(answering(alice, mark(alice, b"other"), mark(alice)))
    assert raised.value.marks == {(alice.account_id, b"m".ljust(32))}
    assert await kept(owner_db) == (1, 1, 1)  # the other mark was taken back
    await ingest.deliver(answering(alice, mark(alice, b"other")))
    assert await kept(owner_db) == (2, 2, 2)


async def test_of_many_at_once_one_is_answered(ingest: Ingest, alice: Account, owner_db: Database) -> None:
    outcomes = await deliver_each(ingest, [answering(alice, mark(alice)) for _ in range(20)])
    assert sum(isinstance(outcome, Receipt) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyMarked) for outcome in outcomes) == 19
    assert await kept(owner_db) == (1, 1, 1)


async def test_of_two_replicas_one_answers(ingest: Ingest, smtp_db: Database, alice: Account, owner_db: Database) -> None:
    async with Ingest(smtp_db, announce=lambda _: None) as other:
        outcomes = await asyncio.gather(
            *(each.deliver(answering(alice, mark(alice, b"%d" % (n % 5)))) for n in range(40) for each in (ingest, other)),
            return_exceptions=True,
        )
    assert sum(isinstance(outcome, Receipt) for outcome in outcomes) == 5
    assert all(isinstance(outcome, Receipt | AlreadyMarked) for outcome in outcomes)
    assert await kept(owner_db) == (5, 5, 5)


async def test_what_cannot_be_filed_leaves_no_mark(ingest: Ingest, alice: Account, owner_db: Database) -> None:
    gone = replace(answering(alice, mark(alice)), copies=(alice.copy("Gone"),))
    with pytest.raises(NoSuchMailboxes):
        await ingest.deliver(gone)
    assert await kept(owner_db) == (0, 0, 0)


async def test_a_mark_ends_with_its_time(ingest: Ingest, alice: Account, owner_db: Database, jobs_db: Database) -> None:
    await ingest.deliver(answering(alice, mark(alice), mark(alice, b"later", 10_000)))
    await owner_db.execute("age", "UPDATE sieve_marks SET expires_at = expires_at - interval '2 hours'")
    await ingest.deliver(answering(alice, mark(alice)))
    with pytest.raises(AlreadyMarked):
        await ingest.deliver(answering(alice, mark(alice)))
    await owner_db.execute("age", "UPDATE sieve_marks SET expires_at = expires_at - interval '2 hours'")
    assert await expire_marks(jobs_db) == 2
    assert (await kept(owner_db))[2] == 0


async def test_renewing_needs_no_new_mark(ingest: Ingest, alice: Account, owner_db: Database) -> None:
    await ingest.deliver(answering(alice, mark(alice, seconds=60)))
    await ingest.deliver(answering(alice, mark(alice, seconds=7200, renew=True)))
    row = await owner_db.fetchrow("left", "SELECT expires_at > now() + interval '1 hour' AS renewed FROM sieve_marks")
    assert row is not None and row["renewed"]


async def test_marks_without_mail(ingest: Ingest, alice: Account, owner_db: Database) -> None:
    """A script may remember something and discard the message."""
    await ingest.deliver(Delivery("t", parsed(), marks=(mark(alice),)))
    assert await kept(owner_db) == (0, 0, 1)


async def test_marks_are_their_accounts(ingest: Ingest, alice: Account, town: Town, owner_db: Database) -> None:
    bob = await town.account("bob")
    await ingest.deliver(answering(alice, mark(alice)))
    await ingest.deliver(answering(bob, mark(bob)))
    assert await kept(owner_db) == (2, 2, 2)


async def test_ordinary_mail_takes_no_statement_more(ingest: Ingest, alice: Account, statements: list[str]) -> None:
    await ingest.deliver(delivery(alice.copy()))
    statements.clear()
    await ingest.deliver(delivery(alice.copy()))
    plain = len(statements)
    statements.clear()
    await ingest.deliver(replace(delivery(alice.copy()), marks=(mark(alice),)))
    assert not any("sieve_marks" in statement for statement in statements[:2])
    assert len(statements) == plain + 1

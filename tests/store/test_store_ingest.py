"""Filing messages: exactly once what is acknowledged, UIDs in the order of visibility, quotas, and a database that goes away."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest

from kit.postgres import DatabaseUrls
from kit.waiting import eventually
from mailstead.events import MailboxChanged, QueueFilled
from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import Flags, SystemFlag
from mailstead.store import ingest as ingest_module
from mailstead.store.changes import Changes
from mailstead.store.deletion import Deletion
from mailstead.store.delivery import Receipt
from mailstead.store.engine import Database, open_database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages, Want
from store.builders import PREFIX, Account, Announced, Town, deliver_each, delivery, fill, outgoing, parsed
from store.reader import Session

MANY = 200


@pytest.fixture
async def accounts(town: Town) -> list[Account]:
    return [await town.account() for _ in range(10)]


@pytest.fixture
async def superuser_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.of("postgres").replace(f"/{database_urls.name}?", "/postgres?")) as database:
        yield database


def refusals(outcomes: list[Receipt | BaseException]) -> list[Failure | None]:
    """What each was refused for; None for what was filed."""
    failures: list[Failure | None] = []
    for outcome in outcomes:
        assert isinstance(outcome, Receipt | Refused), outcome
        failures.append(outcome.failure if isinstance(outcome, Refused) else None)
    return failures


async def test_one_message_is_what_it_was(ingest: Ingest, alice: Account, messages: Messages) -> None:
    content = parsed("Grüße.\r\n", subject="Hello", size=700_000)
    flags = Flags(SystemFlag.SEEN | SystemFlag.DRAFT, ("$Label", "Old"))
    (stored,) = (await ingest.deliver(delivery(alice.copy(flags=flags), content=content))).copies
    (row,) = await messages.summaries(alice.account_id, stored.mailbox_id, [stored.uid], Want.ENVELOPE | Want.HEADER)
    assert (row.uid, row.modseq, row.flags) == (stored.uid, stored.modseq, flags)
    assert row.size == len(PREFIX) + len(content.header) + len(content.body)
    assert row.header == PREFIX + content.header and row.envelope == content.envelope
    assert b"".join([piece async for piece in messages.read(row.source)]) == PREFIX + content.header + content.body


async def test_one_message_to_many_mailboxes(
    ingest: Ingest, accounts: list[Account], mailboxes: Mailboxes, announced: Announced, owner_db: Database
) -> None:
    """Copies are told of in the order given; each has its own prefix; the queue gets its own; all in one transaction."""
    copies = [account.copy(prefix=b"Delivered-To: %b\r\n" % account.address.encode()) for account in accounts]
    copies.append(accounts[0].copy("Archive"))
    receipt = await ingest.deliver(delivery(*copies, queued=(outgoing(accounts[0], "a@remote.test", "b@remote.test"),)))
    assert [stored.account_id for stored in receipt.copies] == [copy.account_id for copy in copies]
    assert len(receipt.queued) == 1
    assert sum(isinstance(event, MailboxChanged) for event in announced) == len(copies)
    assert sum(isinstance(event, QueueFilled) for event in announced) == 1
    counts = await owner_db.fetch(
        "look",
        """SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM contents), (SELECT count(*) FROM queue_recipients),
                  (SELECT count(DISTINCT saved_at) FROM messages), (SELECT count(DISTINCT trace_id) FROM emails)""",
    )
    assert tuple(counts[0]) == (len(copies), 1, 2, 1, 1)
    assert (await mailboxes.get(accounts[0].account_id, "Archive")).unseen == 1


async def test_all_copies_or_none(ingest: Ingest, accounts: list[Account], mailboxes: Mailboxes) -> None:
    with pytest.raises(Refused) as refused:
        await ingest.deliver(delivery(*(account.copy() for account in accounts), accounts[3].copy("Gone")))
    assert refused.value.failure is Failure.NO_SUCH_MAILBOX
    assert [(await mailboxes.get(account.account_id, "INBOX")).messages for account in accounts] == [0] * len(accounts)


@pytest.mark.parametrize("max_batch", [25, MANY])
async def test_a_batch_takes_five_statements_however_large(
    smtp_db: Database, accounts: list[Account], statements: list[str], announced: Announced, max_batch: int
) -> None:
    """Concurrent deliveries, each with two copies and a queued recipient: one more statement for the queue."""
    async with Ingest(smtp_db, announce=announced, max_batch=max_batch) as ingest:
        await ingest.deliver(delivery(accounts[0].copy()))  # the tenant's key is known from now on
        statements.clear()
        outcomes = await deliver_each(
            ingest,
            [
                delivery(
                    accounts[n % 10].copy(), accounts[(n + 1) % 10].copy(), queued=(outgoing(accounts[n % 10], "x@remote.test"),)
                )
                for n in range(MANY)
            ],
        )
    assert refusals(outcomes) == [None] * MANY
    assert len(statements) == MANY // max_batch * len(["BEGIN", "lock", "contents", "messages", "queue", "COMMIT"])


async def test_uids_and_modseqs_follow_the_order_of_arrival(ingest: Ingest, alice: Account) -> None:
    """Of what arrives on one replica; each UID is one more than the last, each batch has one modseq."""
    outcomes = await deliver_each(ingest, [delivery(alice.copy()) for _ in range(MANY)])
    stored = [outcome.copies[0] for outcome in outcomes if isinstance(outcome, Receipt)]
    assert [each.uid for each in stored] == list(range(1, MANY + 1))
    modseqs = [each.modseq for each in stored]
    assert modseqs == sorted(modseqs)


async def test_uids_become_visible_in_their_order(
    database_urls: DatabaseUrls, alice: Account, mailboxes: Mailboxes, changes: Changes, smtp_db: Database, announced: Announced
) -> None:
    """Two replicas file into one mailbox; a session that looks all the time never learns of a UID below one it knew (D4)."""
    session = Session(changes, await mailboxes.get(alice.account_id, "INBOX"))
    async with (
        open_database(database_urls.smtp_in) as other,
        Ingest(smtp_db, announce=announced, max_batch=7) as one,
        Ingest(other, announce=announced, max_batch=5) as two,
    ):
        filing = asyncio.gather(*(fill(committer, alice, MANY) for committer in (one, two)))
        while not filing.done():
            await session.catch_up()
        batches = await filing
    await session.catch_up()
    uids = sorted(stored.uid for batch in batches for stored in batch)
    assert uids == sorted(session.flags) == list(range(1, 2 * MANY + 1))


async def test_what_becomes_known_between_replicas_has_no_holes(announced: Announced, ingest: Ingest, alice: Account) -> None:
    """Events of one mailbox join end to end, so that a replica that misses one sees the gap."""
    for _ in range(5):
        await fill(ingest, alice, 20)
    spans = sorted((event.previous_modseq, event.modseq) for event in announced if isinstance(event, MailboxChanged))
    assert all(before[1] == after[0] for before, after in pairwise(spans))


async def test_quota_refuses_only_those_that_ask_for_it(ingest: Ingest, town: Town, mailboxes: Mailboxes) -> None:
    """And what is admitted of one batch counts against the next of the same batch."""
    account = await town.account(quota=25_000)
    asked = [delivery(account.copy(), content=parsed(size=10_000), strict_quota=True) for _ in range(4)]
    assert refusals(await deliver_each(ingest, asked)) == [None, None, Failure.OVER_QUOTA, Failure.OVER_QUOTA]
    assert refusals(await deliver_each(ingest, [delivery(account.copy(), content=parsed(size=10_000))])) == [None]
    small = delivery(account.copy("Archive"), strict_quota=True)
    assert refusals(await deliver_each(ingest, [small])) == [Failure.OVER_QUOTA], "usage is that of all mailboxes"
    assert (await mailboxes.get(account.account_id, "INBOX")).messages == 3


async def test_a_quota_of_zero_is_none(ingest: Ingest, alice: Account) -> None:
    await ingest.deliver(delivery(alice.copy(), content=parsed(size=2_000_000), strict_quota=True))


async def test_a_mailbox_that_stays_locked_refuses_after_a_while(
    ingest: Ingest, accounts: list[Account], database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock outlasts the delivery's deadline: temporary failure, and nothing was filed."""
    monkeypatch.setattr(ingest_module, "LOCKED_FOR", 0.3)
    held = accounts[4]
    async with open_database(database_urls.imap) as other, other.transaction("hold") as connection:
        await connection.execute("SELECT 1 FROM mailboxes WHERE account_id = $1 FOR UPDATE", held.account_id)
        outcomes = await deliver_each(ingest, [delivery(account.copy()) for account in accounts])
    assert refusals(outcomes) == [Failure.UNAVAILABLE if account is held else None for account in accounts]


async def test_an_account_deleted_between_two_batches(
    ingest: Ingest, accounts: list[Account], owner_db: Database, deletion: Deletion
) -> None:
    """Deliveries race with the deletion: each is filed and deleted with the rest, or refused; strangers notice nothing."""
    doomed = accounts[5]
    deliveries = [delivery(account.copy()) for _ in range(8) for account in accounts]
    outcomes, _ = await asyncio.gather(deliver_each(ingest, deliveries), deletion.erase_account(doomed.account_id))
    for each, failure in zip(deliveries, refusals(outcomes), strict=True):
        assert failure is None or (each.copies[0].account_id == doomed.account_id and failure is Failure.NO_SUCH_MAILBOX)
    late = await deliver_each(ingest, [delivery(doomed.copy())])
    assert refusals(late) == [Failure.NO_SUCH_MAILBOX]


SPOILT: dict[str, dict[str, object]] = {
    "a value of the wrong type": {"received_at": "yesterday"},
    "a number that does not fit": {"account_id": 2**70},
    "NUL in a name": {"mailbox": "IN\0BOX"},
    "a lone surrogate in a name": {"mailbox": "\ud800"},
    "flags that do not fit": {"flags": Flags(SystemFlag(2**15))},
}


async def test_a_copy_that_cannot_be_written_is_refused_alone(ingest: Ingest, accounts: list[Account]) -> None:
    """No caller of ours makes such a copy; if one ever does, strangers must not suffer."""
    for what, spoil in SPOILT.items():
        deliveries = [delivery(account.copy()) for account in accounts]
        deliveries[6] = delivery(replace(accounts[6].copy(), **spoil))  # type: ignore[arg-type]
        failures = refusals(await deliver_each(ingest, deliveries))
        assert failures[6] in {Failure.UNAVAILABLE, Failure.NO_SUCH_MAILBOX}, what
        assert [failure for n, failure in enumerate(failures) if n != 6] == [None] * 9, what


KILL_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = 'mailstead_smtp_in'
"""


async def filed(owner_db: Database) -> Counter[str]:
    """How often the message of each trace id is in a mailbox."""
    rows = await owner_db.fetch("look", "SELECT trace_id FROM emails JOIN messages USING (account_id, email_id)")
    return Counter(row["trace_id"] for row in rows)


async def test_a_connection_lost_in_the_midst_of_a_batch(
    ingest: Ingest, accounts: list[Account], owner_db: Database, superuser_db: Database, database_urls: DatabaseUrls
) -> None:
    """Another transaction keeps the batch waiting for a content it shares; then its connection is cut: nothing is filed."""
    shared = parsed()
    async with owner_db.transaction("hold") as connection:
        await connection.execute("LOCK TABLE contents IN SHARE MODE")
        deliveries = [delivery(account.copy(), content=shared) for account in accounts]
        delivering = asyncio.create_task(deliver_each(ingest, deliveries))
        waiting = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"

        async def stuck() -> bool:
            rows = await superuser_db.fetch("look", waiting, database_urls.name)
            return bool(rows[0]["n"])

        await eventually(stuck)
        await superuser_db.fetch("kill", KILL_OTHERS, database_urls.name)
        outcomes = await delivering
    assert refusals(outcomes) == [Failure.UNAVAILABLE] * len(accounts)
    assert not await filed(owner_db)
    await deliver_each(ingest, [delivery(account.copy()) for account in accounts])  # may meet a connection that was cut
    assert refusals(await deliver_each(ingest, deliveries)) == [None] * len(accounts)


async def test_connections_cut_at_any_moment(
    ingest: Ingest, accounts: list[Account], owner_db: Database, superuser_db: Database, database_urls: DatabaseUrls
) -> None:
    """Exactly once what was acknowledged, at most once what was not (promise D6)."""
    outcomes: dict[str, Receipt | BaseException] = {}

    async def sender(account: Account) -> None:
        for _ in range(40):
            each = delivery(account.copy())
            (outcomes[each.trace_id],) = await deliver_each(ingest, [each])

    sending = asyncio.gather(*(sender(account) for account in accounts))
    while not sending.done():
        await superuser_db.fetch("kill", KILL_OTHERS, database_urls.name)
        known = len(outcomes)
        await eventually(lambda known=known: sending.done() or len(outcomes) > known + 15)  # type: ignore[misc]
    await sending
    copies = await filed(owner_db)
    refused = Counter(refusals(list(outcomes.values())))
    assert refused[Failure.UNAVAILABLE] > 0 and refused[None] > 0 and refused.keys() == {None, Failure.UNAVAILABLE}
    for trace_id, outcome in outcomes.items():
        assert copies[trace_id] == 1 if isinstance(outcome, Receipt) else copies[trace_id] <= 1


async def test_a_database_that_takes_no_connections(
    ingest: Ingest, accounts: list[Account], superuser_db: Database, database_urls: DatabaseUrls
) -> None:
    """All are refused at once, none is tried again and again; when the database is back, so is ingest."""
    await superuser_db.execute("close", f"ALTER DATABASE {database_urls.name} ALLOW_CONNECTIONS false")
    try:
        await superuser_db.fetch("kill", KILL_OTHERS, database_urls.name)
        async with asyncio.timeout(5):
            outcomes = await deliver_each(ingest, [delivery(account.copy()) for account in accounts])
        assert refusals(outcomes) == [Failure.UNAVAILABLE] * len(accounts)
    finally:
        await superuser_db.execute("open", f"ALTER DATABASE {database_urls.name} ALLOW_CONNECTIONS true")
    assert refusals(await deliver_each(ingest, [delivery(account.copy()) for account in accounts])) == [None] * len(accounts)


async def test_leaving_settles_what_was_handed_over(smtp_db: Database, accounts: list[Account], announced: Announced) -> None:
    async with Ingest(smtp_db, announce=announced, max_batch=3) as ingest:
        tasks = [asyncio.create_task(ingest.deliver(delivery(account.copy()))) for account in accounts]
        large = asyncio.create_task(ingest.deliver(delivery(accounts[0].copy(), content=parsed(size=2_000_000))))
        await asyncio.sleep(0)
    assert all(task.done() for task in tasks) and large.done()
    assert refusals(list(await asyncio.gather(*tasks, large))) == [None] * 11
    with pytest.raises(Refused) as refused:
        await ingest.deliver(delivery(accounts[0].copy()))
    assert refused.value.failure is Failure.UNAVAILABLE


async def test_a_caller_that_leaves_does_not_take_its_message_back(
    ingest: Ingest, alice: Account, owner_db: Database, mailboxes: Mailboxes
) -> None:
    """A connection that dies after the final dot: the commit stands, once (promise D6)."""
    async with owner_db.transaction("hold") as connection:
        await connection.execute("LOCK TABLE contents IN SHARE MODE")
        caller = asyncio.create_task(ingest.deliver(delivery(alice.copy())))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait([caller])
    await ingest.deliver(delivery(alice.copy()))
    assert (await mailboxes.get(alice.account_id, "INBOX")).messages == 2

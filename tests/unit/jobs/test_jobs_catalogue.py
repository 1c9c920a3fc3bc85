"""Each job does its work with the rights of its role, on a database that has something to do for it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from jobs.catalogue import Job, catalogue
from jobs.metrics import JobsMetrics
from jobs.settings import JobsSettings
from kit.postgres import DatabaseUrls
from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import Flags, SystemFlag
from mailstead.store.deletion import Deletion
from mailstead.store.engine import Database, open_database
from mailstead.store.ingest import Ingest
from mailstead.store.invariants import CHECKS
from mailstead.store.messages import Messages
from mailstead.store.provisioning import Provisioning
from mailstead.store.queue import Queue
from mailstead.store.queued import Attempt, Outcome, RecipientOutcome
from store.builders import Account, Town, delivery, fill, outgoing, parsed

ATTEMPT = Attempt("mx.test", "192.0.2.1", None, datetime(2026, 11, 23, tzinfo=UTC), 0.1)
KEPT, EXPUNGED = 3, 5
STAGED_CHUNKS = 8  # of a body of 2 MB

TIME_PASSES = (
    "UPDATE expunged SET expunged_at = now() - interval '15 days'",
    "UPDATE emails SET created_at = now() - interval '15 days'",
    "UPDATE contents SET referred_at = now() - interval '15 days'",
    "UPDATE queue_messages SET queued_at = now() - interval '15 days'",
    "UPDATE queue_recipients SET settled_at = now() - interval '15 days'",
    # a version 7 UUID says when it was made
    """UPDATE chunks SET blob_id = ('00' || substr(blob_id::text, 3))::uuid
       WHERE NOT EXISTS (SELECT FROM contents c WHERE c.tenant_id = chunks.tenant_id AND c.blob_id = chunks.blob_id)""",
)


@pytest.fixture
async def owner_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.owner) as database:
        yield database


@pytest.fixture
async def filled(owner_db: Database) -> Account:
    """Messages in a mailbox and expunged ones, one queued message that left, and a staged body that nobody came for."""
    account = await Town(owner_db).account()
    async with Ingest(owner_db, announce=lambda _: None) as ingest:
        await fill(ingest, account, KEPT)
        stored = await fill(ingest, account, EXPUNGED, flags=Flags(SystemFlag.DELETED))
        await ingest.deliver(delivery(queued=(outgoing(account, "a@remote.test", "b@remote.test"),)))
        with pytest.raises(Refused):
            await ingest.deliver(delivery(account.copy("Gone"), content=parsed(size=2_000_000)))
    messages, queue = Messages(owner_db, lambda _: None), Queue(owner_db, lambda _: None)
    await messages.expunge(account.account_id, stored[0].mailbox_id, None, actor="test")
    (leased,) = await queue.claim("worker", 1, timedelta(minutes=1))
    outcomes = [RecipientOutcome(r.number, Outcome.DELIVERED, "2.0.0", "ok") for r in leased.recipients]
    await queue.settle(leased, outcomes, ATTEMPT)
    return account


class Jobs:
    """The jobs as their service runs them, under its own role; what they counted is in `registry`."""

    def __init__(self, db: Database, settings: JobsSettings) -> None:
        self.registry = CollectorRegistry()
        jobs = catalogue(db, lambda _: None, settings, JobsMetrics.register(self.registry))
        self.jobs: dict[str, Job] = {job.name: job for job in jobs}

    async def run(self, *names: str) -> None:
        for name in names:
            await self.jobs[name].run()

    def removed(self) -> dict[str, int]:
        """Rows by kind."""
        kinds = ("tombstone", "queue", "email", "content", "staged")
        return {kind: int(self.registry.get_sample_value("mailstead_removed_rows_total", {"kind": kind}) or 0) for kind in kinds}

    def violations(self) -> dict[str, float | None]:
        return {name: self.registry.get_sample_value("mailstead_invariant_violations", {"invariant": name}) for name in CHECKS}


@pytest.fixture
async def jobs(database_urls: DatabaseUrls) -> AsyncIterator[Jobs]:
    async with open_database(database_urls.jobs) as db:
        yield Jobs(db, JobsSettings(database_url=SecretStr(database_urls.jobs), hostname="mail.test", observe_port=0))


@pytest.mark.usefixtures("filled")
async def test_nothing_is_removed_before_its_time(jobs: Jobs) -> None:
    await jobs.run("retention", "reclaim")
    assert set(jobs.removed().values()) == {0}


@pytest.mark.usefixtures("filled")
async def test_what_is_past_its_time_is_removed(jobs: Jobs, owner_db: Database) -> None:
    for statement in TIME_PASSES:
        await owner_db.execute("time passes", statement)
    await jobs.run("retention", "reclaim")
    assert jobs.removed() == {
        "tombstone": EXPUNGED,
        "queue": 1,
        "email": EXPUNGED,
        "content": EXPUNGED + 1,
        "staged": STAGED_CHUNKS,
    }
    tables = ("messages", "emails", "contents", "chunks", "expunged", "queue_messages", "queue_recipients", "queue_attempts")
    left = {table: len(await owner_db.fetch("look", f"SELECT FROM {table}")) for table in tables}
    assert left == dict.fromkeys(tables[:4], KEPT) | dict.fromkeys(tables[4:], 0)
    await jobs.run("retention", "reclaim")
    assert jobs.removed()["tombstone"] == EXPUNGED, "a second run finds nothing"


async def test_what_nobody_restored_in_time_is_erased(jobs: Jobs, filled: Account, owner_db: Database) -> None:
    deletion, address = Deletion(owner_db), Address.parse(filled.address)
    other = await Provisioning(owner_db).create_account(Address("other", address.domain), "x", 0)
    for account_id in (filled.account_id, other.account_id):
        await deletion.delete_account(account_id, timedelta(days=1))
    await deletion.delete_domain(address.domain, timedelta(days=1))
    await jobs.run("deleted")
    assert len(await owner_db.fetch("look", "SELECT FROM accounts")) == 2
    await owner_db.execute("time passes", "UPDATE accounts SET erase_at = now() WHERE account_id = $1", filled.account_id)
    await owner_db.execute("time passes", "UPDATE domains SET erase_at = now()")
    await jobs.run("deleted")
    assert [row["account_id"] for row in await owner_db.fetch("look", "SELECT account_id FROM accounts")] == [other.account_id]
    for table in ("messages", "emails", "expunged", "queue_messages", "search_pending"):
        assert not await owner_db.fetch("look", f"SELECT FROM {table}"), table
    assert await owner_db.fetch("look", "SELECT FROM domains"), "it waits for its accounts"
    await owner_db.execute("time passes", "UPDATE accounts SET erase_at = now()")
    await jobs.run("deleted")
    assert not await owner_db.fetch("look", "SELECT FROM domains UNION ALL SELECT FROM accounts")
    assert jobs.registry.get_sample_value("mailstead_removed_rows_total", {"kind": "account"}) == 2


async def test_marks_end_with_their_time(jobs: Jobs, filled: Account, owner_db: Database) -> None:
    for digest, left in ((b"a", "-1 hour"), (b"b", "1 hour")):
        sql = f"INSERT INTO sieve_marks (account_id, mark, expires_at) VALUES ($1, $2, now() + interval '{left}')"
        await owner_db.execute("mark", sql, filled.account_id, digest.ljust(32))
    await jobs.run("retention")
    assert jobs.registry.get_sample_value("mailstead_removed_rows_total", {"kind": "mark"}) == 1
    assert len(await owner_db.fetch("look", "SELECT FROM sieve_marks")) == 1


@pytest.mark.usefixtures("filled")
async def test_a_sound_store_is_proved_sound(jobs: Jobs) -> None:
    await jobs.run("invariants")
    assert jobs.violations() == dict.fromkeys(CHECKS, 0)


@pytest.mark.breaks_invariants
async def test_what_is_broken_is_counted(jobs: Jobs, filled: Account, owner_db: Database) -> None:
    await owner_db.execute("break", "UPDATE mailboxes SET unseen = 0 WHERE account_id = $1", filled.account_id)
    await owner_db.execute("break", "DELETE FROM contents")
    await jobs.run("invariants")
    broken = {name: count for name, count in jobs.violations().items() if count}
    assert broken == {
        "mailbox counters equal what they count": 1,
        "every email and queued message has its content": KEPT + EXPUNGED + 1,
    }


async def test_a_job_that_finds_no_database_fails_for_this_time(jobs: Jobs, owner_db: Database) -> None:
    """The runner goes on after a Refused; here a table is locked away for longer than a statement may wait."""
    async with owner_db.transaction("hold") as connection:
        await connection.execute("LOCK TABLE emails IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Refused) as refused:
            await jobs.run("reclaim")
    assert refused.value.failure is Failure.UNAVAILABLE
    await jobs.run("reclaim")


@pytest.mark.usefixtures("filled")
async def test_the_size_of_each_table_is_measured(jobs: Jobs) -> None:
    await jobs.run("measure")
    octets = {
        sample.labels["table"]: sample.value
        for family in jobs.registry.collect()
        if family.name == "mailstead_table_octets"
        for sample in family.samples
    }
    assert {"messages", "emails", "contents", "chunks", "leases"} <= octets.keys()
    assert octets["chunks"] > 2_000_000  # among them a body of that size
    assert jobs.registry.get_sample_value("mailstead_oldest_transaction_seconds") is not None
    jobs.jobs["measure"].lapse()
    assert jobs.registry.get_sample_value("mailstead_table_octets", {"table": "chunks"}) is None

"""Each invariant finds what breaks it, and a test that leaves a database broken fails."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kit.postgres import DatabaseUrls
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.invariants import CHECKS, SHOWN, check_invariants
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.queue import Queue
from mailstead.store.queued import Outcome, RecipientOutcome
from store.builders import Account, delivery, fill, outgoing, parsed

# Statements that break exactly the invariant of this name in the database that `filled` makes.
BREAKS: dict[str, tuple[str, ...]] = {
    "every uid is below its mailbox's uidnext": (
        "UPDATE mailboxes SET uidnext = 1 WHERE name = 'INBOX'",
        "UPDATE mailboxes SET uidnext = (SELECT max(uid) + 1 FROM messages m WHERE m.mailbox_id = mailboxes.mailbox_id) "
        "WHERE name = 'INBOX'",
    ),
    "no modseq is above its mailbox's highest": (
        "UPDATE messages SET modseq = 1000000 WHERE uid = 1",
        "UPDATE messages SET modseq = 0 WHERE uid = 1",
        "UPDATE expunged SET modseq = 1000000",
        "UPDATE mailboxes SET floor_modseq = 1000000 WHERE name = 'INBOX'",
    ),
    "a uid is a message or a tombstone, not both": ("UPDATE expunged SET uid = 1",),
    "mailbox counters equal what they count": (
        "UPDATE mailboxes SET messages = messages + 1 WHERE name = 'INBOX'",
        "UPDATE mailboxes SET unseen = 0 WHERE name = 'INBOX'",
        "UPDATE mailboxes SET deleted = 1 WHERE name = 'INBOX'",
        "UPDATE mailboxes SET size = size + 1 WHERE name = 'Archive'",
        "UPDATE messages SET flags = flags | 8 WHERE uid = 1",
        "DELETE FROM messages WHERE uid = 1",
    ),
    "every message and tombstone has its email": (
        "UPDATE messages SET email_id = '00000000-0000-0000-0000-000000000001' WHERE uid = 1",
        "UPDATE expunged SET email_id = '00000000-0000-0000-0000-000000000001'",
    ),
    "the text of every email is indexed or is yet to be, of no other": (
        "DELETE FROM search_pending",
        "INSERT INTO search_texts SELECT account_id, gen_random_uuid(), 0, true, '' FROM accounts",
    ),
    "a message is as large as its email": (
        "UPDATE messages SET size = size + CASE uid WHEN 1 THEN 1 ELSE -1 END WHERE uid IN (1, 2)",
    ),
    "every email and queued message has its content": (
        "UPDATE emails SET blob_id = '00000000-0000-0000-0000-000000000001'",
        "UPDATE emails SET tenant_id = 0",
        "UPDATE queue_messages SET blob_id = '00000000-0000-0000-0000-000000000001'",
    ),
    "an email is as long as its prefix and its content": (
        "UPDATE emails SET prefix = prefix || 'X: y'",
        "UPDATE emails SET header_size = 1",
        "UPDATE queue_messages SET size = 1",
    ),
    "content is as long as it says": (
        "UPDATE chunks SET data = data || 'x' WHERE number = 1",
        "DELETE FROM chunks WHERE number = 1",
    ),
    "chunks are numbered without gaps": ("UPDATE chunks SET number = 7 WHERE number = 1",),
    "UIDVALIDITY is not above what the account gave out": ("UPDATE accounts SET last_uidvalidity = 1",),
    "every account has an INBOX and its own address": (
        "DELETE FROM addresses",
        "UPDATE mailboxes SET name = 'In' WHERE name = 'INBOX'",
        "UPDATE addresses SET address = 'other@example.org'",
    ),
    "an address is of the domain that it names, and of its tenant": ("UPDATE addresses SET address = 'alice@other.example.org'",),
    "a domain is held while its tenant is suspended": (
        "UPDATE tenants SET active = NOT active",
        "UPDATE domains SET held = NOT held",
    ),
    "an alias domain is of one tenant with its own, which is none, and has no addresses": (
        "WITH d AS (INSERT INTO domains (tenant_id, name) SELECT tenant_id, 'x' FROM domains RETURNING domain_id) "
        "UPDATE domains SET alias_of = (SELECT domain_id FROM d)",
    ),
    "no mail is left of accounts that are gone": (
        "INSERT INTO expunged SELECT account_id + 1, mailbox_id, uid, modseq, flags, keywords, size, internal_date, email_id, "
        "expunged_at, actor, reason FROM expunged",
        "INSERT INTO emails (account_id, email_id, thread_id, tenant_id, blob_id, trace_id, prefix, header_size, size, envelope, "
        "bodystructure, message_id, subject, sender, preview) SELECT account_id + 1, email_id, thread_id, tenant_id, blob_id, "
        "trace_id, prefix, header_size, size, envelope, bodystructure, message_id, subject, sender, preview FROM emails",
    ),
    "every queued message has a recipient": ("DELETE FROM queue_recipients",),
    "a queued recipient is of the tenant of its message": ("UPDATE queue_recipients SET tenant_id = tenant_id + 1",),
    "no lease is orphaned": (
        "UPDATE queue_recipients SET state = 'leased', leased_by = 'x', due_at = now() - interval '2 days', settled_at = NULL",
    ),
    "what a pause holds has its pause": ("UPDATE queue_recipients SET state = 'held', settled_at = NULL, pause_id = 4711",),
    "a settled recipient has a time, an open one has none": (
        "UPDATE queue_recipients SET settled_at = NULL",
        "UPDATE queue_recipients SET state = 'waiting'",
    ),
    "rights are given within a tenant, and found by whom they are given": (
        "INSERT INTO mailbox_rights SELECT account_id, mailbox_id, 0, 'lr' FROM mailboxes WHERE name = 'INBOX' LIMIT 1",
    ),
}


@pytest.fixture
async def filled(ingest: Ingest, alice: Account, mailboxes: Mailboxes, messages: Messages, queue: Queue) -> None:
    """Messages, one of two chunks, a copy, a tombstone, and a queued message that was delivered."""
    await fill(ingest, alice, 3)
    large = await ingest.deliver(
        delivery(alice.copy(), content=parsed(size=300_000), queued=(outgoing(alice, "bob@remote.test"),))
    )
    (stored,) = large.copies
    archive = await mailboxes.get(alice.account_id, "Archive")
    await messages.copy(alice.account_id, stored.mailbox_id, [2, stored.uid], archive.mailbox_id)
    last = (await fill(ingest, alice, 1))[0]
    await messages.expunge(alice.account_id, last.mailbox_id, [last.uid], actor="test", only_deleted=False)
    (leased,) = await queue.claim("worker", 1, timedelta(minutes=1))
    await queue.settle(leased, [RecipientOutcome(0, Outcome.DELIVERED, "2.0.0", "ok", datetime.now(UTC))], None)


def test_each_invariant_is_tried() -> None:
    assert BREAKS.keys() == CHECKS.keys()


@pytest.mark.breaks_invariants
@pytest.mark.usefixtures("filled")
async def test_what_breaks_an_invariant_is_found(owner_db: Database) -> None:
    """By the check of that name; others may find it too."""
    assert await check_invariants(owner_db) == []
    for invariant, statements in BREAKS.items():
        for statement in statements:
            async with owner_db.connection("break") as connection:
                undo = connection.transaction()
                await undo.start()
                assert int((await connection.execute(statement)).rpartition(" ")[2]) > 0, statement
                rows = await connection.fetch(CHECKS[invariant])
                await undo.rollback()
            assert rows, f"{invariant!r} does not see: {statement}"


@pytest.mark.breaks_invariants
async def test_a_violation_shows_a_few_of_many(ingest: Ingest, alice: Account, owner_db: Database) -> None:
    await fill(ingest, alice, SHOWN * 3)
    await owner_db.execute("break", "DELETE FROM contents")
    (violation,) = [v for v in await check_invariants(owner_db) if "its content" in v.invariant]
    assert violation.count == SHOWN * 3
    assert len(violation.examples) == SHOWN
    assert str(violation).startswith(f"{violation.invariant}: broken by {SHOWN * 3}, such as (")


BROKEN_TEST = """
import asyncpg
import pytest
from kit.postgres import database_urls

@pytest.fixture(scope="session")
def postgres_sockets():
    return {sockets!r}

async def test_breaks(database_urls):
    connection = await asyncpg.connect(database_urls.owner)
    await connection.execute("INSERT INTO chunks VALUES (1, '00000000-0000-0000-0000-000000000001', 1, '')")
    await connection.close()

async def test_is_sound(database_urls):
    assert database_urls.name
"""


INNER_SETTINGS = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
markers = breaks_invariants
"""


async def test_a_test_that_leaves_a_broken_database_fails(postgres_sockets: str, tmp_path: Path) -> None:
    """The kit proves the invariants at the end of every test that has a database, whatever the test itself looks at."""
    (tmp_path / "test_inner.py").write_text(BROKEN_TEST.format(sockets=postgres_sockets))
    (tmp_path / "pytest.ini").write_text(INNER_SETTINGS)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path),
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}, cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    stdout, _ = await process.communicate()
    said = stdout.decode()
    assert "2 passed, 1 error" in said, said
    assert "ERROR test_inner.py::test_breaks" in said and "check_invariants" in said


async def test_the_kits_databases_have_nothing_in_common(database_urls: DatabaseUrls, owner_db: Database) -> None:
    assert await owner_db.fetch("look", "SELECT FROM tenants UNION ALL SELECT FROM accounts UNION ALL SELECT FROM contents") == []

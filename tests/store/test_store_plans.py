"""No hot operation reads a large table from end to end, with statistics and without (promise P4).

PostgreSQL itself counts sequential scans; what is asserted is what really ran, six times over, so that a generic plan has its
turn too.
"""

import re

import pytest

from kit.postgres import DatabaseUrls
from mailstead.store.engine import Database
from store.builders import Account
from store.hot_operations import MANY, OPERATIONS, Replica
from store.shards import SHARDS, column_of

CROWD = 2_000  # other accounts, each with a message
TABLES = (
    "accounts", "addresses", "mailboxes", "messages", "emails", "expunged", "contents", "chunks", "queue_messages",
    "queue_recipients", "queue_attempts", "search_texts", "search_pending", "sieve_scripts", "sieve_marks",
)  # fmt: skip
TIMES = 6  # from the sixth execution on, PostgreSQL considers a plan that fits all parameters

# A content and an email for each message, a tombstone beside it, and a queued message.
FILL = (
    """CREATE TABLE plan AS
       SELECT account_id, tenant_id, mailbox_id, n, gen_random_uuid() AS email_id, gen_random_uuid() AS blob_id
       FROM accounts JOIN mailboxes USING (account_id), generate_series(1, {MANY}) AS n
       WHERE name = 'INBOX' AND account_id = {account} OR name = 'INBOX' AND n <= 2""",
    """INSERT INTO contents (tenant_id, hash, blob_id, size, header, structure)
       SELECT tenant_id, sha256(blob_id::text::bytea), blob_id, 10, 'A: b', '[]' FROM plan""",
    "INSERT INTO chunks SELECT tenant_id, blob_id, 0, '123456' FROM plan",
    """INSERT INTO emails (account_id, email_id, thread_id, tenant_id, blob_id, trace_id, prefix, header_size, size, envelope,
                           bodystructure, message_id, subject, sender, preview, sent_on)
       SELECT account_id, email_id, email_id, tenant_id, blob_id, 'x', '', 4, 10, '', '', '<' || n || '@x>', '', '', '',
              '2026-11-01'::date + n % 20 FROM plan""",
    """INSERT INTO search_texts SELECT account_id, email_id, 0, true, 'the text of number ' || n, n % 2 = 0 FROM plan""",
    """INSERT INTO messages (account_id, mailbox_id, uid, modseq, flags, size, internal_date, saved_at, email_id)
       SELECT account_id, mailbox_id, n, n, n % 2, 10, now(), now(), email_id FROM plan""",
    """INSERT INTO expunged (account_id, mailbox_id, uid, modseq, flags, keywords, size, internal_date, email_id, actor, reason)
       SELECT account_id, mailbox_id, {MANY} + n, {MANY} + n, 0, '{{}}', 10, now(), email_id, 'x', 'expunge' FROM plan""",
    """UPDATE mailboxes m SET uidnext = 2 * {MANY} + 1, highest_modseq = 2 * {MANY} + 1, messages = c.n, size = c.n * 10,
              unseen = c.unseen
       FROM (SELECT account_id, mailbox_id, count(*) AS n, count(*) FILTER (WHERE flags = 0) AS unseen FROM messages
             GROUP BY account_id, mailbox_id) AS c WHERE m.account_id = c.account_id AND m.mailbox_id = c.mailbox_id""",
    """INSERT INTO queue_messages (queue_id, tenant_id, trace_id, sender, blob_id, prefix, header_size, size, expires_at)
       SELECT email_id, tenant_id, 'x', '', blob_id, '', 4, 10, now() + '1 day' FROM plan""",
    """INSERT INTO queue_recipients (queue_id, number, address, domain, notify, due_at, tenant_id)
       SELECT email_id, 0, 'a@d' || n % 50, 'd' || n % 50, '{{}}', now() + make_interval(secs => n - {MANY} / 2), tenant_id
       FROM plan""",
    "DROP TABLE plan",
)  # fmt: skip
CROWD_OF_ACCOUNTS = (
    """INSERT INTO accounts (tenant_id, domain_id, address, password_hash, quota_bytes, last_uidvalidity)
       SELECT tenant_id, domain_id, 'crowd' || n || '@default.example.org', '', 0, 9
       FROM domains, generate_series(1, {CROWD}) AS n""",
    """INSERT INTO addresses (address, tenant_id, domain_id, account_id)
       SELECT address, tenant_id, domain_id, account_id FROM accounts ON CONFLICT DO NOTHING""",
    """INSERT INTO sieve_scripts (account_id, name, text, revision, active)
       SELECT account_id, name, 'keep;', gen_random_uuid(), name = 'a' FROM accounts, unnest(ARRAY['a', 'b']) AS name""",
    """INSERT INTO sieve_marks (account_id, mark, expires_at)
       SELECT account_id, sha256(n::text::bytea), now() + make_interval(mins => n) FROM accounts, generate_series(1, 5) AS n""",
    """INSERT INTO mailboxes (account_id, name, uidvalidity)
       SELECT account_id, name, 9 FROM accounts, unnest(ARRAY['INBOX', 'Sent', 'Trash']) AS name WHERE address LIKE 'crowd%'""",
)


@pytest.fixture(params=[pytest.param(True, id="analyzed"), pytest.param(False, id="without statistics")])
async def crowded(request: pytest.FixtureRequest, owner_db: Database, alice: Account) -> Account:
    """The account with the large INBOX, among many."""
    for statement in (*CROWD_OF_ACCOUNTS, *FILL):
        await owner_db.execute("fill", statement.format(MANY=MANY, CROWD=CROWD, account=alice.account_id))
    if request.param:
        await owner_db.execute("analyze", "ANALYZE")
    return alice


async def scans(owner_db: Database) -> dict[str, int]:
    rows = await owner_db.fetch("look", "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = ANY($1)", list(TABLES))
    return {row["relname"]: row["seq_scan"] for row in rows}


async def test_no_hot_operation_scans_a_large_table(crowded: Account, owner_db: Database, database_urls: DatabaseUrls) -> None:
    found: dict[str, dict[str, int]] = {}
    for operation in OPERATIONS:
        before = await scans(owner_db)
        async with Replica(database_urls, crowded) as replica:
            for n in range(TIMES):
                await operation(replica, n)
        after = await scans(owner_db)
        found[operation.__name__] = {table: after[table] - before[table] for table in TABLES if after[table] > before[table]}
    assert found == {operation.__name__: {} for operation in OPERATIONS}


@pytest.mark.parametrize("crowded", [True], indirect=True)
async def test_each_hot_statement_says_which_shard_it_is_about(crowded: Account, database_urls: DatabaseUrls) -> None:
    """What names a table that is spread by a column names that column too (promise S1)."""
    said: list[str] = []
    async with Replica(database_urls, crowded, said.append) as replica:
        for operation in OPERATIONS:
            await operation(replica, 0)
    of_ours = {statement for statement in said if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK"))}
    assert len(of_ours) > len(OPERATIONS)
    silent = [
        (table, statement)
        for statement in of_ours
        for table in set(re.findall(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)", statement)) & SHARDS.keys()
        if (column := column_of(table)) is not None and not re.search(rf"\b{column}\b", statement)
    ]
    assert silent == []

"""Erasing the mail of an account, in bounded steps: each leaves the store sound, so that what was begun can be gone on with.

A step is part of a transaction that holds the account's row, and its mailboxes after it (promise D7): no delivery adds a message
meanwhile. Nothing of it can be restored once the first step has committed; nobody reads it any more, so tombstones are neither
made nor heeded.
"""

from collections.abc import Awaitable, Callable

from mailstead.store.engine import Connection

STEP = 2_000  # rows of a kind that one transaction removes

_LOCK_MAILBOXES = "SELECT FROM mailboxes WHERE account_id = $1 ORDER BY account_id, mailbox_id FOR UPDATE"
_MESSAGES = """
WITH gone AS (
    DELETE FROM messages m
    USING (SELECT mailbox_id, uid FROM messages WHERE account_id = $1 ORDER BY mailbox_id, uid LIMIT $2) AS few
    WHERE m.account_id = $1 AND m.mailbox_id = few.mailbox_id AND m.uid = few.uid
    RETURNING m.mailbox_id, m.flags, m.size
), counted AS (
    UPDATE mailboxes b SET messages = b.messages - g.messages, unseen = b.unseen - g.unseen,
           deleted = b.deleted - g.deleted, size = b.size - g.size
    FROM (SELECT mailbox_id, count(*) AS messages, count(*) FILTER (WHERE flags & 1 = 0) AS unseen,
                 count(*) FILTER (WHERE flags & 8 <> 0) AS deleted, sum(size) AS size
          FROM gone GROUP BY mailbox_id) AS g
    WHERE b.account_id = $1 AND b.mailbox_id = g.mailbox_id
)
SELECT count(*) FROM gone
"""
_TOMBSTONES = """
WITH gone AS (
    DELETE FROM expunged x
    USING (SELECT mailbox_id, uid FROM expunged WHERE account_id = $1 ORDER BY mailbox_id, uid LIMIT $2) AS few
    WHERE x.account_id = $1 AND x.mailbox_id = few.mailbox_id AND x.uid = few.uid RETURNING 1
)
SELECT count(*) FROM gone
"""
_EMAILS = """
DELETE FROM emails e USING (SELECT email_id FROM emails WHERE account_id = $1 ORDER BY email_id LIMIT $2) AS few
WHERE e.account_id = $1 AND e.email_id = few.email_id RETURNING e.email_id, e.tenant_id, e.blob_id
"""
# Statements of their own: whoever indexes an email holds its row, so what it has written is seen now (see search_index.py).
_TEXTS = "DELETE FROM search_texts WHERE account_id = $1 AND email_id = ANY($2::uuid[])"
_PENDING = "DELETE FROM search_pending WHERE account_id = $1 AND email_id = ANY($2::uuid[])"
# What another account refers to stays: reclaiming looks. A delivery that refers to one at this moment makes it new again.
_CONTENTS = """
WITH held AS (
    SELECT c.tenant_id, c.hash FROM contents c
    JOIN unnest($1::bigint[], $2::uuid[]) AS o(tenant_id, blob_id) USING (tenant_id, blob_id)
    ORDER BY c.tenant_id, c.hash FOR UPDATE OF c
)
UPDATE contents c SET referred_at = 'epoch' FROM held WHERE c.tenant_id = held.tenant_id AND c.hash = held.hash
"""
_SENT = """
WITH gone AS (
    DELETE FROM queue_messages WHERE queue_id IN (
        SELECT queue_id FROM queue_messages q WHERE account_id = $1
        AND NOT EXISTS (SELECT FROM queue_recipients r WHERE r.queue_id = q.queue_id AND r.settled_at IS NULL) LIMIT $2)
    RETURNING 1
)
SELECT count(*) FROM gone
"""


async def erase_some_mail(connection: Connection, account_id: int) -> bool:
    """Of its messages, tombstones, what ingest stored of them, and what it sent that is settled. Whether there may be more."""
    await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")  # accounts differ in size by a million
    await connection.execute(_LOCK_MAILBOXES, account_id)
    for step in _STEPS:
        if await step(connection, account_id) >= STEP:
            return True
    return False


async def _erase_messages(connection: Connection, account_id: int) -> int:
    count: int = await connection.fetchval(_MESSAGES, account_id, STEP)
    return count


async def _erase_tombstones(connection: Connection, account_id: int) -> int:
    count: int = await connection.fetchval(_TOMBSTONES, account_id, STEP)
    return count


async def _erase_emails(connection: Connection, account_id: int) -> int:
    """After all that refers to them."""
    gone = await connection.fetch(_EMAILS, account_id, STEP)
    email_ids = [row["email_id"] for row in gone]
    await connection.execute(_TEXTS, account_id, email_ids)
    await connection.execute(_PENDING, account_id, email_ids)
    await connection.execute(_CONTENTS, [row["tenant_id"] for row in gone], [row["blob_id"] for row in gone])
    return len(gone)


async def _erase_sent(connection: Connection, account_id: int) -> int:
    count: int = await connection.fetchval(_SENT, account_id, STEP)
    return count


_STEPS: tuple[Callable[[Connection, int], Awaitable[int]], ...] = (
    _erase_messages,
    _erase_tombstones,
    _erase_emails,
    _erase_sent,
)

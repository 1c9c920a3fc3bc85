"""Freeing what nothing refers to any more, in bounded steps (promise D4).

Safe against a delivery that refers to a content again at that moment: it moves `referred_at` under the row's lock, and a step
here takes that lock with SKIP LOCKED and judges the row again as it is then.
"""

from datetime import timedelta
from uuid import UUID

from mailstead.store.engine import Connection, Database

STEP = 500  # rows of one transaction

_TOMBSTONES = """
WITH old AS (
    SELECT account_id, mailbox_id, uid FROM expunged WHERE expunged_at < now() - $1::interval
    ORDER BY expunged_at LIMIT $2 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM expunged x USING old o
    WHERE x.account_id = o.account_id AND x.mailbox_id = o.mailbox_id AND x.uid = o.uid
    RETURNING x.account_id, x.mailbox_id, x.modseq
)
SELECT account_id, mailbox_id, max(modseq) AS modseq, count(*) AS purged FROM gone
GROUP BY account_id, mailbox_id ORDER BY account_id, mailbox_id
"""
_RAISE_FLOORS = """
UPDATE mailboxes m SET floor_modseq = greatest(m.floor_modseq, f.modseq)
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS f(account_id, mailbox_id, modseq)
WHERE m.account_id = f.account_id AND m.mailbox_id = f.mailbox_id
"""
_LOCK_MAILBOXES = """
SELECT FROM mailboxes m JOIN unnest($1::bigint[], $2::bigint[]) AS f(account_id, mailbox_id) USING (account_id, mailbox_id)
ORDER BY m.account_id, m.mailbox_id FOR UPDATE OF m
"""

# An email is made with its message in one transaction and copied only while its message is held, so one that no message and no
# tombstone refers to can never be referred to again.
_EMAILS = """
WITH orphans AS (
    SELECT account_id, email_id FROM emails e
    WHERE e.created_at < now() - $1::interval
      AND NOT EXISTS (SELECT FROM messages m WHERE m.account_id = e.account_id AND m.email_id = e.email_id)
      AND NOT EXISTS (SELECT FROM expunged x WHERE x.account_id = e.account_id AND x.email_id = e.email_id)
    LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM emails e USING orphans o WHERE e.account_id = o.account_id AND e.email_id = o.email_id
"""

_CONTENTS = """
WITH orphans AS (
    SELECT tenant_id, hash FROM contents c
    WHERE c.referred_at < now() - $1::interval
      AND NOT EXISTS (SELECT FROM emails e WHERE e.tenant_id = c.tenant_id AND e.blob_id = c.blob_id)
      AND NOT EXISTS (SELECT FROM queue_messages q WHERE q.tenant_id = c.tenant_id AND q.blob_id = c.blob_id)
    ORDER BY tenant_id, hash LIMIT $2 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM contents c USING orphans o WHERE c.tenant_id = o.tenant_id AND c.hash = o.hash
    RETURNING c.tenant_id, c.blob_id
), freed AS (
    DELETE FROM chunks k USING gone g WHERE k.tenant_id = g.tenant_id AND k.blob_id = g.blob_id
)
SELECT FROM gone
"""

# Bodies that were staged for a delivery which never came. A blob's id says when it was made (UUID version 7).
_STAGED = """
WITH orphans AS (
    SELECT DISTINCT k.tenant_id, k.blob_id FROM chunks k
    WHERE k.number = 0 AND k.blob_id < $1
      AND NOT EXISTS (SELECT FROM contents c WHERE c.tenant_id = k.tenant_id AND c.blob_id = k.blob_id) LIMIT $2
)
DELETE FROM chunks k USING orphans o WHERE k.tenant_id = o.tenant_id AND k.blob_id = o.blob_id
"""

_SETTLED = """
WITH old AS (
    SELECT queue_id FROM queue_messages q WHERE queued_at < now() - $1::interval
      AND NOT EXISTS (SELECT FROM queue_recipients r WHERE r.queue_id = q.queue_id AND (r.state IN ('waiting', 'leased')
                      OR r.settled_at >= now() - $1::interval))
    LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM queue_messages q USING old WHERE q.queue_id = old.queue_id
"""


class Reclaim:
    """Each method works in steps of STEP rows until nothing is left to do, and returns how many rows it removed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tombstones(self, older_than: timedelta) -> int:
        """Purge tombstones past their retention, raising the floor from which VANISHED can be told exactly (RFC 7162)."""

        async def step(connection: Connection) -> int:
            rows = await connection.fetch(_TOMBSTONES, older_than, STEP)
            mailboxes = [row["account_id"] for row in rows], [row["mailbox_id"] for row in rows]
            await connection.execute(_LOCK_MAILBOXES, *mailboxes)
            await connection.execute(_RAISE_FLOORS, *mailboxes, [row["modseq"] for row in rows])
            return sum(row["purged"] for row in rows)

        total = 0
        while purged := await self._database.transact("purge tombstones", step):
            total += purged
        return total

    async def emails(self, grace: timedelta) -> int:
        """Remove what ingest stored of messages that are neither in a mailbox nor among the tombstones."""
        return await self._repeat("reclaim emails", _EMAILS, grace)

    async def contents(self, grace: timedelta) -> int:
        """Free contents that nothing has referred to for `grace`, which must be longer than any delivery's transaction."""
        return await self._repeat("reclaim contents", _CONTENTS, grace)

    async def staged(self, grace: timedelta) -> int:
        """Free bodies that were staged more than `grace` ago and never adopted."""
        row = await self._database.fetchrow("clock", "SELECT extract(epoch FROM now() - $1::interval)::float8 AS before", grace)
        before = UUID(int=int((row["before"] if row else 0.0) * 1000) << 80)
        return await self._repeat("reclaim staged", _STAGED, before)

    async def settled_queue(self, older_than: timedelta) -> int:
        """Forget messages whose last recipient was settled longer ago, with their attempts."""
        return await self._repeat("purge queue", _SETTLED, older_than)

    async def _repeat(self, what: str, sql: str, bound: timedelta | UUID) -> int:
        async def step(connection: Connection) -> int:
            # A plan from when the tables were small, kept for a prepared statement, takes minutes once they are large.
            await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            tag = await connection.execute(sql, bound, STEP)
            return int(tag.rpartition(" ")[2])

        total = 0
        while removed := await self._database.transact(what, step):
            total += removed
        return total

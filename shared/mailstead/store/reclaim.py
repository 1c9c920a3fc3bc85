"""Freeing what nothing refers to any more, in bounded steps (promise D4).

What may be orphaned is looked for page by page in the order of keys, so that no statement grows with the store. Before a content
is freed its row is locked and judged again: a delivery that refers to it takes that same lock first, so it either has committed
and is seen, or comes later and keeps the content anew.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

from mailstead.store.engine import Connection, Database

STEP = 500  # rows that one transaction removes
PAGE = 5_000  # rows that one statement looks at

# Of domains that keep them for longer, or not as long, those that are old enough for it.
_OLD_TOMBSTONES = """
SELECT x.account_id, x.mailbox_id, x.uid
FROM expunged x JOIN accounts a USING (account_id) JOIN domains d USING (domain_id)
WHERE x.expunged_at < now() - least($1::interval, (SELECT make_interval(days => min(retention_days)) FROM domains))
  AND x.expunged_at < now() - coalesce(make_interval(days => d.retention_days), $1::interval)
ORDER BY x.expunged_at LIMIT $2
"""
_LOCK_MAILBOXES = """
SELECT FROM mailboxes m JOIN unnest($1::bigint[], $2::bigint[]) AS f(account_id, mailbox_id) USING (account_id, mailbox_id)
ORDER BY m.account_id, m.mailbox_id FOR UPDATE OF m
"""
_PURGE_TOMBSTONES = """
WITH gone AS (
    DELETE FROM expunged x USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS o(account_id, mailbox_id, uid)
    WHERE x.account_id = o.account_id AND x.mailbox_id = o.mailbox_id AND x.uid = o.uid
    RETURNING x.account_id, x.mailbox_id, x.modseq
), raised AS (
    UPDATE mailboxes m SET floor_modseq = greatest(m.floor_modseq, f.modseq)
    FROM (SELECT account_id, mailbox_id, max(modseq) AS modseq FROM gone GROUP BY account_id, mailbox_id) AS f
    WHERE m.account_id = f.account_id AND m.mailbox_id = f.mailbox_id
)
SELECT FROM gone
"""

_UNUSED_EMAIL = """
NOT EXISTS (SELECT FROM messages m WHERE m.account_id = e.account_id AND m.email_id = e.email_id)
AND NOT EXISTS (SELECT FROM expunged x WHERE x.account_id = e.account_id AND x.email_id = e.email_id)
"""
_EMAILS = f"""
SELECT account_id, email_id, created_at < now() - $3::interval AND {_UNUSED_EMAIL}
FROM emails e WHERE (account_id, email_id) > ($1::bigint, $2::uuid) ORDER BY account_id, email_id LIMIT $4
"""  # noqa: S608 - constants only
# An email is made with its message in one transaction; it is copied only while its message is held, and given back only while its
# tombstone is, which stays. So one that no message and no tombstone refers to can never be referred to again.
_REMOVE_EMAILS = f"""
DELETE FROM emails e USING unnest($1::bigint[], $2::uuid[]) AS o(account_id, email_id)
WHERE e.account_id = o.account_id AND e.email_id = o.email_id AND {_UNUSED_EMAIL} RETURNING e.account_id, e.email_id
"""  # noqa: S608 - constants only
# A statement of its own: whoever indexes an email holds its row, so what it has written is seen now (see search_index.py).
_REMOVE_TEXTS = """
WITH gone AS (SELECT * FROM unnest($1::bigint[], $2::uuid[]) AS o(account_id, email_id)), pending AS (
    DELETE FROM search_pending p USING gone WHERE p.account_id = gone.account_id AND p.email_id = gone.email_id
)
DELETE FROM search_texts t USING gone WHERE t.account_id = gone.account_id AND t.email_id = gone.email_id
"""

_UNUSED_CONTENT = """
NOT EXISTS (SELECT FROM emails e WHERE e.tenant_id = c.tenant_id AND e.blob_id = c.blob_id)
AND NOT EXISTS (SELECT FROM queue_messages q WHERE q.tenant_id = c.tenant_id AND q.blob_id = c.blob_id)
"""
_CONTENTS = f"""
SELECT tenant_id, hash, referred_at < now() - $3::interval AND {_UNUSED_CONTENT}
FROM contents c WHERE (tenant_id, hash) > ($1::bigint, $2::bytea) ORDER BY tenant_id, hash LIMIT $4
"""  # noqa: S608 - constants only
_LOCK_CONTENTS = """
SELECT c.tenant_id, c.hash FROM contents c JOIN unnest($1::bigint[], $2::bytea[]) AS o(tenant_id, hash) USING (tenant_id, hash)
ORDER BY c.tenant_id, c.hash FOR UPDATE OF c SKIP LOCKED
"""
_FREE_CONTENTS = f"""
WITH gone AS (
    DELETE FROM contents c USING unnest($1::bigint[], $2::bytea[]) AS o(tenant_id, hash)
    WHERE c.tenant_id = o.tenant_id AND c.hash = o.hash AND {_UNUSED_CONTENT}
    RETURNING c.tenant_id, c.blob_id
), freed AS (
    DELETE FROM chunks k USING gone g WHERE k.tenant_id = g.tenant_id AND k.blob_id = g.blob_id
)
SELECT FROM gone
"""  # noqa: S608 - constants only

# Bodies that were staged for a delivery which never came. A blob's id says when it was made (UUID version 7).
_UNADOPTED = "NOT EXISTS (SELECT FROM contents c WHERE c.tenant_id = k.tenant_id AND c.blob_id = k.blob_id)"
_STAGED = f"""
SELECT tenant_id, blob_id, blob_id < $3::uuid AND {_UNADOPTED}
FROM chunks k WHERE (tenant_id, blob_id) > ($1::bigint, $2::uuid) AND number = 0 ORDER BY tenant_id, blob_id LIMIT $4
"""  # noqa: S608 - constants only
_REMOVE_STAGED = f"""
DELETE FROM chunks k USING unnest($1::bigint[], $2::uuid[]) AS o(tenant_id, blob_id)
WHERE k.tenant_id = o.tenant_id AND k.blob_id = o.blob_id AND {_UNADOPTED}
"""  # noqa: S608 - constants only

_SETTLED = """
WITH old AS (
    SELECT queue_id FROM queue_messages q WHERE queued_at < now() - $1::interval
      AND NOT EXISTS (SELECT FROM queue_recipients r WHERE r.queue_id = q.queue_id AND (r.settled_at IS NULL
                      OR r.settled_at >= now() - $1::interval))
    LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM queue_messages q USING old WHERE q.queue_id = old.queue_id
"""

_Key = tuple[int, UUID | bytes]
_FIRST_ID: _Key = (0, UUID(int=0))  # before the key of any row
_FIRST_HASH: _Key = (0, b"")


class Reclaim:
    """Each method works in short transactions until nothing is left to do, and returns how many rows it removed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tombstones(self, older_than: timedelta) -> int:
        """Purge tombstones past their retention, raising the floor from which VANISHED can be told exactly (RFC 7162).

        They are kept for `older_than`, unless their domain says for how long.
        """

        async def step(connection: Connection) -> int:
            await _plan_anew(connection)
            rows = await connection.fetch(_OLD_TOMBSTONES, older_than, STEP)
            accounts, mailboxes = [row["account_id"] for row in rows], [row["mailbox_id"] for row in rows]
            # Mailboxes come first (promise D7): deleting an account holds them and then removes tombstones.
            await connection.execute(_LOCK_MAILBOXES, accounts, mailboxes)
            return _rows(await connection.execute(_PURGE_TOMBSTONES, accounts, mailboxes, [row["uid"] for row in rows]))

        return await self._until_done("purge tombstones", step)

    async def emails(self, grace: timedelta) -> int:
        """Remove what ingest stored of messages that are neither in a mailbox nor among the tombstones."""

        async def remove(connection: Connection, keys: Sequence[_Key]) -> int:
            gone = await connection.fetch(_REMOVE_EMAILS, *_columns(keys))
            await connection.execute(_REMOVE_TEXTS, *_columns([(row["account_id"], row["email_id"]) for row in gone]))
            return len(gone)

        return await self._sweep("reclaim emails", _EMAILS, _FIRST_ID, grace, remove)

    async def contents(self, grace: timedelta) -> int:
        """Free contents that nothing has referred to for `grace`."""

        async def free(connection: Connection, keys: Sequence[_Key]) -> int:
            held = await connection.fetch(_LOCK_CONTENTS, *_columns(keys))
            return _rows(await connection.execute(_FREE_CONTENTS, *_columns([(row["tenant_id"], row["hash"]) for row in held])))

        return await self._sweep("reclaim contents", _CONTENTS, _FIRST_HASH, grace, free)

    async def staged(self, grace: timedelta) -> int:
        """Free bodies that were staged more than `grace` ago, which must be longer than any delivery takes, and never adopted."""
        row = await self._database.fetchrow("clock", "SELECT extract(epoch FROM now() - $1::interval)::float8 AS before", grace)
        before = UUID(int=int((row["before"] if row else 0.0) * 1000) << 80)

        async def remove(connection: Connection, keys: Sequence[_Key]) -> int:
            return _rows(await connection.execute(_REMOVE_STAGED, *_columns(keys)))

        return await self._sweep("reclaim staged", _STAGED, _FIRST_ID, before, remove)

    async def settled_queue(self, older_than: timedelta) -> int:
        """Forget messages whose last recipient was settled longer ago, with their attempts."""

        async def step(connection: Connection) -> int:
            await _plan_anew(connection)
            return _rows(await connection.execute(_SETTLED, older_than, STEP))

        return await self._until_done("purge queue", step)

    async def _until_done(self, what: str, step: Callable[[Connection], Awaitable[int]]) -> int:
        total = 0
        while removed := await self._database.transact(what, step):
            total += removed
        return total

    async def _sweep(
        self,
        what: str,
        sql: str,
        first: _Key,
        bound: timedelta | UUID,
        remove: Callable[[Connection, Sequence[_Key]], Awaitable[int]],
    ) -> int:
        """Look at all rows, a page at a time; `remove` judges those that seem orphaned once more."""
        total, after = 0, first
        while True:
            orphans, last = await self._look(what, sql, after, bound)
            for at in range(0, len(orphans), STEP):

                async def step(connection: Connection, keys: Sequence[_Key] = orphans[at : at + STEP]) -> int:
                    await _plan_anew(connection)
                    return await remove(connection, keys)

                total += await self._database.transact(what, step)
            if last is None:
                return total
            after = last

    async def _look(self, what: str, sql: str, after: _Key, bound: timedelta | UUID) -> tuple[list[_Key], _Key | None]:
        """What seems orphaned of the page behind `after`, and the last key of that page unless it is the last page."""

        async def look(connection: Connection) -> tuple[list[_Key], _Key | None]:
            await _plan_anew(connection)
            rows = await connection.fetch(sql, *after, bound, PAGE)
            last = (rows[-1][0], rows[-1][1]) if len(rows) == PAGE else None
            return [(owner, key) for owner, key, orphaned in rows if orphaned], last

        return await self._database.transact(what, look)


async def _plan_anew(connection: Connection) -> None:
    """A plan from when the tables were small, kept for a prepared statement, takes minutes once they are large."""
    await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")


def _columns(keys: Sequence[_Key]) -> tuple[list[int], list[UUID | bytes]]:
    return [owner for owner, _ in keys], [key for _, key in keys]


def _rows(tag: str) -> int:
    return int(tag.rpartition(" ")[2])

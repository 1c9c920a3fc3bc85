"""Requests that a client may send again: which are at work, and what those that were done are answered, for a while."""

from datetime import timedelta

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database

WORKING = timedelta(minutes=1)  # after that a replica that has not answered is taken for dead
KEPT = timedelta(days=1)
MAX_OF_CALLER = 10_000  # keys at a time
PURGED_AT_ONCE = 5_000

_CLAIM = """
INSERT INTO idempotency_keys AS k (caller, key, request, expires_at)
SELECT $1, $2, $3, now() + $4 WHERE (SELECT count(*) FROM (SELECT FROM idempotency_keys WHERE caller = $1 LIMIT $5) AS n) < $5
ON CONFLICT (caller, key) DO UPDATE SET request = excluded.request, answer = NULL, expires_at = excluded.expires_at
WHERE k.expires_at <= now() RETURNING true
"""
_PURGE = """
DELETE FROM idempotency_keys k USING (
    SELECT caller, key FROM idempotency_keys WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED
) AS old WHERE k.caller = old.caller AND k.key = old.key
"""

Answer = bytes
"""As the caller of this module made it."""


class IdempotencyKeys:
    """All raise Refused(UNAVAILABLE), besides what they name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, caller: str, key: str, request: bytes) -> Answer | None:
        """None when the request is now ours to do, else what it was answered; `request` is a hash that tells it from others.

        Raises Refused: IN_USE while another is at it, CONFLICT when the key was for another request, TOO_MANY.
        """
        for _ in range(2):  # what is found in the way may be gone a moment later
            if await self._database.fetchrow("claim request", _CLAIM, caller, key, request, WORKING, MAX_OF_CALLER):
                return None
            sql = "SELECT request, answer FROM idempotency_keys WHERE caller = $1 AND key = $2"
            found = await self._database.fetchrow("look for request", sql, caller, key)
            if found is None:
                continue
            if found["request"] != request:
                raise Refused(Failure.CONFLICT, f"{caller} used the key for another request")
            if found["answer"] is None:
                raise Refused(Failure.IN_USE, "the first request is at work")
            return bytes(found["answer"])
        raise Refused(Failure.TOO_MANY, f"{caller} has {MAX_OF_CALLER} idempotency keys")

    async def keep(self, caller: str, key: str, answer: Answer) -> None:
        sql = "UPDATE idempotency_keys SET answer = $3, expires_at = now() + $4 WHERE caller = $1 AND key = $2"
        await self._database.execute("keep answer", sql, caller, key, answer, KEPT)

    async def drop(self, caller: str, key: str) -> None:
        """It failed: it may be tried again."""
        sql = "DELETE FROM idempotency_keys WHERE caller = $1 AND key = $2 AND answer IS NULL"
        await self._database.execute("drop request", sql, caller, key)


async def purge_idempotency_keys(database: Database) -> int:
    """Remove those that have expired, in short transactions; how many."""
    total = 0
    while True:
        removed = await database.execute("purge idempotency keys", _PURGE, PURGED_AT_ONCE)
        total += removed
        if removed < PURGED_AT_ONCE:
            return total

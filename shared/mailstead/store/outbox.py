"""What must reach an outside receiver at least once: written in the transaction that makes it true, consumed by claim (D2, D3).

As in the queue, a claim moves `due_at` to the end of the lease and raises the fence: what a dead worker held becomes due again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mailstead.model.failure import Failure, Refused
from mailstead.model.ids import new_id
from mailstead.store.engine import Connection, Database

_PUT = """
INSERT INTO outbox (account_id, entry_id, topic, payload, due_at)
SELECT account_id, entry_id, topic, payload, now()
FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::bytea[]) AS e(account_id, entry_id, topic, payload)
"""

_CLAIM = """
WITH due AS (
    SELECT account_id, entry_id FROM outbox WHERE due_at <= now() ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE outbox o SET leased_by = $1, fence = o.fence + 1, attempts = o.attempts + 1, due_at = now() + $3::interval
FROM due d WHERE o.account_id = d.account_id AND o.entry_id = d.entry_id
RETURNING o.account_id, o.entry_id, o.topic, o.payload, o.attempts, o.fence
"""

_DONE = "DELETE FROM outbox WHERE account_id = $1 AND entry_id = $2 AND fence = $3"

_RETRY = """
UPDATE outbox SET leased_by = NULL, due_at = $4 WHERE account_id = $1 AND entry_id = $2 AND fence = $3
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A claimed entry; `attempts` counts this one too."""

    account_id: int
    entry_id: UUID
    topic: str
    payload: bytes
    attempts: int
    fence: int


async def put(connection: Connection, entries: Sequence[tuple[int, str, bytes]]) -> None:
    """Within the caller's transaction: (account, topic, payload) of each, due at once."""
    await connection.execute(
        _PUT,
        [account_id for account_id, _, _ in entries],
        [new_id() for _ in entries],
        [topic for _, topic, _ in entries],
        [payload for _, _, payload in entries],
    )


class Outbox:
    """The consumer's side. Entries come in the order in which they became due; one that is tried again lets others pass."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, worker: str, limit: int, lease: timedelta) -> list[Entry]:
        """At most `limit` due entries, ours until the lease ends."""
        return [Entry(*row) for row in await self._database.fetch("claim outbox", _CLAIM, worker, limit, lease)]

    async def done(self, entry: Entry) -> None:
        """The receiver has it. Raises Refused(CONFLICT) when the lease is no longer ours."""
        await self._settle(entry, _DONE)

    async def retry(self, entry: Entry, until: datetime) -> None:
        """Not before `until`. Raises Refused(CONFLICT) when the lease is no longer ours."""
        await self._settle(entry, _RETRY, until)

    async def _settle(self, entry: Entry, sql: str, *more: object) -> None:
        key = (entry.account_id, entry.entry_id, entry.fence)
        if not await self._database.execute("settle outbox", sql, *key, *more):
            raise Refused(Failure.CONFLICT, f"the lease on outbox entry {entry.entry_id} is no longer ours")

"""Pauses: mail for a destination, of a tenant, or of a tenant for a destination waits until somebody ends the pause.

What is there when a pause begins is held by it in chunks; what comes later is held by the claim that meets it (`queue.py`). Each
recipient is touched once, and what is held is no longer among what is due. A pause that has ended keeps its row until a job has
seen that nothing is held by it any more: so neither a process that dies in the middle nor a claim that runs at the same moment
can leave a recipient held for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database
from mailstead.store.queue_control import CHUNK, Position

FIRST: Position = (UUID(int=0), -1)  # before every recipient
ENDED_KEPT = timedelta(minutes=5)  # far longer than a claim may run

_COLUMNS = """pause_id, tenant_id, domain, reason, created_at,
    (SELECT count(*)::int FROM queue_recipients r WHERE r.state = 'held' AND r.pause_id = p.pause_id)"""

_CREATE = """
INSERT INTO queue_pauses (tenant_id, domain, reason) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, domain) WHERE ended_at IS NULL DO NOTHING RETURNING pause_id
"""

_HOLD = """
WITH found AS (
    SELECT r.queue_id, r.number FROM queue_recipients r JOIN queue_messages m USING (queue_id)
    WHERE r.state = 'waiting' AND r.asked IS NULL AND r.settled_at IS NULL AND ($2::text IS NULL OR r.domain = $2)
      AND ($1::bigint IS NULL OR m.tenant_id = $1) AND (r.queue_id, r.number) > ($5::uuid, $6::int)
    ORDER BY r.queue_id, r.number LIMIT $4 FOR UPDATE OF r
)
UPDATE queue_recipients r SET state = 'held', pause_id = $3 FROM found f
WHERE r.queue_id = f.queue_id AND r.number = f.number AND EXISTS (
    SELECT FROM queue_pauses WHERE pause_id = $3 AND ended_at IS NULL)
RETURNING r.queue_id, r.number
"""

# What somebody else holds at this moment is let go by the next look.
_LET_GO = """
WITH found AS (
    SELECT queue_id, number FROM queue_recipients WHERE state = 'held' AND pause_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE queue_recipients r SET state = 'waiting', pause_id = NULL FROM found f
WHERE r.queue_id = f.queue_id AND r.number = f.number
"""


@dataclass(frozen=True, slots=True)
class PauseRow:
    """A pause that lasts: `tenant_id` None is everybody's mail, `domain` None all destinations. `held` recipients so far."""

    pause_id: int
    tenant_id: int | None
    domain: str | None
    reason: str
    created_at: datetime
    held: int


class QueuePauses:
    """Each method works in short transactions. All raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant_id: int | None, domain: str | None, reason: str, limit: int) -> PauseRow:
        """From the return on no claim takes what it is about; `limit` or so of what is there is held now, the rest as it is met.

        Raises Refused(CONFLICT) where there is such a pause.
        """
        row = await self._database.fetchrow("create pause", _CREATE, tenant_id, domain, reason)
        if row is None:
            raise Refused(Failure.CONFLICT, f"paused already: tenant {tenant_id}, domain {domain}")
        held, last = 0, FIRST
        while held < limit:
            rows = await self._database.fetch("pause queue", _HOLD, tenant_id, domain, row["pause_id"], CHUNK, *last)
            held += len(rows)
            if len(rows) < CHUNK:
                break
            last = max((found["queue_id"], found["number"]) for found in rows)
        return await self.get(row["pause_id"])

    async def list(self, limit: int, after: int = 0, tenant_id: int | None = None) -> Sequence[PauseRow]:
        """In the order of their creation; of one tenant, its own only."""
        rows = await self._database.fetch(
            "list pauses",
            f"""SELECT {_COLUMNS} FROM queue_pauses p WHERE ended_at IS NULL AND pause_id > $1
                AND ($2::bigint IS NULL OR tenant_id = $2) ORDER BY pause_id LIMIT $3""",  # noqa: S608 - constants only
            after,
            tenant_id,
            limit,
        )
        return [PauseRow(*row) for row in rows]

    async def get(self, pause_id: int) -> PauseRow:
        """Raises Refused(NO_SUCH_ENTRY)."""
        row = await self._database.fetchrow(
            "get pause",
            f"SELECT {_COLUMNS} FROM queue_pauses p WHERE ended_at IS NULL AND pause_id = $1",  # noqa: S608 - constants only
            pause_id,
        )
        if row is None:
            raise Refused(Failure.NO_SUCH_ENTRY, f"no pause {pause_id}")
        return PauseRow(*row)

    async def end(self, pause_id: int, limit: int) -> int:
        """Let go what it holds: `limit` or so now, what is beyond that by `sweep`. How many. Raises Refused(NO_SUCH_ENTRY)."""
        ended = "UPDATE queue_pauses SET ended_at = now() WHERE pause_id = $1 AND ended_at IS NULL"
        if not await self._database.execute("end pause", ended, pause_id):
            raise Refused(Failure.NO_SUCH_ENTRY, f"no pause {pause_id}")
        return await self._let_go(pause_id, limit)

    async def sweep(self, kept: timedelta = ENDED_KEPT) -> int:
        """Let go what pauses that have ended still hold, and forget those that ended `kept` ago; how many recipients."""
        total = 0
        for row in await self._database.fetch("ended pauses", "SELECT pause_id FROM queue_pauses WHERE ended_at IS NOT NULL"):
            total += await self._let_go(row["pause_id"], None)
            await self._database.execute(
                "forget pause",
                """DELETE FROM queue_pauses p WHERE pause_id = $1 AND ended_at < now() - $2::interval
                   AND NOT EXISTS (SELECT FROM queue_recipients r WHERE r.state = 'held' AND r.pause_id = p.pause_id)""",
                row["pause_id"],
                kept,
            )
        return total

    async def _let_go(self, pause_id: int, limit: int | None) -> int:
        total = 0
        while limit is None or total < limit:
            count = await self._database.execute("let go", _LET_GO, pause_id, CHUNK)
            total += count
            if count < CHUNK:
                break
        return total

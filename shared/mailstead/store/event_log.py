"""Events as they are read: by page, or followed from a position on. Who reads is noted, so that events are written for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database

# Noted anew when half of the time has gone by: not by each reading.
_LISTEN = """
INSERT INTO event_readers (tenant_id, expires_at) VALUES ($1, now() + $2::interval)
ON CONFLICT (tenant_id) DO UPDATE SET expires_at = excluded.expires_at
WHERE event_readers.expires_at < now() + $2::interval / 2
"""
_LIST = """
SELECT position, event_id, tenant_id, type, at, data::text FROM outside_events
WHERE position > $1 AND ($3::bigint IS NULL OR tenant_id = $3) AND ($4::text[] = '{}' OR type = ANY($4))
ORDER BY position LIMIT $2
"""
_LAST = "SELECT max(position) AS last FROM outside_events"
_FORGET = "DELETE FROM event_readers WHERE expires_at < now()"


@dataclass(frozen=True, slots=True)
class EventRow:
    """`position` grows from event to event, with gaps."""

    position: int
    event_id: UUID
    tenant_id: int | None
    type: str
    at: datetime
    data: dict[str, Any]


class EventLog:
    """Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listen(self, tenant_id: int | None, lasts: timedelta) -> None:
        """Somebody reads the events of this tenant, or of all: they are written from now on. Raises Refused(NO_SUCH_TENANT)."""
        try:
            await self._database.execute("listen to events", _LISTEN, tenant_id, lasts)
        except Refused as refused:
            if isinstance(refused.__cause__, asyncpg.ForeignKeyViolationError):
                raise Refused(Failure.NO_SUCH_TENANT, f"no tenant {tenant_id}") from refused
            raise

    async def list(self, limit: int, after: int, tenant_id: int | None, types: Sequence[str] = ()) -> Sequence[EventRow]:
        """Oldest first, behind the position `after`; no `types`: all."""
        rows = await self._database.fetch("list events", _LIST, after, limit, tenant_id, list(types))
        return [
            EventRow(row["position"], row["event_id"], row["tenant_id"], row["type"], row["at"], orjson.loads(row["data"]))
            for row in rows
        ]

    async def last(self) -> int:
        """The position of the newest event; 0 where there is none."""
        row = await self._database.fetchrow("last event", _LAST)
        return (row["last"] if row else None) or 0


async def forget_event_readers(database: Database) -> int:
    """Those who have not read for long; how many."""
    return await database.execute("forget readers of events", _FORGET)

"""The log of what was sent to webhooks, for those who manage them: what became of each event, attempt by attempt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database

State = Literal["pending", "delivered", "failed"]
MAX_ATTEMPTS = 50  # of a delivery that are shown: the last ones

_LIST = """
SELECT d.position, e.event_id, e.type, e.at, d.state, d.attempts, CASE WHEN d.state = 'pending' THEN d.due_at END, d.settled_at,
       a.status, a.error
FROM webhook_deliveries d JOIN outside_events e USING (position)
LEFT JOIN LATERAL (SELECT status, error FROM webhook_attempts a WHERE a.webhook_id = d.webhook_id AND a.position = d.position
                   ORDER BY attempt DESC LIMIT 1) a ON true
WHERE d.webhook_id = $1 AND {} ORDER BY d.position DESC LIMIT $2
"""
_PAGE = _LIST.format("($3::bigint IS NULL OR d.position < $3) AND ($4::text IS NULL OR d.state = $4)")
_GET = _LIST.format("e.event_id = $3")
_ATTEMPTS = """
SELECT attempt, started_at, duration, status, error FROM webhook_attempts WHERE webhook_id = $1 AND position = $2
ORDER BY attempt DESC LIMIT $3
"""

# One that is being tried at this moment is left to that: its lease stays.
_AGAIN = """
UPDATE webhook_deliveries d
SET state = 'pending', settled_at = NULL, tries = 0, begun_at = now(),
    due_at = CASE WHEN d.state = 'pending' THEN d.due_at ELSE now() END
FROM outside_events e WHERE e.position = d.position AND d.webhook_id = $1 AND e.event_id = $2
"""

_RECOVER = """
WITH given_up AS (
    SELECT d.webhook_id, d.position FROM webhook_deliveries d JOIN outside_events e USING (position)
    WHERE d.webhook_id = $1 AND d.state = 'failed' AND e.at >= $2 ORDER BY d.position LIMIT $3 FOR UPDATE OF d SKIP LOCKED
)
UPDATE webhook_deliveries d SET state = 'pending', settled_at = NULL, tries = 0, begun_at = now(), due_at = now()
FROM given_up g WHERE d.webhook_id = g.webhook_id AND d.position = g.position
"""


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """`status` and `error` are those of the last attempt. `position` orders them: the last event has the highest."""

    position: int
    event_id: UUID
    type: str
    at: datetime
    state: State
    attempts: int
    due_at: datetime | None
    settled_at: datetime | None
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """`duration` in seconds; `error` None: it succeeded."""

    attempt: int
    started_at: datetime
    duration: float
    status: int | None
    error: str | None


class WebhookDeliveries:
    """Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, webhook_id: int, limit: int, before: int | None = None, state: State | None = None
    ) -> Sequence[DeliveryRow]:
        """Newest event first; `before` is the last position of the page before."""
        rows = await self._database.fetch("list webhook deliveries", _PAGE, webhook_id, limit, before, state)
        return [DeliveryRow(*row) for row in rows]

    async def get(self, webhook_id: int, event_id: UUID) -> tuple[DeliveryRow, Sequence[AttemptRow]]:
        """With its last attempts, newest first. Raises Refused(NO_SUCH_ENTRY)."""
        row = _one(event_id, await self._database.fetchrow("webhook delivery", _GET, webhook_id, 1, event_id))
        found = await self._database.fetch("webhook attempts", _ATTEMPTS, webhook_id, row.position, MAX_ATTEMPTS)
        return row, [AttemptRow(*attempt) for attempt in found]

    async def again(self, webhook_id: int, event_id: UUID) -> None:
        """Send it once more, whatever became of it, and try for as long as at first. Raises Refused(NO_SUCH_ENTRY)."""
        if not await self._database.execute("send again", _AGAIN, webhook_id, event_id):
            raise _missing(event_id)

    async def recover(self, webhook_id: int, since: datetime, limit: int) -> int:
        """Send again what came true since then and was given up, oldest first, `limit` at most; how many events."""
        return await self._database.execute("send again", _RECOVER, webhook_id, since, limit)


def _one(event_id: UUID, row: asyncpg.Record | None) -> DeliveryRow:
    if row is None:
        raise _missing(event_id)
    return DeliveryRow(*row)


def _missing(event_id: UUID) -> Refused:
    return Refused(Failure.NO_SUCH_ENTRY, f"event {event_id} was not for this webhook")

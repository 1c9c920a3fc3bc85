"""The queue and the attempts as people look at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mailstead.store.engine import Database

_LIST = """
SELECT m.queue_id, m.tenant_id, m.account_id, m.trace_id, m.sender, m.size, m.queued_at, m.expires_at,
       count(*) FILTER (WHERE r.state IN ('waiting', 'leased'))::int AS open, count(*)::int AS recipients
FROM queue_messages m JOIN queue_recipients r USING (queue_id)
WHERE ($1::uuid IS NULL OR m.queue_id < $1) AND ($3::bigint IS NULL OR m.tenant_id = $3)
GROUP BY m.queue_id ORDER BY m.queue_id DESC LIMIT $2
"""
_MESSAGE = """
SELECT m.queue_id, m.tenant_id, m.account_id, m.trace_id, m.sender, m.size, m.queued_at, m.expires_at,
       count(*) FILTER (WHERE r.state IN ('waiting', 'leased'))::int AS open, count(*)::int AS recipients
FROM queue_messages m JOIN queue_recipients r USING (queue_id) WHERE m.queue_id = $1 GROUP BY m.queue_id
"""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message that left or waits to leave; `open` of its `recipients` are not settled. Size in octets."""

    queue_id: UUID
    tenant_id: int
    account_id: int | None
    trace_id: str
    sender: str
    size: int
    queued_at: datetime
    expires_at: datetime
    open: int
    recipients: int


@dataclass(frozen=True, slots=True)
class RecipientState:
    """`state` is waiting, leased, delivered or failed; of a leased one `due_at` is when the lease ends."""

    number: int
    address: str
    state: str
    due_at: datetime
    attempts: int
    status: str | None
    reply: str | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try of one recipient (`number`); `duration` in seconds."""

    number: int
    attempt: int
    started_at: datetime
    duration: float
    outcome: str
    host: str
    address: str
    tls: str | None
    status: str
    reply: str


class QueueView:
    """Reads, each one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, limit: int, before: UUID | None = None, tenant_id: int | None = None) -> list[QueuedMessage]:
        """Newest first; `before` is the last id of the page before, `tenant_id` whose messages."""
        return [QueuedMessage(*row) for row in await self._database.fetch("list queue", _LIST, before, limit, tenant_id)]

    async def message(self, queue_id: UUID) -> QueuedMessage | None:
        row = await self._database.fetchrow("queue message", _MESSAGE, queue_id)
        return QueuedMessage(*row) if row else None

    async def recipients(self, queue_id: UUID) -> Sequence[RecipientState]:
        rows = await self._database.fetch(
            "queue recipients",
            """SELECT number, address, state, due_at, attempts, status, reply, settled_at FROM queue_recipients
               WHERE queue_id = $1 ORDER BY number""",
            queue_id,
        )
        return [RecipientState(*row) for row in rows]

    async def attempts(self, queue_id: UUID) -> Sequence[AttemptRow]:
        rows = await self._database.fetch(
            "queue attempts",
            """SELECT number, attempt, started_at, duration, outcome, host, address, tls, status, reply FROM queue_attempts
               WHERE queue_id = $1 ORDER BY number, attempt""",
            queue_id,
        )
        return [AttemptRow(*row) for row in rows]

"""The queue and the attempts as people look at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from mailstead.store.engine import Database
from mailstead.store.queue_filter import QueueFilter
from mailstead.store.schema import queue_messages, queue_recipients
from mailstead.store.statements import run

_R = queue_recipients.c
_SHOWN = [
    queue_messages.c[name]
    for name in ("queue_id", "tenant_id", "account_id", "trace_id", "sender", "size", "queued_at", "expires_at")
]


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message that left or waits to leave; `open` of its `recipients` are not settled, `held` of those wait for an operator.

    `due_at` is when the next one is tried, None where none is. Size in octets.
    """

    queue_id: UUID
    tenant_id: int
    account_id: int | None
    trace_id: str
    sender: str
    size: int
    queued_at: datetime
    expires_at: datetime
    open: int
    held: int
    recipients: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecipientState:
    """`state` is waiting, held, leased, delivered, failed or cancelled; of a leased one `due_at` is when the lease ends.

    `asked`: what becomes of a leased one unless it is delivered or refused now. `pause_id`: by what it is held.
    """

    number: int
    address: str
    state: str
    due_at: datetime
    attempts: int
    status: str | None
    reply: str | None
    settled_at: datetime | None
    asked: str | None
    pause_id: int | None


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
    bounce_class: str | None


class QueueView:
    """Reads, each one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, limit: int, before: UUID | None = None, wanted: QueueFilter | None = None) -> list[QueuedMessage]:
        """Newest first; `before` is the last id of the page before."""
        wanted = wanted or QueueFilter()
        found = select(*_SHOWN).where(*wanted.of_message())
        if before is not None:
            found = found.where(queue_messages.c.queue_id < before)
        if of_recipient := wanted.of_recipient():
            found = found.where(select(_R.queue_id).where(_R.queue_id == queue_messages.c.queue_id, *of_recipient).exists())
        messages = found.order_by(queue_messages.c.queue_id.desc()).limit(limit).cte("found").prefix_with("MATERIALIZED")
        still_open = _R.settled_at.is_(None)
        statement = (
            select(
                *messages.c,
                func.count().filter(still_open),
                func.count().filter(_R.state == "held"),
                func.count(),
                func.min(_R.due_at).filter(_R.state == "waiting"),
            )
            .join_from(messages, queue_recipients, _R.queue_id == messages.c.queue_id)
            .group_by(*messages.c)
            .order_by(messages.c.queue_id.desc())
        )
        async with self._database.connection("list queue") as connection:
            return [QueuedMessage(*row) for row in await run(connection, statement)]

    async def message(self, queue_id: UUID) -> QueuedMessage | None:
        found = await self.page(1, wanted=QueueFilter(queue_id=queue_id))
        return found[0] if found else None

    async def recipients(self, queue_id: UUID) -> Sequence[RecipientState]:
        rows = await self._database.fetch(
            "queue recipients",
            """SELECT number, address, state, due_at, attempts, status, reply, settled_at, asked, pause_id FROM queue_recipients
               WHERE queue_id = $1 ORDER BY number""",
            queue_id,
        )
        return [RecipientState(*row) for row in rows]

    async def attempts(self, queue_id: UUID) -> Sequence[AttemptRow]:
        rows = await self._database.fetch(
            "queue attempts",
            """SELECT number, attempt, started_at, duration, outcome, host, address, tls, status, reply, bounce_class
               FROM queue_attempts
               WHERE queue_id = $1 ORDER BY number, attempt""",
            queue_id,
        )
        return [AttemptRow(*row) for row in rows]

"""One message's whole life, by the trace id that all logs carry: where it was filed, what left, each attempt, what was reported.

Nothing is written for this: it is what the tables of mail and of the queue hold anyway, for as long as they hold it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mailstead.store.engine import Database

MAX_ROWS = 1000  # of each kind that are told of; a list with more members is looked at in the queue

# Whose copies lie where; those that were expunged, until their tombstones are purged.
_FILED = """
SELECT e.tenant_id, e.account_id, a.address, e.created_at, e.prefix, e.size, e.message_id, b.name, p.uid, p.removed_at, p.actor,
       p.reason
FROM emails e JOIN accounts a USING (account_id)
LEFT JOIN LATERAL (
    SELECT mailbox_id, uid, NULL::timestamptz AS removed_at, NULL AS actor, NULL AS reason FROM messages m
    WHERE m.account_id = e.account_id AND m.email_id = e.email_id
    UNION ALL SELECT mailbox_id, uid, expunged_at, actor, reason FROM expunged x
    WHERE x.account_id = e.account_id AND x.email_id = e.email_id
) AS p ON true
LEFT JOIN mailboxes b ON b.account_id = e.account_id AND b.mailbox_id = p.mailbox_id
WHERE e.trace_id = $1 AND ($2::bigint IS NULL OR e.tenant_id = $2)
ORDER BY e.created_at, e.account_id, p.mailbox_id, p.uid LIMIT $3
"""

_LEFT = """
SELECT queue_id, account_id, sender, queued_at, prefix, size FROM queue_messages
WHERE trace_id = $1 AND ($2::bigint IS NULL OR tenant_id = $2) ORDER BY queue_id LIMIT $3
"""

_RECIPIENTS = """
SELECT queue_id, number, address, state, due_at, settled_at FROM queue_recipients
WHERE queue_id = ANY($1::uuid[]) ORDER BY queue_id, number LIMIT $2
"""

_ATTEMPTS = """
SELECT a.queue_id, r.address, a.started_at, a.duration, a.outcome, a.host, a.address, a.tls, a.status, a.reply
FROM queue_attempts a JOIN queue_recipients r USING (queue_id, number)
WHERE queue_id = ANY($1::uuid[]) ORDER BY a.started_at, a.queue_id, a.number LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class Filed:
    """A copy in a mailbox of `address`; `prefix` is our header before it. Gone since `removed_at`, where that is not None.

    `mailbox` and `uid` are None where nothing is left but the mail itself, until that is reclaimed.
    """

    tenant_id: int
    account_id: int
    address: str
    filed_at: datetime
    prefix: bytes
    size: int
    message_id: str
    mailbox: str | None
    uid: int | None
    removed_at: datetime | None
    actor: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Left:
    """What was queued for other hosts."""

    queue_id: UUID
    account_id: int | None
    sender: str
    queued_at: datetime
    prefix: bytes
    size: int


@dataclass(frozen=True, slots=True)
class LeftFor:
    """One recipient elsewhere, as it is now."""

    queue_id: UUID
    number: int
    address: str
    state: str
    due_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt for one recipient; `duration` in seconds."""

    queue_id: UUID
    recipient: str
    started_at: datetime
    duration: float
    outcome: str
    host: str
    address: str
    tls: str | None
    status: str
    reply: str


@dataclass(frozen=True, slots=True)
class Journey:
    """All that is known of a trace id."""

    filed: Sequence[Filed]
    left: Sequence[Left]
    recipients: Sequence[LeftFor]
    tries: Sequence[Try]


async def find_journey(database: Database, trace_id: str, tenant_id: int | None = None) -> Journey:
    """Of one tenant, its own part of it. Raises Refused(UNAVAILABLE)."""
    filed = await database.fetch("journey filed", _FILED, trace_id, tenant_id, MAX_ROWS)
    left = await database.fetch("journey left", _LEFT, trace_id, tenant_id, MAX_ROWS)
    queue_ids = [row["queue_id"] for row in left]
    recipients = await database.fetch("journey recipients", _RECIPIENTS, queue_ids, MAX_ROWS) if queue_ids else []
    tries = await database.fetch("journey attempts", _ATTEMPTS, queue_ids, MAX_ROWS) if queue_ids else []
    return Journey(
        [Filed(*row) for row in filed],
        [Left(*row) for row in left],
        [LeftFor(*row) for row in recipients],
        [Try(*row) for row in tries],
    )

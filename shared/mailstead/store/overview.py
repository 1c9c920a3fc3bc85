"""How a mail host fares, counted: what came and what left by the hour, what waits, what is held and by whom.

These statements look at much: at the mail of the hours that are asked for, at the open queue, at each mailbox's counters. Whoever
asks often keeps the answer for a while.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailstead.store.engine import Database

NEARLY_FULL = 0.9  # of a quota
SHOWN = 10  # accounts and domains that are named

_FILED = """
SELECT date_bin('1 hour', created_at, 'epoch'::timestamptz) AS hour, count(*) FROM emails
WHERE created_at >= $1 AND ($2::bigint IS NULL OR tenant_id = $2) GROUP BY hour
"""
_SENT = """
SELECT date_bin('1 hour', m.queued_at, 'epoch'::timestamptz) AS hour, count(*) FILTER (WHERE r.state = 'delivered'),
       count(*) FILTER (WHERE r.settled_at IS NULL), count(*) FILTER (WHERE r.state = 'failed')
FROM queue_messages m JOIN queue_recipients r USING (queue_id)
WHERE m.queued_at >= $1 AND ($2::bigint IS NULL OR m.tenant_id = $2) GROUP BY hour
"""
_WAITING = """
SELECT count(*), count(*) FILTER (WHERE r.attempts > 0), min(m.queued_at)
FROM queue_recipients r JOIN queue_messages m USING (queue_id)
WHERE r.state IN ('waiting', 'held', 'leased') AND ($1::bigint IS NULL OR m.tenant_id = $1)
"""
_HELD = """
WITH held AS (
    SELECT a.account_id, a.address, a.active, a.quota_bytes,
           coalesce(sum(b.size), 0)::bigint AS used, coalesce(sum(b.messages), 0)::bigint AS messages
    FROM accounts a LEFT JOIN mailboxes b USING (account_id)
    WHERE ($1::bigint IS NULL OR a.tenant_id = $1) AND a.deleted_at IS NULL GROUP BY a.account_id
)
"""
_STORED = (
    _HELD
    + """
SELECT count(*), count(*) FILTER (WHERE NOT active), coalesce(sum(used), 0)::bigint, coalesce(sum(messages), 0)::bigint FROM held
"""
)
_FULL = (
    _HELD
    + """
SELECT account_id, address, used, quota_bytes FROM held
WHERE quota_bytes > 0 AND used >= quota_bytes * $2::float8 ORDER BY used::float8 / quota_bytes DESC, address LIMIT $3
"""
)
_DOMAINS = """
SELECT count(*), count(*) FILTER (WHERE NOT active),
       (array_agg(name ORDER BY name) FILTER (WHERE NOT active))[:$2]
FROM domains WHERE ($1::bigint IS NULL OR tenant_id = $1) AND deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Hour:
    """`filed`: messages that came into mailboxes. The others count recipients of what was queued in it, by what they are now."""

    start: datetime
    filed: int = 0
    delivered: int = 0
    waiting: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class FullAccount:
    """One that holds most of what it may; octets."""

    account_id: int
    address: str
    used_bytes: int
    quota_bytes: int


@dataclass(frozen=True, slots=True)
class Overview:
    """`waiting` recipients, of whom `retried` were tried in vain; `oldest` is when the first of their messages was queued."""

    as_of: datetime
    hours: Sequence[Hour]
    waiting: int
    retried: int
    oldest: datetime | None
    accounts: int
    suspended_accounts: int
    used_bytes: int
    messages: int
    full_accounts: Sequence[FullAccount]
    domains: int
    suspended_domains: int
    suspended_names: Sequence[str]


async def count_overview(database: Database, hours: int, tenant_id: int | None) -> Overview:
    """Of the last `hours`, the one that runs included; of one tenant, or of all. Raises Refused(UNAVAILABLE)."""
    now = datetime.now(UTC)
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours - 1)
    filed, sent, (waiting,), (stored,), full, (domains,) = await asyncio.gather(
        database.fetch("mail filed by the hour", _FILED, first, tenant_id),
        database.fetch("mail queued by the hour", _SENT, first, tenant_id),
        database.fetch("queue in numbers", _WAITING, tenant_id),
        database.fetch("storage in numbers", _STORED, tenant_id),
        database.fetch("accounts nearly full", _FULL, tenant_id, NEARLY_FULL, SHOWN),
        database.fetch("domains in numbers", _DOMAINS, tenant_id, SHOWN),
    )
    came, left = dict(map(tuple, filed)), {row[0]: tuple(row)[1:] for row in sent}
    starts = [first + timedelta(hours=number) for number in range(hours)]
    return Overview(
        as_of=now,
        hours=[Hour(start, came.get(start, 0), *left.get(start, (0, 0, 0))) for start in starts],
        waiting=waiting[0],
        retried=waiting[1],
        oldest=waiting[2],
        accounts=stored[0],
        suspended_accounts=stored[1],
        used_bytes=stored[2],
        messages=stored[3],
        full_accounts=[FullAccount(*row) for row in full],
        domains=domains[0],
        suspended_domains=domains[1],
        suspended_names=domains[2] or (),
    )

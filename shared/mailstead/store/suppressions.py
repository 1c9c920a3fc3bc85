"""Addresses that a tenant does not write to again: their mailbox is gone, their owner complained, or somebody put them there.

They are looked up by the claim that would try them (`queue.py`): one index probe for each recipient, no round trip. A recipient
on the list fails untried, and the sender is told; at submission it is refused in the first place. A hard bounce is listed by the
transaction that settles it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mailstead.events.outside import MessageComplained
from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Connection, Database
from mailstead.store.outbox import HOUSE, wanted

PURGED_AT_ONCE = 1000
MAX_ADDRESS = 1000  # characters
MAX_DETAIL = 500

Reason = Literal["bounce", "complaint", "manual"]

_COLUMNS = "suppression_id, tenant_id, address, reason, detail, trace_id, created_at, expires_at"

# What somebody put there, or lasts longer, is not shortened by a bounce.
_NOTE = """
INSERT INTO suppressions (tenant_id, address, reason, detail, trace_id, expires_at)
SELECT $1, lower(address), $2, detail, $3, now() + $4::interval FROM unnest($5::text[], $6::text[]) AS b(address, detail)
ON CONFLICT (tenant_id, address) DO UPDATE
SET reason = excluded.reason, detail = excluded.detail, trace_id = excluded.trace_id, created_at = now(),
    expires_at = excluded.expires_at
WHERE suppressions.expires_at < excluded.expires_at
"""

# A report that does not say who complains is about the one recipient, where there is one.
_COMPLAIN = f"""
WITH candidates AS (
    SELECT DISTINCT m.tenant_id, lower(r.address) AS address, m.trace_id
    FROM queue_messages m JOIN queue_recipients r USING (queue_id) WHERE m.trace_id = ANY($1::text[]) AND m.sender <> ''
), meant AS (
    SELECT DISTINCT ON (tenant_id, address) tenant_id, address, trace_id FROM candidates
    WHERE address = ANY($2::text[]) OR (SELECT count(*) FROM candidates) = 1
    ORDER BY tenant_id, address
), told AS (
    INSERT INTO outbox (account_id, event_id, tenant_id, type, data)
    SELECT {HOUSE}, gen_random_uuid(), tenant_id, '{MessageComplained.type}',
           jsonb_build_object('trace_id', trace_id, 'recipient', address, 'detail', $3::text)
    FROM meant WHERE {wanted("meant.tenant_id", f"'{MessageComplained.type}'")}
)
INSERT INTO suppressions (tenant_id, address, reason, detail, trace_id, expires_at)
SELECT tenant_id, address, 'complaint', $3, trace_id, now() + $4::interval FROM meant
ORDER BY tenant_id, address
ON CONFLICT (tenant_id, address) DO UPDATE
SET reason = excluded.reason, detail = excluded.detail, trace_id = excluded.trace_id, created_at = now(),
    expires_at = excluded.expires_at
WHERE suppressions.expires_at < excluded.expires_at
"""  # noqa: S608 - constants only

_ADD = f"""
INSERT INTO suppressions (tenant_id, address, reason, detail, expires_at)
SELECT tenant_id, lower($2), 'manual', $3, $4 FROM tenants WHERE tenant_id = $1
ON CONFLICT (tenant_id, address) DO UPDATE
SET reason = excluded.reason, detail = excluded.detail, trace_id = NULL, created_at = now(), expires_at = excluded.expires_at
RETURNING {_COLUMNS}
"""  # noqa: S608 - constants only

_LIST = f"""
SELECT {_COLUMNS} FROM suppressions
WHERE suppression_id > $1 AND ($3::bigint IS NULL OR tenant_id = $3) AND ($4::text IS NULL OR address = lower($4))
  AND ($5::text IS NULL OR reason = $5) AND (expires_at IS NULL OR expires_at > now())
ORDER BY suppression_id LIMIT $2
"""  # noqa: S608 - constants only

_PURGE = """
WITH old AS (SELECT tenant_id, address FROM suppressions WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)
DELETE FROM suppressions s USING old WHERE s.tenant_id = old.tenant_id AND s.address = old.address
"""


@dataclass(frozen=True, slots=True)
class SuppressionRow:
    """`trace_id` is of the message that it comes from; `expires_at` None lasts."""

    suppression_id: int
    tenant_id: int
    address: str
    reason: Reason
    detail: str
    trace_id: str | None
    created_at: datetime
    expires_at: datetime | None


async def note(
    connection: Connection, tenant_id: int, reason: Reason, trace_id: str, lasts: timedelta, found: dict[str, str]
) -> None:
    """Within the caller's transaction: list these addresses, each with what was said about it."""
    addresses = sorted(found, key=str.lower)  # one order for all: no deadlock
    once = {address.lower(): found[address] for address in addresses}
    await connection.execute(_NOTE, tenant_id, reason, trace_id, lasts, list(once), list(once.values()))


class Complaints:
    """What reports of recipients do to the list. Raises Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, trace_ids: Sequence[str], recipients: Sequence[str], detail: str, lasts: timedelta) -> int:
        """List those of `recipients` to whom a message with one of these trace ids left; how many."""
        wanted = [_text(recipient, MAX_ADDRESS).lower() for recipient in recipients]
        return await self._database.execute(
            "note complaint", _COMPLAIN, list(trace_ids), wanted, _text(detail, MAX_DETAIL), lasts
        )


class Suppressions:
    """Each method is one statement. All raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tenant_id: int, address: str, detail: str, expires_at: datetime | None) -> SuppressionRow:
        """In place of what was listed of it. Raises Refused(NO_SUCH_TENANT)."""
        row = await self._database.fetchrow("add suppression", _ADD, tenant_id, address, detail, expires_at)
        if row is None:
            raise Refused(Failure.NO_SUCH_TENANT, f"no tenant {tenant_id}")
        return SuppressionRow(*row)

    async def list(
        self,
        limit: int,
        after: int = 0,
        tenant_id: int | None = None,
        address: str | None = None,
        reason: Reason | None = None,
    ) -> Sequence[SuppressionRow]:
        """In the order in which the addresses were first listed, without those that have expired."""
        rows = await self._database.fetch("list suppressions", _LIST, after, limit, tenant_id, address, reason)
        return [SuppressionRow(*row) for row in rows]

    async def get(self, suppression_id: int) -> SuppressionRow:
        """Raises Refused(NO_SUCH_ENTRY)."""
        row = await self._database.fetchrow(
            "get suppression",
            f"SELECT {_COLUMNS} FROM suppressions WHERE suppression_id = $1",  # noqa: S608 - constants only
            suppression_id,
        )
        if row is None:
            raise _missing(suppression_id)
        return SuppressionRow(*row)

    async def remove(self, suppression_id: int) -> None:
        """Raises Refused(NO_SUCH_ENTRY)."""
        sql = "DELETE FROM suppressions WHERE suppression_id = $1"
        if not await self._database.execute("remove suppression", sql, suppression_id):
            raise _missing(suppression_id)


async def purge_suppressions(database: Database) -> int:
    """Remove those that have expired, in short transactions; how many."""
    total = 0
    while True:
        removed = await database.execute("purge suppressions", _PURGE, PURGED_AT_ONCE)
        total += removed
        if removed < PURGED_AT_ONCE:
            return total


def _text(text: str, limit: int) -> str:
    """What PostgreSQL's text can hold of a string from outside."""
    return text[:limit].replace("\0", "").encode(errors="replace").decode()


def _missing(suppression_id: int) -> Refused:
    return Refused(Failure.NO_SUCH_ENTRY, f"no suppression {suppression_id}")

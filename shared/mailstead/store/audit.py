"""The audit log: who asked for what, written before it is carried out, and what came of it. Nothing in it is ever changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from mailstead.model.ids import new_id
from mailstead.store.engine import Database

PURGED_AT_ONCE = 5_000

_LIST = """
SELECT e.entry_id, e.at, coalesce(e.tenant_id, o.tenant_id), e.actor, e.action, e.target, e.trace_id, o.status, o.before::text,
       o.after::text
FROM audit_entries e LEFT JOIN audit_outcomes o USING (entry_id)
WHERE ($1::uuid IS NULL OR e.entry_id < $1) AND ($3::bigint IS NULL OR coalesce(e.tenant_id, o.tenant_id) = $3)
  AND ($4::text IS NULL OR e.actor = $4) AND ($5::text IS NULL OR e.action = $5)
  AND ($6::text IS NULL OR starts_with(e.target, $6))
  AND ($7::timestamptz IS NULL OR e.at >= $7) AND ($8::timestamptz IS NULL OR e.at < $8)
ORDER BY e.entry_id DESC LIMIT $2
"""
_PURGE = """
DELETE FROM audit_entries WHERE entry_id IN (SELECT entry_id FROM audit_entries WHERE at < now() - $1::interval LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """`status` is that of the answer; None where the replica died before it had any. `before` and `after` without secrets."""

    entry_id: UUID
    at: datetime
    tenant_id: int | None
    actor: str
    action: str
    target: str
    trace_id: str
    status: int | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """All that are not None must hold. `target`: how the path begins."""

    tenant_id: int | None = None
    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Audit:
    """Each method is one statement. Raises Refused(UNAVAILABLE) only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def asked(self, tenant_id: int | None, actor: str, action: str, target: str, trace_id: str) -> UUID:
        """Somebody is about to change something; the id of the entry."""
        entry_id = new_id()
        sql = """INSERT INTO audit_entries (entry_id, tenant_id, actor, action, target, trace_id)
                 VALUES ($1, $2, $3, $4, $5, $6)"""
        await self._database.execute("audit", sql, entry_id, tenant_id, actor, action, target, trace_id)
        return entry_id

    async def answered(
        self, entry_id: UUID, status: int, tenant_id: int | None, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        """What came of it."""
        sql = """INSERT INTO audit_outcomes (entry_id, status, tenant_id, before, after)
                 VALUES ($1, $2, $3, $4::text::jsonb, $5::text::jsonb)"""
        await self._database.execute("audit outcome", sql, entry_id, status, tenant_id, _json(before), _json(after))

    async def list(self, limit: int, before: UUID | None, wanted: AuditFilter) -> Sequence[AuditRow]:
        """Newest first; `before` is the last id of the page before."""
        rows = await self._database.fetch(
            "list audit log",
            _LIST,
            before,
            limit,
            wanted.tenant_id,
            wanted.actor,
            wanted.action,
            wanted.target,
            wanted.since,
            wanted.until,
        )
        return [_row(*row) for row in rows]


async def purge_audit(database: Database, age: timedelta) -> int:
    """Remove entries that are older, in short transactions; how many."""
    total = 0
    while True:
        removed = await database.execute("purge audit log", _PURGE, age, PURGED_AT_ONCE)
        total += removed
        if removed < PURGED_AT_ONCE:
            return total


def _row(
    entry_id: UUID,
    at: datetime,
    tenant_id: int | None,
    actor: str,
    action: str,
    target: str,
    trace_id: str,
    status: int | None,
    before: str | None,
    after: str | None,
) -> AuditRow:
    return AuditRow(entry_id, at, tenant_id, actor, action, target, trace_id, status, _parsed(before), _parsed(after))


def _json(value: dict[str, Any] | None) -> str | None:
    """PostgreSQL's JSON holds no NUL."""
    return None if value is None else orjson.dumps(value).decode().replace("\\u0000", "\\ufffd")


def _parsed(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    found: dict[str, Any] = orjson.loads(text)
    return found

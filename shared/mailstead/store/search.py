"""Searching a mailbox: one SQL condition over what ingest and the index have stored; the rest is read, so answers are exact.

Messages that the index does not hold are read first, once for all text that is asked for, and those that match stand in the SQL
as UIDs. Which those are is looked up before all else: what is indexed in between is found twice, and counts once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database
from mailstead.store.query import Order, Query, SortKey
from mailstead.store.search_condition import (
    EMAIL,
    Condition,
    Hits,
    addresses_few,
    is_kept,
    only_folded,
    text_leaves,
    widened,
)
from mailstead.store.search_scan import Progress, Scan

_FOUND = "FROM messages m {email} WHERE m.account_id = $1 AND m.mailbox_id = $2 AND {matches}"
_MATCHING = f"SELECT array_agg(m.uid ORDER BY m.uid) {_FOUND}"
_SORTED = f"SELECT array_agg(m.uid ORDER BY {{columns}}, m.uid) {_FOUND.replace('{', '{{').replace('}', '}}')}"
_THREADABLE = f"""
SELECT m.uid, e.message_id, e.ancestors, e.sort_keys[1], e.is_reply, coalesce(e.sent_at, m.internal_date)
{_FOUND.replace("{", "{{").replace("}", "}}")} ORDER BY m.uid LIMIT {{most}}
"""
# From the few emails that are not indexed to their messages, row by row.
_UNINDEXED = """
SELECT array_agg(m.uid ORDER BY m.uid) FROM (
    SELECT email_id FROM search_pending WHERE account_id = $1
    UNION ALL SELECT email_id FROM search_texts WHERE account_id = $1 AND NOT complete
) AS u CROSS JOIN LATERAL (
    SELECT * FROM messages WHERE account_id = $1 AND email_id = u.email_id OFFSET 0
) AS m {email} WHERE m.mailbox_id = $2 AND {matches}
"""

# Keys compare by code point, which is what their collation wants (`wire.collation`); a Date that says nothing is INTERNALDATE's.
_ORDERS = {
    SortKey.ARRIVAL: "m.internal_date",
    SortKey.DATE: "coalesce(e.sent_at, m.internal_date)",
    SortKey.SIZE: "m.size",
    **{
        key: f'e.sort_keys[{number}] COLLATE "C"'
        for number, key in enumerate(
            (SortKey.SUBJECT, SortKey.FROM, SortKey.TO, SortKey.CC, SortKey.DISPLAYFROM, SortKey.DISPLAYTO), 1
        )
    },
}

# Which index is best depends on what is looked for. Long texts lie apart from their rows, so that PostgreSQL takes reading all of
# them for cheap.
_PLAN_ANEW = "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = off"


@dataclass(frozen=True, slots=True)
class Effort:
    """What a search may cost: octets of messages that it reads because no index answers; and who hears how far it is."""

    octets: int | None = None
    progress: Progress | None = None


ANY_EFFORT = Effort()


@dataclass(frozen=True, slots=True)
class Threadable:
    """What THREAD needs of a message (RFC 5256 §3). `sent_at` may be INTERNALDATE; `ancestors` end with the nearest."""

    uid: int
    message_id: str
    ancestors: Sequence[str]
    base_subject: str
    is_reply: bool
    sent_at: datetime


class Search:
    """Raises Refused: TOO_LARGE when an answer would take more than the effort allowed, UNAVAILABLE."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def matching(self, account_id: int, mailbox_id: int, query: Query, effort: Effort = ANY_EFFORT) -> list[int]:
        """UIDs that match, ascending. One reading statement, or two where text is asked for; more while messages must be read."""
        hits = await self._scanned(account_id, mailbox_id, query, effort)
        return await self._uids(_MATCHING, account_id, mailbox_id, query, hits)

    async def sorted(
        self, account_id: int, mailbox_id: int, query: Query, order: Sequence[Order], effort: Effort = ANY_EFFORT
    ) -> list[int]:
        """UIDs that match, by `order` (RFC 5256 §3); PostgreSQL sorts. Statements as for `matching`."""
        hits = await self._scanned(account_id, mailbox_id, query, effort)
        columns = ", ".join(_ORDERS[criterion.key] + (" DESC" if criterion.backwards else "") for criterion in order)
        needs_email = any("e." in _ORDERS[criterion.key] for criterion in order)
        return await self._uids(_SORTED.format(columns=columns), account_id, mailbox_id, query, hits, needs_email=needs_email)

    async def threadable(
        self, account_id: int, mailbox_id: int, query: Query, most: int, effort: Effort = ANY_EFFORT
    ) -> list[Threadable]:
        """What matches, ascending by UID. Raises Refused(TOO_MANY) for more than `most` messages."""
        hits = await self._scanned(account_id, mailbox_id, query, effort)
        rows = await self._rows(_THREADABLE.format(most=most + 1), account_id, mailbox_id, query, hits, needs_email=True)
        if len(rows) > most:
            raise Refused(Failure.TOO_MANY, f"more than {most} messages to thread")
        return [Threadable(*row) for row in rows]

    async def _scanned(self, account_id: int, mailbox_id: int, query: Query, effort: Effort) -> Hits:
        """What only reading can tell."""
        hits: Hits = {leaf: [] for leaf in text_leaves(query)}
        if not hits:
            return hits
        if all(map(is_kept, hits)):
            untold = "AND e.folded IS NULL" if only_folded(hits) else ""
            uids = await self._uids(_UNINDEXED, account_id, mailbox_id, widened(query), {}, untold, needs_email=bool(untold))
        else:
            uids = await self._uids(_MATCHING, account_id, mailbox_id, widened(query), {})
        if uids:
            await Scan(self._database, account_id, mailbox_id, effort.octets, effort.progress).run(uids, hits)
        return hits

    async def _uids(
        self,
        sql: str,
        account_id: int,
        mailbox_id: int,
        query: Query,
        hits: Hits,
        also: str = "",
        *,
        needs_email: bool = False,
    ) -> list[int]:
        """Of a statement that gives them as one array, which costs a fraction of as many rows."""
        rows = await self._rows(sql, account_id, mailbox_id, query, hits, also, needs_email=needs_email)
        return list(rows[0][0] or ())

    async def _rows(
        self, sql: str, account_id: int, mailbox_id: int, query: Query, hits: Hits, also: str = "", *, needs_email: bool
    ) -> Sequence[asyncpg.Record]:
        condition = Condition([account_id, mailbox_id], hits, few=addresses_few(query))
        matches = f"{condition.of(query)} {also}"
        text = sql.replace("{email}", EMAIL if condition.asks_email or needs_email else "").replace("{matches}", matches)
        if not text_leaves(query) and sql is not _UNINDEXED:
            return await self._database.fetch("search", text, *condition.arguments)
        async with self._database.transaction("search text") as connection:
            await connection.execute(_PLAN_ANEW)
            rows: Sequence[asyncpg.Record] = await connection.fetch(text, *condition.arguments)
            return rows

"""Searching a mailbox: one SQL condition over what ingest and the index have stored; the rest is read, so answers are exact.

Messages that the index does not hold are read first, once for all text that is asked for, and those that match stand in the SQL
as UIDs. Which those are is looked up before all else: what is indexed in between is found twice, and counts once.
"""

from dataclasses import dataclass

from mailstead.store.engine import Database
from mailstead.store.query import Query
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

_MATCHING = "SELECT m.uid FROM messages m {email} WHERE m.account_id = $1 AND m.mailbox_id = $2 AND {matches} ORDER BY m.uid"
# From the few emails that are not indexed to their messages, row by row.
_UNINDEXED = """
SELECT m.uid FROM (
    SELECT email_id FROM search_pending WHERE account_id = $1
    UNION ALL SELECT email_id FROM search_texts WHERE account_id = $1 AND NOT complete
) AS u CROSS JOIN LATERAL (
    SELECT * FROM messages WHERE account_id = $1 AND email_id = u.email_id OFFSET 0
) AS m {email} WHERE m.mailbox_id = $2 AND {matches} ORDER BY m.uid
"""

# Long texts lie apart from their rows, so that PostgreSQL takes reading all of them for cheap.
_NEVER_END_TO_END = "SET LOCAL enable_seqscan = off"


@dataclass(frozen=True, slots=True)
class Effort:
    """What a search may cost: octets of messages that it reads because no index answers; and who hears how far it is."""

    octets: int | None = None
    progress: Progress | None = None


ANY_EFFORT = Effort()


class Search:
    """Raises Refused: TOO_LARGE when an answer would take more than the effort allowed, UNAVAILABLE."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def matching(self, account_id: int, mailbox_id: int, query: Query, effort: Effort = ANY_EFFORT) -> list[int]:
        """UIDs that match, ascending. One reading statement, or two where text is asked for; more while messages must be read."""
        hits = await self._scanned(account_id, mailbox_id, query, effort)
        return await self._select(_MATCHING, account_id, mailbox_id, query, hits)

    async def _scanned(self, account_id: int, mailbox_id: int, query: Query, effort: Effort) -> Hits:
        """What only reading can tell."""
        hits: Hits = {leaf: [] for leaf in text_leaves(query)}
        if not hits:
            return hits
        if all(map(is_kept, hits)):
            untold = "AND e.folded IS NULL" if only_folded(hits) else ""
            uids = await self._select(_UNINDEXED, account_id, mailbox_id, widened(query), {}, untold)
        else:
            uids = await self._select(_MATCHING, account_id, mailbox_id, widened(query), {})
        if uids:
            await Scan(self._database, account_id, mailbox_id, effort.octets, effort.progress).run(uids, hits)
        return hits

    async def _select(self, sql: str, account_id: int, mailbox_id: int, query: Query, hits: Hits, further: str = "") -> list[int]:
        condition = Condition([account_id, mailbox_id], hits, few=addresses_few(query))
        matches = f"{condition.of(query)} {further}"
        email = EMAIL if condition.asks_email or further else ""
        text = sql.format(email=email, matches=matches)
        if not text_leaves(query) and sql is not _UNINDEXED:
            rows = await self._database.fetch("search", text, *condition.arguments)
        else:
            async with self._database.transaction("search text") as connection:
                await connection.execute(_NEVER_END_TO_END)
                rows = await connection.fetch(text, *condition.arguments)
        return [row[0] for row in rows]

"""Who is served next: destinations by turns, the tenants that write to one by turns, and of a tenant who is urgent, then who is
oldest.

What waits forms lanes: one for each destination, tenant and urgency. A claim walks some of them, from where the last one ended,
by one index probe each; it looks besides at what is due longest, so that a queue in which little is due is not walked through for
it. From each lane it takes no more than its destination has places for. So what a claim reads is bounded by the lanes that it
walks, however long they are, and neither ten thousand messages of one tenant nor those for the dead are in the way of others.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg

from mailstead.store.content import Source
from mailstead.store.delivery import Notify
from mailstead.store.engine import Database
from mailstead.store.queued import Asked, Leased, QueuedRecipient

LANES = 200  # that one statement walks

# Heads are compared as rows so that no other index than that of the lanes is thought fit, whatever statistics say.
# One lease takes the due recipients of one message that share a domain; what others hold is skipped.
# Who is less urgent counts as that much younger: behind what came later, but not for ever.
# What is paused, or was to be held, is put aside in passing and is no longer in the way of the next claim; the table of pauses is
# all but always empty.
_CLAIM = """
WITH RECURSIVE walk AS (
    SELECT * FROM (
        SELECT domain, tenant_id, urgency, 1 AS step FROM queue_recipients
        WHERE state IN ('waiting', 'leased') AND (domain, tenant_id, urgency) > ($6, $7, $8)
        ORDER BY domain, tenant_id, urgency LIMIT 1
    ) AS first
    UNION ALL
    SELECT n.domain, n.tenant_id, n.urgency, w.step + 1 FROM walk w CROSS JOIN LATERAL (
        SELECT domain, tenant_id, urgency FROM queue_recipients
        WHERE state IN ('waiting', 'leased') AND (domain, tenant_id, urgency) > (w.domain, w.tenant_id, w.urgency)
        ORDER BY domain, tenant_id, urgency LIMIT 1
    ) AS n WHERE w.step < $9
), room AS MATERIALIZED (
    SELECT * FROM unnest($4::text[], $5::int[]) AS r(domain, places)
), lanes AS MATERIALIZED (
    SELECT l.domain, l.tenant_id, l.urgency, coalesce(r.places, $10) AS places FROM (
        SELECT domain, tenant_id, urgency FROM walk
        UNION SELECT * FROM (
            SELECT domain, tenant_id, urgency FROM queue_recipients
            WHERE state IN ('waiting', 'leased') AND due_at <= now() ORDER BY due_at LIMIT $2
        ) AS oldest
    ) AS l LEFT JOIN room r USING (domain) WHERE coalesce(r.places, $10) > 0
), heads AS MATERIALIZED (
    SELECT l.domain, l.tenant_id, l.places, h.queue_id, h.due_at + l.urgency * $11::interval AS counts_from
    FROM lanes l CROSS JOIN LATERAL (
        SELECT queue_id, due_at FROM queue_recipients r
        WHERE r.state IN ('waiting', 'leased')
              AND (r.domain, r.tenant_id, r.urgency, r.due_at) >= (l.domain, l.tenant_id, l.urgency, '-infinity'::timestamptz)
              AND (r.domain, r.tenant_id, r.urgency, r.due_at) <= (l.domain, l.tenant_id, l.urgency, now())
        ORDER BY r.domain, r.tenant_id, r.urgency, r.due_at LIMIT l.places FOR UPDATE SKIP LOCKED
    ) AS h
), turns AS (
    SELECT domain, places, queue_id, min(counts_from) AS counts_from,
           row_number() OVER (PARTITION BY domain, tenant_id ORDER BY min(counts_from)) AS turn
    FROM heads GROUP BY domain, tenant_id, places, queue_id
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY domain ORDER BY turn, random()) AS place FROM turns
), next AS MATERIALIZED (
    SELECT queue_id, domain FROM placed WHERE place <= places ORDER BY place, counts_from LIMIT $2
), chosen AS (
    SELECT c.* FROM next CROSS JOIN LATERAL (
        SELECT r.queue_id, r.number, r.domain, r.tenant_id, r.asked FROM queue_recipients r
        WHERE r.queue_id = next.queue_id AND r.domain = next.domain AND r.state IN ('waiting', 'leased') AND r.due_at <= now()
        FOR UPDATE SKIP LOCKED
    ) AS c
), judged AS MATERIALIZED (
    SELECT c.queue_id, c.number, coalesce(c.asked, '') = 'hold' AS to_hold,
           CASE WHEN c.asked IS NULL THEN (
               SELECT min(p.pause_id) FROM queue_pauses p
               WHERE p.ended_at IS NULL AND (p.domain IS NULL OR p.domain = c.domain)
                     AND (p.tenant_id IS NULL OR p.tenant_id = c.tenant_id)
           ) END AS pause_id
    FROM chosen c
), leased AS (
    UPDATE queue_recipients r
    SET state = CASE WHEN j.to_hold OR j.pause_id IS NOT NULL THEN 'held' ELSE 'leased' END,
        leased_by = CASE WHEN j.to_hold OR j.pause_id IS NOT NULL THEN NULL ELSE $1 END,
        due_at = CASE WHEN j.to_hold OR j.pause_id IS NOT NULL THEN r.due_at ELSE now() + $3::interval END,
        asked = CASE WHEN j.to_hold THEN NULL ELSE r.asked END, pause_id = j.pause_id, fence = r.fence + 1
    FROM judged j WHERE r.queue_id = j.queue_id AND r.number = j.number
    RETURNING r.queue_id, r.number, r.address, r.domain, r.notify, r.original, r.attempts, r.delay_notified, r.fence, r.due_at,
              r.state, r.asked
), claimed AS (
    SELECT l.*, m.tenant_id, m.account_id, m.trace_id, m.sender, m.envelope_id, m.return_full, m.report_to, m.require_tls,
           m.tls_optional, m.blob_id, m.prefix, m.header_size, m.size, m.queued_at, m.expires_at,
           s.reason AS suppressed, s.detail AS suppressed_for
    FROM leased l JOIN queue_messages m USING (queue_id)
    LEFT JOIN suppressions s ON s.tenant_id = m.tenant_id AND s.address = lower(l.address)
        AND (s.expires_at IS NULL OR s.expires_at > now())
    WHERE l.state = 'leased'
), reached AS (
    SELECT domain AS at_domain, tenant_id AS at_tenant, urgency AS at_urgency, step FROM walk ORDER BY step DESC LIMIT 1
)
SELECT reached.*, claimed.*
FROM (VALUES (0)) AS always LEFT JOIN reached ON true LEFT JOIN claimed ON true
ORDER BY claimed.queue_id, claimed.domain, claimed.number
"""

_START: tuple[str, int, int] = ("", 0, 0)  # before every lane


class Claiming:
    """One worker's way round the lanes. Where it has come to is worth nothing to others, and may be forgotten."""

    def __init__(self, database: Database, less_urgent_by: timedelta) -> None:
        """Each step of urgency counts as `less_urgent_by`: so long at most does what comes later go before."""
        self._database = database
        self._less_urgent_by = less_urgent_by
        self._at = _START

    async def claim(self, worker: str, limit: int, lease: timedelta, rooms: Mapping[str, int], elsewhere: int) -> list[Leased]:
        """About `limit` groups of one message and domain: no more of a domain than `rooms` says, of others than `elsewhere`.

        None are found only where none are due: the lanes are walked all the way round for it.
        """
        walked_all = self._at == _START
        while True:
            rows = await self._database.fetch(
                "claim",
                _CLAIM,
                worker,
                limit,
                lease,
                list(rooms),
                list(rooms.values()),
                *self._at,
                LANES,
                elsewhere,
                self._less_urgent_by,
            )
            reached = rows[0]
            at_end = (reached["step"] or 0) < LANES
            self._at = _START if at_end else (reached["at_domain"], reached["at_tenant"], reached["at_urgency"])
            if reached["queue_id"] or (at_end and walked_all):
                return _leases([row for row in rows if row["queue_id"]])
            walked_all = walked_all or at_end


def _leases(rows: Sequence[asyncpg.Record]) -> list[Leased]:
    groups: dict[tuple[UUID, str], list[int]] = {}
    for n, row in enumerate(rows):
        groups.setdefault((row["queue_id"], row["domain"]), []).append(n)
    return [_leased([rows[n] for n in members]) for members in groups.values()]


def _leased(rows: Sequence[asyncpg.Record]) -> Leased:
    first = rows[0]
    return Leased(
        queue_id=first["queue_id"],
        tenant_id=first["tenant_id"],
        account_id=first["account_id"],
        trace_id=first["trace_id"],
        sender=first["sender"],
        envelope_id=first["envelope_id"],
        return_full=first["return_full"],
        domain=first["domain"],
        recipients=tuple(map(_recipient, rows)),
        source=Source(first["tenant_id"], first["blob_id"], first["prefix"], first["header_size"], first["size"]),
        queued_at=first["queued_at"],
        expires_at=first["expires_at"],
        leased_until=first["due_at"],
        report_to=first["report_to"],
        require_tls=first["require_tls"],
        tls_optional=first["tls_optional"],
    )


def _recipient(row: asyncpg.Record) -> QueuedRecipient:
    return QueuedRecipient(
        row["number"],
        row["address"],
        row["attempts"],
        frozenset(map(Notify, row["notify"])),
        row["original"],
        row["delay_notified"],
        row["fence"],
        Asked(row["asked"]) if row["asked"] else None,
        row["suppressed"] and f"{row['suppressed']}: {row['suppressed_for']}",
    )

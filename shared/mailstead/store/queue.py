"""The queue of what leaves for other hosts: PostgreSQL is the queue, a lease with a fencing number is who works on it (D2, D3).

A recipient waits until `due_at`. Claiming moves `due_at` to the end of the lease and raises the fence, so a dead worker's
recipients become due again by themselves; settling a lease whose fence has moved on fails and leaves nothing behind.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from mailstead.events import Event
from mailstead.model.bounce import BounceClass
from mailstead.model.failure import Failure, Refused
from mailstead.store.content import Source
from mailstead.store.delivery import Announce, Delivery, Notify, Receipt
from mailstead.store.engine import Connection, Database
from mailstead.store.filing import file_batch
from mailstead.store.queue_settle import STAYS, STILL_ASKED, TELL_CANCELLED, Settled, Settling, clean, settle_within
from mailstead.store.queued import Asked, Attempt, Leased, Outcome, QueueCounts, QueuedRecipient, RecipientOutcome
from mailstead.store.suppressions import note
from mailstead.store.tenant_keys import TenantKeys

# One lease takes the due recipients of one message that share a domain. The inner choice locks and skips what others hold.
# What is paused, or was to be held, is put aside in passing and is no longer in the way of the next claim; the table of pauses is
# all but always empty.
_CLAIM = """
WITH due AS (
    SELECT queue_id, domain FROM queue_recipients
    WHERE state IN ('waiting', 'leased') AND due_at <= now() AND domain <> ALL($4::text[])
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
), chosen AS (
    SELECT r.queue_id, r.number, r.domain, r.asked
    FROM queue_recipients r JOIN (SELECT DISTINCT queue_id, domain FROM due) d USING (queue_id, domain)
    WHERE r.state IN ('waiting', 'leased') AND r.due_at <= now() FOR UPDATE OF r SKIP LOCKED
), judged AS MATERIALIZED (
    SELECT c.queue_id, c.number, coalesce(c.asked, '') = 'hold' AS to_hold,
           CASE WHEN c.asked IS NULL THEN (
               SELECT min(p.pause_id) FROM queue_pauses p
               WHERE p.ended_at IS NULL AND (p.domain IS NULL OR p.domain = c.domain) AND (p.tenant_id IS NULL
                     OR p.tenant_id = (SELECT m.tenant_id FROM queue_messages m WHERE m.queue_id = c.queue_id))
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
)
SELECT l.*, m.tenant_id, m.account_id, m.trace_id, m.sender, m.envelope_id, m.return_full, m.report_to, m.require_tls,
       m.tls_optional, m.blob_id, m.prefix, m.header_size, m.size, m.queued_at, m.expires_at,
       s.reason AS suppressed, s.detail AS suppressed_for
FROM leased l JOIN queue_messages m USING (queue_id)
LEFT JOIN suppressions s ON s.tenant_id = m.tenant_id AND s.address = lower(l.address)
    AND (s.expires_at IS NULL OR s.expires_at > now())
WHERE l.state = 'leased' ORDER BY l.queue_id, l.domain, l.number
"""

_RENEW = """
UPDATE queue_recipients r SET due_at = now() + $4::interval FROM unnest($2::int[], $3::bigint[]) AS held(number, fence)
WHERE r.queue_id = $1 AND r.number = held.number AND r.fence = held.fence AND r.state = 'leased'
"""

_RELEASE = f"""
WITH changed AS (
    UPDATE queue_recipients r
    SET state = {STAYS}, leased_by = NULL, asked = {STILL_ASKED}, due_at = now(),
        settled_at = CASE WHEN r.asked = 'cancel' THEN now() END
    FROM unnest($2::int[], $3::bigint[]) AS held(number, fence)
    WHERE r.queue_id = $1 AND r.number = held.number AND r.fence = held.fence AND r.state = 'leased'
    RETURNING r.queue_id, r.address, r.state
)
{TELL_CANCELLED}
"""  # noqa: S608 - constants only

_COUNTS = """
SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,
       count(*) FILTER (WHERE due_at <= now()) AS due,
       count(*) FILTER (WHERE state = 'leased') AS leased,
       coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE due_at <= now())), 0)::float8 AS oldest_due,
       (SELECT count(*) FROM queue_recipients WHERE state = 'held') AS held
FROM queue_recipients WHERE state IN ('waiting', 'leased')
"""


class Queue:
    """The worker's side of the queue; looking at it for people is `queue_view.py`."""

    def __init__(self, database: Database, announce: Announce, *, suppressed_for: timedelta = timedelta()) -> None:
        """`suppressed_for`: how long an address that turned out not to exist is not written to by its tenant; 0: it is."""
        self._database = database
        self._announce = announce
        self._suppressed_for = suppressed_for
        self._keys = TenantKeys()
        self._settling = Settling(database)

    async def claim(self, worker: str, limit: int, lease: timedelta, *, avoid_domains: Sequence[str] = ()) -> list[Leased]:
        """Lease the recipients that are due, oldest first: about `limit` groups of one message and domain.

        `avoid_domains` are those whose share of this worker is used up.
        """
        rows = await self._database.fetch("claim", _CLAIM, worker, limit, lease, list(avoid_domains))
        groups: dict[tuple[UUID, str], list[int]] = {}
        for n, row in enumerate(rows):
            groups.setdefault((row["queue_id"], row["domain"]), []).append(n)
        return [
            Leased(
                queue_id=queue_id,
                tenant_id=first["tenant_id"],
                account_id=first["account_id"],
                trace_id=first["trace_id"],
                sender=first["sender"],
                envelope_id=first["envelope_id"],
                return_full=first["return_full"],
                domain=domain,
                recipients=tuple(
                    QueuedRecipient(
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
                    for row in (rows[n] for n in members)
                ),
                source=Source(first["tenant_id"], first["blob_id"], first["prefix"], first["header_size"], first["size"]),
                queued_at=first["queued_at"],
                expires_at=first["expires_at"],
                leased_until=first["due_at"],
                report_to=first["report_to"],
                require_tls=first["require_tls"],
                tls_optional=first["tls_optional"],
            )
            for (queue_id, domain), members in groups.items()
            for first in (rows[members[0]],)
        ]

    async def renew(self, leased: Leased, lease: timedelta) -> bool:
        """Whether all of it is still ours, and then for `lease` more."""
        numbers, fences = _held(leased)
        return await self._database.execute("renew", _RENEW, leased.queue_id, numbers, fences, lease) == len(numbers)

    async def release(self, leased: Leased) -> None:
        """Give it back untried, due at once; what is no longer ours stays as it is."""
        await self._database.execute("release", _RELEASE, leased.queue_id, *_held(leased))

    async def settle(
        self, leased: Leased, outcomes: Sequence[RecipientOutcome], attempt: Attempt | None, report: Delivery | None = None
    ) -> Receipt | None:
        """Write the outcomes, the attempt (None: it did not come to one) and the report to the sender in one transaction (D3).

        Raises Refused(CONFLICT) when the lease of any of them is no longer ours: then nothing is written.
        """
        settled, gone = Settled(leased, outcomes, attempt), self._gone(leased, outcomes)
        if report is None and not gone:  # as nearly always: together with others
            await self._settling.settle(settled)
            self._announce(())
            return None

        async def work(connection: Connection) -> Receipt | None:
            receipt = await self._file(connection, report) if report else None
            await settle_within(connection, settled)
            if gone:
                await note(connection, leased.tenant_id, "bounce", leased.trace_id, self._suppressed_for, gone)
            return receipt

        receipt = await self._database.transact("settle", work)
        events: tuple[Event, ...] = receipt.events if receipt else ()
        self._announce(events)
        return receipt

    def _gone(self, leased: Leased, outcomes: Sequence[RecipientOutcome]) -> dict[str, str]:
        """Those of whom the host says for good that there is no such mailbox, with its words, to be written to no more.

        What has merely expired says no such thing.
        """
        if not self._suppressed_for:
            return {}
        failed = [o for o in outcomes if o.outcome is Outcome.FAILED and o.status.startswith("5")]
        replies = {o.number: clean(o.reply) for o in failed if o.bounce_class is BounceClass.UNKNOWN_MAILBOX}
        return {r.address: replies[r.number] for r in leased.recipients if r.number in replies}

    async def _file(self, connection: Connection, report: Delivery) -> Receipt:
        # Mailbox locks come before queue rows: the report is filed first.
        (outcome,) = await file_batch(connection, [report], self._keys, wait_for_locks=True)
        if isinstance(outcome, Receipt):
            return outcome
        if isinstance(outcome, Refused):
            raise outcome
        raise Refused(Failure.UNAVAILABLE, "the mailbox for a report is locked")

    async def next_due(self) -> datetime | None:
        """When the next recipient becomes due, leases that run out included."""
        row = await self._database.fetchrow(
            "next due", "SELECT min(due_at) AS due_at FROM queue_recipients WHERE state IN ('waiting', 'leased')"
        )
        return row["due_at"] if row else None

    async def counts(self) -> QueueCounts:
        row = await self._database.fetchrow("queue counts", _COUNTS)
        return QueueCounts(*row) if row else QueueCounts(0, 0, 0, 0.0)


def _held(leased: Leased) -> tuple[list[int], list[int]]:
    return [r.number for r in leased.recipients], [r.fence for r in leased.recipients]

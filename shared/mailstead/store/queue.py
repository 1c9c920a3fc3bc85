"""The queue of what leaves for other hosts: PostgreSQL is the queue, a lease with a fencing number is who works on it (D2, D3).

A recipient waits until `due_at`. Claiming moves `due_at` to the end of the lease and raises the fence, so a dead worker's
recipients become due again by themselves; settling a lease whose fence has moved on fails and leaves nothing behind.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from mailstead.events import Event
from mailstead.model.bounce import BounceClass
from mailstead.model.failure import Failure, Refused
from mailstead.store.delivery import Announce, Delivery, Receipt
from mailstead.store.engine import Connection, Database
from mailstead.store.filing import file_batch
from mailstead.store.queue_claim import Claiming
from mailstead.store.queue_put_off import PutOff, PuttingOff
from mailstead.store.queue_settle import STAYS, STILL_ASKED, TELL_CANCELLED, Settled, Settling, clean, settle_within
from mailstead.store.queued import Attempt, Leased, Outcome, QueueCounts, RecipientOutcome
from mailstead.store.suppressions import note
from mailstead.store.tenant_keys import TenantKeys

EVERYWHERE: Mapping[str, int] = {}

_RENEW = """
UPDATE queue_recipients r SET due_at = now() + $4::interval FROM unnest($2::int[], $3::bigint[]) AS held(number, fence)
WHERE r.queue_id = $1 AND r.number = held.number AND r.fence = held.fence AND r.state = 'leased'
"""

_RELEASE = f"""
WITH given AS MATERIALIZED (
    SELECT r.queue_id, r.number FROM queue_recipients r
    JOIN unnest($1::uuid[], $2::int[], $3::bigint[]) AS held(queue_id, number, fence) USING (queue_id, number)
    WHERE r.fence = held.fence AND r.state = 'leased' ORDER BY r.queue_id, r.number FOR UPDATE OF r
), changed AS (
    UPDATE queue_recipients r
    SET state = {STAYS}, leased_by = NULL, asked = {STILL_ASKED},
        due_at = CASE WHEN r.asked = 'return' THEN now() ELSE now() + $4::interval END,
        settled_at = CASE WHEN r.asked = 'cancel' THEN now() END
    FROM given g WHERE r.queue_id = g.queue_id AND r.number = g.number
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

    def __init__(
        self,
        database: Database,
        announce: Announce,
        *,
        suppressed_for: timedelta = timedelta(),
        less_urgent_by: timedelta = timedelta(minutes=10),
        delay_notice_after: timedelta = timedelta(hours=4),
    ) -> None:
        """`suppressed_for`: how long an address that turned out not to exist is not written to by its tenant; 0: it is.

        `less_urgent_by`: by so much later does each step of less urgency count. `delay_notice_after`: when senders are told that
        a message is late.
        """
        self._database = database
        self._announce = announce
        self._suppressed_for = suppressed_for
        self._keys = TenantKeys()
        self._claiming = Claiming(database, less_urgent_by)
        self._putting_off = PuttingOff(database, delay_notice_after)
        self._settling = Settling(database)

    async def claim(
        self,
        worker: str,
        limit: int,
        lease: timedelta,
        *,
        rooms: Mapping[str, int] = EVERYWHERE,
        elsewhere: int | None = None,
    ) -> list[Leased]:
        """Lease what is due, by turns of destinations and tenants: about `limit` groups of one message and domain.

        No more of a domain than `rooms` says, of others than `elsewhere` (None: `limit`).
        """
        return await self._claiming.claim(worker, limit, lease, rooms, limit if elsewhere is None else elsewhere)

    async def renew(self, leased: Leased, lease: timedelta) -> bool:
        """Whether all of it is still ours, and then for `lease` more."""
        numbers, fences = _held(leased)
        return await self._database.execute("renew", _RENEW, leased.queue_id, numbers, fences, lease) == len(numbers)

    async def release(self, *leases: Leased, after: timedelta = timedelta()) -> None:
        """Give them back untried, due `after` so long; what is no longer ours stays as it is."""
        held = [(leased.queue_id, r.number, r.fence) for leased in leases for r in leased.recipients]
        if held:
            await self._database.execute("release", _RELEASE, *map(list, zip(*held, strict=True)), after)

    async def put_off(self, lane: PutOff) -> None:
        """What else is due of a tenant for a domain waits as well, untried, unless its sender is to be told something by then."""
        await self._putting_off.put_off(lane)

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

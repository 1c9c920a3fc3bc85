"""Putting off what waits for a destination that does not answer, as a whole: to try each would take the time of the living."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailstead.model.failure import Refused
from mailstead.store.engine import Database
from mailstead.store.together import Together

MAX_LANES = 100  # put off by one statement
MAX_PUT_OFF = 10_000  # recipients of one lane at a time; what is left over is put off after the next attempt

# No attempt was made, so none is counted. Whose sender is to hear something by then, since it is late or its time is over, is
# left to be tried, and so is what an operator asks for.
_PUT_OFF = f"""
WITH lane AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[])
        AS l(domain, tenant_id, until, reply, status)
), chosen AS MATERIALIZED (
    SELECT w.queue_id, w.number, l.until, l.reply, l.status FROM lane l CROSS JOIN LATERAL (
        SELECT r.queue_id, r.number FROM queue_recipients r JOIN queue_messages m USING (queue_id)
        WHERE r.state IN ('waiting', 'leased') AND r.domain = l.domain AND r.tenant_id = l.tenant_id AND r.due_at <= now()
              AND r.state = 'waiting' AND r.asked IS NULL AND m.expires_at > l.until
              AND (r.delay_notified OR m.queued_at + $6::interval > l.until)
        LIMIT {MAX_PUT_OFF} FOR UPDATE OF r SKIP LOCKED
    ) AS w
)
UPDATE queue_recipients r SET due_at = c.until, status = c.status, reply = c.reply
FROM chosen c WHERE r.queue_id = c.queue_id AND r.number = c.number
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class PutOff:
    """What a tenant has for a domain, until when, and why in words."""

    domain: str
    tenant_id: int
    until: datetime
    reply: str
    status: str = "4.4.1"  # no answer (RFC 3463 §3.5)


class PuttingOff:
    """Those that are found to be dead at the same time are put off by one statement."""

    def __init__(self, database: Database, delay_notice_after: timedelta) -> None:
        """Of what has been queued for `delay_notice_after` and was not told of, senders are to hear."""
        self._database = database
        self._delay_notice_after = delay_notice_after
        self._together = Together(self._put_off, at_most=MAX_LANES)

    async def put_off(self, lane: PutOff) -> None:
        """Raises Refused(UNAVAILABLE)."""
        await self._together.ask(lane)

    async def _put_off(self, lanes: Sequence[PutOff]) -> Sequence[Refused | None]:
        columns = zip(*((lane.domain, lane.tenant_id, lane.until, lane.reply, lane.status) for lane in lanes), strict=True)
        await self._database.execute("put off", _PUT_OFF, *map(list, columns), self._delay_notice_after)
        return [None] * len(lanes)

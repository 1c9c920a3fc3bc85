"""Writing down what came of leases: those that end together by one statement, each of them whole or not at all (D1, D3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Connection, Database
from mailstead.store.outbox import HOUSE, wanted
from mailstead.store.queued import Attempt, Leased, Outcome, RecipientOutcome
from mailstead.store.together import Together

MAX_REPLY = 2000  # characters of a stored reply
MAX_LEASES = 100  # settled by one statement

# Where a lease leaves a recipient that is to be tried again, by what an operator asked for meanwhile.
STAYS = "CASE r.asked WHEN 'hold' THEN 'held' WHEN 'cancel' THEN 'cancelled' ELSE 'waiting' END"
STILL_ASKED = "CASE r.asked WHEN 'return' THEN 'return' END"

# Which outcome the outside is told as what.
_TOLD = """('delivered', 'message.delivered'), ('deferred', 'message.deferred'), ('failed', 'message.bounced'),
          ('suppressed', 'message.bounced'), ('cancelled', 'message.cancelled')"""

TELL_CANCELLED = f"""
INSERT INTO outbox (account_id, event_id, tenant_id, type, data)
SELECT coalesce(m.account_id, {HOUSE}), gen_random_uuid(), m.tenant_id, 'message.cancelled', jsonb_build_object(
    'queue_id', m.queue_id, 'trace_id', m.trace_id, 'account_id', m.account_id, 'sender', m.sender, 'recipient', c.address)
FROM changed c JOIN queue_messages m USING (queue_id)
WHERE c.state = 'cancelled' AND {wanted("m.tenant_id", "'message.cancelled'")}
"""  # noqa: S608 - constants only
"""For a statement whose `changed` is of recipients that an operator's wish changes, with queue_id, address and state."""

# Of each lease all or nothing: where a part of it is no longer ours, none of its rows is touched.
_SETTLE = f"""
WITH lease AS MATERIALIZED (
    SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[],
                         $8::float8[], $9::text[], $10::text[], $11::text[])
        AS l(n, wanted, tenant_id, account_id, trace_id, sender, started_at, duration, host, address, tls)
), outcome AS MATERIALIZED (
    SELECT * FROM unnest($12::int[], $13::uuid[], $14::int[], $15::bigint[], $16::text[], $17::timestamptz[], $18::text[],
                         $19::text[], $20::bool[], $21::int[], $22::text[], $23::text[])
        AS o(n, queue_id, number, fence, state, due_at, status, reply, delay_notified, tried, outcome, bounce_class)
), held AS MATERIALIZED (
    SELECT o.n FROM queue_recipients r JOIN outcome o USING (queue_id, number)
    WHERE r.fence = o.fence AND r.state = 'leased' ORDER BY r.queue_id, r.number FOR UPDATE OF r
), whole AS (
    SELECT l.n FROM lease l WHERE l.wanted = (SELECT count(*) FROM held h WHERE h.n = l.n)
), settled AS (
    UPDATE queue_recipients r
    SET state = CASE WHEN o.state = 'waiting' THEN {STAYS} ELSE o.state END, leased_by = NULL,
        asked = CASE WHEN o.state = 'waiting' THEN {STILL_ASKED} END,
        due_at = CASE WHEN r.asked = 'return' THEN now() ELSE coalesce(o.due_at, r.due_at) END,
        attempts = r.attempts + o.tried, status = o.status,
        reply = o.reply, delay_notified = r.delay_notified OR o.delay_notified,
        settled_at = CASE WHEN o.state = 'waiting' AND r.asked IS DISTINCT FROM 'cancel' THEN NULL ELSE now() END
    FROM outcome o
    WHERE r.queue_id = o.queue_id AND r.number = o.number AND r.fence = o.fence AND r.state = 'leased'
          AND o.n IN (SELECT n FROM whole)
    RETURNING o.n, r.queue_id, r.number, r.attempts, r.address AS recipient, r.state AS became, o.tried, o.outcome, o.status,
              o.reply, o.bounce_class
), noted AS (
    INSERT INTO queue_attempts (queue_id, number, attempt, started_at, duration, outcome, host, address, tls, status, reply,
                                bounce_class)
    SELECT queue_id, number, attempts, started_at, duration, outcome, host, address, tls, status, reply, bounce_class
    FROM settled JOIN lease USING (n) WHERE tried = 1
), told AS (
    INSERT INTO outbox (account_id, event_id, tenant_id, type, data)
    SELECT coalesce(account_id, {HOUSE}), gen_random_uuid(), tenant_id, type, jsonb_build_object(
        'queue_id', queue_id, 'trace_id', trace_id, 'account_id', account_id, 'sender', sender, 'recipient', recipient)
        || CASE WHEN type = 'message.cancelled' THEN '{{}}'
           ELSE jsonb_build_object('status', status, 'reply', reply, 'attempts', attempts, 'host', host) END
        || CASE WHEN type = 'message.bounced'
           THEN jsonb_build_object('bounce_class', bounce_class, 'suppressed', outcome = 'suppressed') ELSE '{{}}' END
    FROM settled JOIN lease USING (n)
    JOIN (VALUES {_TOLD}) AS t(what, type) ON t.what = CASE became WHEN 'cancelled' THEN became ELSE outcome END
    WHERE {wanted("lease.tenant_id", "type")}
)
SELECT n FROM whole
"""  # noqa: S608 - constants only

_STATE = {
    Outcome.DELIVERED: "delivered",
    Outcome.DEFERRED: "waiting",
    Outcome.FAILED: "failed",
    Outcome.CANCELLED: "cancelled",
    Outcome.SUPPRESSED: "failed",
}
_UNTRIED = frozenset({Outcome.CANCELLED, Outcome.SUPPRESSED})


@dataclass(frozen=True, slots=True)
class Settled:
    """One lease with its outcomes, one for each of its recipients, and the attempt; None: it did not come to one."""

    leased: Leased
    outcomes: Sequence[RecipientOutcome]
    attempt: Attempt | None


class Settling:
    """What ends at the same time shares a transaction, as what arrives at the same time does (`ingest.py`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together = Together(self._settle, at_most=MAX_LEASES)

    async def settle(self, settled: Settled) -> None:
        """Return once it is committed. Raises Refused, CONFLICT where the lease is no longer ours: then nothing is written."""
        await self._together.ask(settled)

    async def _settle(self, batch: Sequence[Settled]) -> Sequence[Refused | None]:
        rows = await self._database.fetch("settle", _SETTLE, *_arguments(batch))
        return _answers(batch, {row["n"] for row in rows})


async def settle_within(connection: Connection, settled: Settled) -> None:
    """As a part of the caller's transaction. Raises Refused(CONFLICT)."""
    rows = await connection.fetch(_SETTLE, *_arguments([settled]))
    (answer,) = _answers([settled], {row["n"] for row in rows})
    if answer is not None:
        raise answer


def clean(reply: str) -> str:
    """A reply as it can be kept."""
    return reply[:MAX_REPLY].replace("\0", "").encode(errors="replace").decode()


def _answers(batch: Sequence[Settled], whole: set[int]) -> list[Refused | None]:
    lost = [f"the lease on {settled.leased.queue_id} is no longer ours" for settled in batch]
    return [None if n in whole else Refused(Failure.CONFLICT, lost[n]) for n in range(len(batch))]


def _arguments(batch: Sequence[Settled]) -> list[list[object]]:
    leases = [
        (n, len(s.outcomes), s.leased.tenant_id, s.leased.account_id, s.leased.trace_id, s.leased.sender, *_how(s.attempt))
        for n, s in enumerate(batch)
    ]
    outcomes = [row for n, settled in enumerate(batch) for row in _outcomes(n, settled)]
    return [*map(list, zip(*leases, strict=True)), *map(list, zip(*outcomes, strict=True))]


def _how(attempt: Attempt | None) -> tuple[datetime | None, float | None, str | None, str | None, str | None]:
    if attempt is None:
        return None, None, None, None, None
    return attempt.started_at, attempt.duration, attempt.host, attempt.address, attempt.tls


def _outcomes(n: int, settled: Settled) -> list[tuple[object, ...]]:
    fences = {recipient.number: recipient.fence for recipient in settled.leased.recipients}
    return [
        (
            n,
            settled.leased.queue_id,
            o.number,
            fences[o.number],
            _STATE[o.outcome],
            o.until,
            o.status,
            clean(o.reply),
            o.delay_notified,
            int(settled.attempt is not None and o.outcome not in _UNTRIED),
            o.outcome.value,
            o.bounce_class,
        )
        for o in settled.outcomes
    ]

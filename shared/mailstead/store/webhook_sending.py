"""The sender's side of webhooks: deliveries are claimed by a lease with a fence, each settled with its attempt (promise D3).

As in the queue, a claim moves `due_at` to the end of the lease: what a dead sender held becomes due again, so a receiver may be
told twice, never not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import orjson

from mailstead.events.outside import WebhookDisabled
from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database
from mailstead.store.outbox import HOUSE, wanted

MAX_ERROR = 500  # characters
MAX_COUNTED = 100_000
PURGED_AT_ONCE = 1000

# Each webhook has its share, whatever waits for others; which come first is left to chance. Where nothing is due, as mostly, that
# is all that is looked at.
_CLAIM = """
WITH ready AS (
    SELECT w.webhook_id, w.url, d.position
    FROM (SELECT webhook_id, url FROM webhooks WHERE enabled AND webhook_id <> ALL($4::bigint[])
          AND (SELECT EXISTS (SELECT FROM webhook_deliveries WHERE state = 'pending' AND due_at <= now()))
          ORDER BY random()) w
    CROSS JOIN LATERAL (
        SELECT position FROM webhook_deliveries d
        WHERE d.webhook_id = w.webhook_id AND d.state = 'pending' AND d.due_at <= now()
        ORDER BY d.due_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ) d LIMIT $1
), claimed AS (
    UPDATE webhook_deliveries d
    SET fence = d.fence + 1, attempts = d.attempts + 1, tries = d.tries + 1, due_at = now() + $3::interval
    FROM ready r WHERE d.webhook_id = r.webhook_id AND d.position = r.position
    RETURNING d.webhook_id, d.position, d.fence, d.attempts, d.tries, d.begun_at, r.url
)
SELECT c.webhook_id, c.position, c.fence, c.attempts, c.tries, c.begun_at, c.url,
       (SELECT array_agg(s.secret ORDER BY s.secret_id DESC) FROM webhook_secrets s
        WHERE s.webhook_id = c.webhook_id AND (s.expires_at IS NULL OR s.expires_at > now())) AS secrets,
       e.event_id, e.tenant_id, e.type, e.data::text, e.at
FROM claimed c JOIN outside_events e USING (position)
"""

# Webhooks are written to only when they begin to fail, and when that ends.
_SETTLE = f"""
WITH settled AS (
    UPDATE webhook_deliveries
    SET state = $4, due_at = coalesce($5, due_at), settled_at = CASE WHEN $4 = 'pending' THEN NULL ELSE now() END
    WHERE webhook_id = $1 AND position = $2 AND fence = $3 AND state = 'pending' RETURNING attempts
), noted AS (
    INSERT INTO webhook_attempts (webhook_id, position, attempt, started_at, duration, status, error)
    SELECT $1, $2, attempts, $6, $7, $8, $9 FROM settled
), well AS (
    UPDATE webhooks SET failing_since = NULL
    WHERE webhook_id = $1 AND $9::text IS NULL AND failing_since IS NOT NULL AND EXISTS (SELECT FROM settled)
), unwell AS (
    UPDATE webhooks w SET failing_since = coalesce(w.failing_since, now()), enabled = w.enabled AND v.reason IS NULL,
                          disabled_reason = CASE WHEN w.enabled THEN v.reason ELSE w.disabled_reason END
    FROM (SELECT webhook_id, enabled AS was,
                 CASE WHEN $10 THEN 'gone' WHEN failing_since < now() - $11::interval THEN 'failing' END AS reason
          FROM webhooks WHERE webhook_id = $1) v
    WHERE w.webhook_id = v.webhook_id AND $9::text IS NOT NULL AND (w.failing_since IS NULL OR v.reason IS NOT NULL)
          AND EXISTS (SELECT FROM settled)
    RETURNING w.webhook_id, w.tenant_id, w.url, v.was, v.reason
), told AS (
    INSERT INTO outbox (account_id, event_id, tenant_id, type, data)
    SELECT {HOUSE}, gen_random_uuid(), tenant_id, '{WebhookDisabled.type}',
           jsonb_build_object('webhook_id', webhook_id, 'url', url, 'reason', reason)
    FROM unwell WHERE was AND reason IS NOT NULL AND {wanted("unwell.tenant_id", f"'{WebhookDisabled.type}'")}
)
SELECT (SELECT count(*) FROM settled) AS settled, (SELECT reason FROM unwell WHERE was) AS disabled
"""  # noqa: S608 - constants only

_COUNTS = """
SELECT (SELECT count(*) FROM (
            SELECT FROM webhook_deliveries d JOIN webhooks w USING (webhook_id) WHERE d.state = 'pending' AND w.enabled LIMIT $1
        ) AS counted) AS pending,
       coalesce(extract(epoch FROM now() - min(first.due_at) FILTER (WHERE first.due_at <= now())), 0)::float8 AS oldest
FROM webhooks w CROSS JOIN LATERAL (
    SELECT due_at FROM webhook_deliveries d WHERE d.webhook_id = w.webhook_id AND d.state = 'pending' ORDER BY due_at LIMIT 1
) AS first WHERE w.enabled
"""

_PURGE = """
DELETE FROM outside_events WHERE position IN (
    SELECT position FROM outside_events WHERE at < now() - $1::interval ORDER BY at LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to attempt. `attempts` and `tries` (since `begun_at`) count this attempt too."""

    webhook_id: int
    position: int
    fence: int
    attempts: int
    tries: int
    begun_at: datetime
    url: str
    secrets: Sequence[bytes] = field(repr=False)  # newest first
    event_id: UUID
    tenant_id: int | None
    type: str
    data: dict[str, Any] = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Attempted:
    """How an attempt ended; `error` None: well. `gone`: the receiver wants no more.

    `duration` in seconds, as `pause`, for which the receiver wants to be left alone.
    """

    started_at: datetime
    duration: float
    status: int | None
    error: str | None
    gone: bool = False
    pause: float | None = None


class WebhookSending:
    """Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, limit: int, of_one: int, lease: timedelta, *, avoid: Sequence[int] = ()) -> list[Claimed]:
        """At most `limit` due deliveries, `of_one` webhook, none of those to `avoid`: ours until the lease ends."""
        rows = await self._database.fetch("claim webhook deliveries", _CLAIM, limit, of_one, lease, list(avoid))
        return [
            Claimed(
                webhook_id=row["webhook_id"],
                position=row["position"],
                fence=row["fence"],
                attempts=row["attempts"],
                tries=row["tries"],
                begun_at=row["begun_at"],
                url=row["url"],
                secrets=row["secrets"] or [],
                event_id=row["event_id"],
                tenant_id=row["tenant_id"],
                type=row["type"],
                data=orjson.loads(row["data"]),
                at=row["at"],
            )
            for row in rows
        ]

    async def settle(
        self,
        claimed: Claimed,
        state: Literal["pending", "delivered", "failed"],
        attempted: Attempted,
        until: datetime | None,
        disable_after: timedelta,
    ) -> str | None:
        """Write down the attempt and what follows: with `pending` another one at `until`. Why the webhook is disabled now, if so.

        A webhook is, that is gone, or has not succeeded once for `disable_after`.
        Raises Refused(CONFLICT) when the lease is no longer ours: then nothing is written.
        """
        row = await self._database.fetchrow(
            "settle webhook delivery",
            _SETTLE,
            claimed.webhook_id,
            claimed.position,
            claimed.fence,
            state,
            until,
            attempted.started_at,
            attempted.duration,
            attempted.status,
            attempted.error and attempted.error[:MAX_ERROR].replace("\0", "").encode(errors="replace").decode(),
            attempted.gone,
            disable_after,
        )
        if row is None or not row["settled"]:
            raise Refused(Failure.CONFLICT, f"the lease on delivery {claimed.webhook_id}/{claimed.position} is no longer ours")
        disabled: str | None = row["disabled"]
        return disabled

    async def backlog(self) -> tuple[int, float]:
        """Deliveries that wait, MAX_COUNTED at most, and for how many seconds the oldest has been due."""
        row = await self._database.fetchrow("webhook backlog", _COUNTS, MAX_COUNTED)
        return (row["pending"], row["oldest"]) if row else (0, 0.0)


async def purge_outside_events(database: Database, age: timedelta) -> int:
    """Remove events that are older, with their deliveries, in short transactions; how many."""
    total = 0
    while True:
        removed = await database.execute("purge events", _PURGE, age, PURGED_AT_ONCE)
        total += removed
        if removed < PURGED_AT_ONCE:
            return total

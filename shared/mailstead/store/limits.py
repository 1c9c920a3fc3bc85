"""Limits that hold across replicas (promise S6): token buckets, of which a replica leases a block at a time (promise S1)."""

from dataclasses import dataclass
from datetime import timedelta

from mailstead.store.engine import Database

# `available`, what the bucket holds now, is written out since ON CONFLICT knows no names of its own.
# A request that waited for the row may be older than what it finds there: no time has passed for it.
_AVAILABLE = "least($4, l.tokens + greatest(extract(epoch FROM now() - l.refilled_at), 0)::float8 * $3)"
_LEASE = f"""
INSERT INTO limits AS l (scope, subject, tokens, granted, refilled_at)
VALUES ($1, $2, $4::float8 - least($5::int, floor($4::float8)), least($5::int, floor($4::float8))::int, now())
ON CONFLICT (scope, subject) DO UPDATE SET
    granted = least($5::int, floor({_AVAILABLE}))::int,
    tokens = {_AVAILABLE} - least($5::int, floor({_AVAILABLE})),
    refilled_at = greatest(now(), l.refilled_at)
RETURNING granted
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` tokens come back each second, up to `burst`."""

    per_second: float
    burst: int


async def forget_full(database: Database, unused_for: timedelta) -> int:
    """Remove buckets that nobody has taken from for so long that they are full; how many."""
    sql = "WITH gone AS (DELETE FROM limits WHERE refilled_at < now() - $1::interval RETURNING 1) SELECT count(*) AS n FROM gone"
    row = await database.fetchrow("forget limits", sql, unused_for)
    return int(row["n"]) if row else 0


class Limits:
    """One row for each thing that is limited, touched once for each block of tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lease(self, scope: str, subject: str, rate: Rate, wanted: int = 1) -> int:
        """How many of `wanted` tokens this replica may spend; 0 when the limit is reached."""
        row = await self._database.fetchrow("lease tokens", _LEASE, scope, subject, rate.per_second, float(rate.burst), wanted)
        return int(row["granted"]) if row else 0

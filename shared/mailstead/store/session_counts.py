"""How many sessions each replica has of whom, as far as it is worth telling the others (promise S6).

A row is one replica's word and good until it expires, so that what a killed replica had told is forgotten by itself.
"""

from collections.abc import Mapping
from datetime import timedelta

from mailstead.store.engine import Database

MAX_HEARD = 50_000  # subjects of other replicas; the largest, where there are more
FORGOTTEN_AT_ONCE = 1_000  # rows of replicas that are gone

# The parts of it touch different rows: one's own that are told no more, those of the dead, one's own that are told.
_EXCHANGE = """
WITH withdrawn AS (
    DELETE FROM session_counts WHERE scope = $1 AND replica = $2 AND subject <> ALL($3::text[])
), dead AS (
    DELETE FROM session_counts WHERE (subject, scope, replica) IN (
        SELECT subject, scope, replica FROM session_counts
        WHERE expires_at < now() - $5::interval AND replica <> $2 LIMIT $7 FOR UPDATE SKIP LOCKED)
), told AS (
    INSERT INTO session_counts (subject, scope, replica, sessions, expires_at)
    SELECT subject, $1, $2, sessions, now() + $5::interval FROM unnest($3::text[], $4::int[]) AS t(subject, sessions)
    ON CONFLICT (subject, scope, replica) DO UPDATE SET sessions = excluded.sessions, expires_at = excluded.expires_at
)
SELECT subject, sum(sessions)::int AS sessions FROM session_counts
WHERE scope = $1 AND replica <> $2 AND expires_at > now() GROUP BY subject ORDER BY 2 DESC LIMIT $6
"""


class SessionCounts:
    """One replica's part, for one scope: what sessions are of."""

    def __init__(self, database: Database, scope: str, replica: str) -> None:
        self._database = database
        self._scope = scope
        self._replica = replica

    async def exchange(self, told: Mapping[str, int], good_for: timedelta) -> dict[str, int]:
        """Tell these counts, and no others that were told before; what all other replicas together have, by subject.

        One statement. Raises Refused(UNAVAILABLE).
        """
        rows = await self._database.fetch(
            "exchange session counts",
            _EXCHANGE,
            self._scope,
            self._replica,
            list(told),
            list(told.values()),
            good_for,
            MAX_HEARD,
            FORGOTTEN_AT_ONCE,
        )
        return {row["subject"]: row["sessions"] for row in rows}

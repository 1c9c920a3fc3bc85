"""Who has come back: networks that tried again after being put off are known for a while, and not put off again.

All replicas share it, since a second attempt may reach any of them.
"""

from dataclasses import dataclass
from datetime import timedelta

from mailstead.store.engine import Database

RETRIED_WITHIN = timedelta(days=2)  # after which a second attempt counts as a first one (RFC 5321 §4.5.4.1: four or five days)
KNOWN_FOR = timedelta(days=40)  # since the last message, so that what is sent monthly is put off once
PURGED_AT_ONCE = 5_000

# Of a network that is known one row says so; its time is renewed when half of it is over, not by each message.
_ADMIT = """
WITH known AS (
    SELECT max(expires_at) AS until FROM greylist WHERE network = $1 AND known AND expires_at > now()
), renewed AS (
    UPDATE greylist g SET expires_at = now() + $5::interval FROM known
    WHERE g.network = $1 AND g.known AND g.expires_at = known.until AND known.until < now() + $5::interval / 2
), tried AS (
    INSERT INTO greylist AS g (network, sender, first_at, known, expires_at)
    SELECT $1, $2, now(), false, now() + $4::interval FROM known WHERE until IS NULL
    ON CONFLICT (network, sender) DO UPDATE SET
        first_at = CASE WHEN g.expires_at > now() THEN g.first_at ELSE now() END,
        known = g.expires_at > now() AND g.first_at <= now() - $3::interval,
        expires_at = CASE
            WHEN g.expires_at <= now() THEN now() + $4::interval
            WHEN g.first_at <= now() - $3::interval THEN now() + $5::interval ELSE g.expires_at END
    RETURNING g.known
)
SELECT coalesce((SELECT known FROM tried), true) AS admitted
"""

_PURGE = """
DELETE FROM greylist WHERE (network, sender) IN (
    SELECT network, sender FROM greylist WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Greylist:
    """`wait` is the time that a second attempt must keep from the first one. Raises Refused(UNAVAILABLE)."""

    database: Database
    wait: timedelta

    async def admits(self, network: str, sender: str) -> bool:
        """Whether this network is known, or has now come back with mail of this sender; else it is remembered as having tried."""
        row = await self.database.fetchrow("greylist", _ADMIT, network, sender, self.wait, RETRIED_WITHIN, KNOWN_FOR)
        return bool(row and row["admitted"])


async def purge_greylist(database: Database) -> int:
    """Forget who has not come again, in short transactions; how many."""
    total = 0
    while True:
        removed = await database.execute("purge greylist", _PURGE, PURGED_AT_ONCE)
        total += removed
        if removed < PURGED_AT_ONCE:
            return total

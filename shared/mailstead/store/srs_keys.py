"""The keys under which forwards' senders are rewritten, and their rotation. Reading them is `Directory.srs_secrets`."""

import os
from datetime import timedelta

from mailstead.store.engine import Database
from mailstead.wire.srs import MAX_AGE

_RENEW = "INSERT INTO srs_keys (secret) SELECT $1 WHERE NOT EXISTS (SELECT FROM srs_keys WHERE created_at > now() - $2::interval)"
# A key that has not signed for so long that nothing of it is accepted any more.
_RETIRE = """
DELETE FROM srs_keys k WHERE EXISTS (SELECT FROM srs_keys n WHERE n.key_id > k.key_id AND n.created_at < now() - $1::interval)
"""


class SrsKeys:
    """Raises Refused(UNAVAILABLE) only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rotate(self, age: timedelta) -> int:
        """A new key where the newest is older than `age`; how many old ones were of no more use and are gone."""
        await self._database.execute("renew SRS key", _RENEW, os.urandom(32), age)
        return await self._database.execute("retire SRS keys", _RETIRE, timedelta(days=MAX_AGE + 1))

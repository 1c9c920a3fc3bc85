"""When an account logged in last, by which protocol and from where: noted in memory, written set-wise now and then.

A log-in costs no statement for it; what a killed process had not written is lost, being of use to people only.
"""

import asyncio
import time

from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from mailstead.store.logins import Logins

WRITE_SECONDS = 10.0
MAX_NOTED = 20_000  # entries; beyond it new ones wait for the next writing

log = get_logger()


class LoginBook:
    """Of one process."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins
        self._noted: dict[tuple[int, str], tuple[str, float]] = {}

    def note(self, account_id: int, protocol: str, peer: str) -> None:
        """An account logged in now."""
        if len(self._noted) < MAX_NOTED:
            self._noted[account_id, protocol] = (peer, time.monotonic())

    async def run(self) -> None:
        """Write at intervals, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """By one statement; while the store is away entries are kept."""
        noted, self._noted = self._noted, {}
        if not noted:
            return
        now = time.monotonic()
        try:
            await self._logins.noted([(*key, peer, now - at) for key, (peer, at) in noted.items()])
        except Refused as refused:
            log.warning("cannot write last log-ins", reason=refused.detail)
            self._noted = noted | self._noted

"""The locks on maildrops that this replica's sessions hold, and the one task that keeps them from running out.

A maildrop is leased in the database, so that all replicas respect it; a replica that dies loses its leases after
`seconds`. A session that lost its lease (the database was away for longer than that) must not delete anything any more.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from mailstead.store.leases import Lease
from mailstead.store.maildrop import Maildrops

RENEWALS = 3  # within the life of a lease, so that one may fail

log = get_logger()


@dataclass(slots=True, eq=False)
class Hold:
    """One maildrop held by one session. `on_lost` is called once, when it is not ours any more."""

    lease: Lease
    good_until: float  # loop time, counted from before the renewal was asked for
    on_lost: Callable[[], None]
    lost: bool = False


class LeaseKeeper:
    """Takes leases for sessions and renews them; `run` is the task that does the latter."""

    def __init__(self, maildrops: Maildrops, replica: str, seconds: float) -> None:
        self._maildrops = maildrops
        self._replica = replica
        self._seconds = seconds
        self._held: set[Hold] = set()
        self._numbers = count(1)

    async def acquire(self, account_id: int, on_lost: Callable[[], None]) -> Hold:
        """Raises Refused(IN_USE) while another session, here or elsewhere, has this maildrop."""
        started = asyncio.get_running_loop().time()
        lease = await self._maildrops.acquire(account_id, f"{self._replica}/{next(self._numbers)}", self._seconds)
        hold = Hold(lease, started + self._seconds, on_lost)
        self._held.add(hold)
        return hold

    async def release(self, hold: Hold) -> None:
        """Give the maildrop back. A failure is only logged: the lease then runs out by itself."""
        self._held.discard(hold)
        if hold.lost:
            return
        try:
            await self._maildrops.release(hold.lease)
        except Refused as refused:
            log.warning("could not release a maildrop", lease=hold.lease.name, reason=refused.detail)

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(self._seconds / RENEWALS)
            for hold in tuple(self._held):
                if hold not in self._held:
                    continue
                try:
                    await self._renew(hold)
                except Refused as refused:
                    log.warning("could not renew a maildrop lease", lease=hold.lease.name, reason=refused.detail)
                    if asyncio.get_running_loop().time() >= hold.good_until:
                        self._give_up(hold)

    async def _renew(self, hold: Hold) -> None:
        """Raises Refused(UNAVAILABLE) when that cannot be known now."""
        started = asyncio.get_running_loop().time()
        if await self._maildrops.renew(hold.lease, self._seconds):
            hold.good_until = started + self._seconds
        elif hold in self._held:
            self._give_up(hold)

    def _give_up(self, hold: Hold) -> None:
        self._held.discard(hold)
        hold.lost = True
        hold.on_lost()

"""How many sessions an account, and an address of clients, may have at once, over all replicas (promise S6).

A replica knows its own sessions exactly. Of the others it knows what they told at the last exchange, which each has every few
seconds, of those subjects only that have an eighth of a limit there; so sessions of nearly everybody cost the store nothing.
Therefore: on one replica a limit is never exceeded. On several it may be by what comes within two exchanges, and by less than an
eighth for each other replica, and is never by more than as many times as there are replicas. While the store is away, a replica
counts alone.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from mailstead.model.failure import Refused
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.logging import get_logger
from mailstead.store.engine import Database
from mailstead.store.session_counts import SessionCounts

TOLD_FROM = 8  # a count is told from this part of its limit on
GOOD_FOR = 4  # exchanges

log = get_logger()


class Seat:
    """What one session takes of a limit, until it leaves."""

    __slots__ = ("_limits", "_subject")

    def __init__(self, limits: "SessionLimits", subject: str) -> None:
        self._limits = limits
        self._subject = subject

    def leave(self) -> None:
        """Once only."""
        self._limits.left(self._subject)


class SessionLimits:
    """Those of one process. `of_account` and `of_address` are the most; 0: any number."""

    def __init__(self, counts: SessionCounts, *, of_account: int, of_address: int, seconds: float) -> None:
        self._counts = counts
        self._most = {"account": of_account, "address": of_address}
        self._seconds = seconds
        self._here: dict[str, int] = {}
        self._elsewhere: dict[str, int] = {}
        self._heard_at = 0.0

    def account(self, account_id: int) -> Seat | None:
        """A seat among the sessions of an account, or None where all are taken."""
        return self._take("account", str(account_id))

    def address(self, network: str) -> Seat | None:
        """As `account`, among those of an address; `network` is as `network_of` gives it."""
        return self._take("address", network)

    def _take(self, kind: str, name: str) -> Seat | None:
        subject, most = f"{kind}:{name}", self._most[kind]
        here = self._here.get(subject, 0)
        if most and here + self._elsewhere.get(subject, 0) >= most:
            return None
        self._here[subject] = here + 1
        return Seat(self, subject)

    def left(self, subject: str) -> None:
        """For `Seat`."""
        count = self._here[subject] - 1
        if count:
            self._here[subject] = count
        else:
            del self._here[subject]

    async def run(self) -> None:
        """Exchange at intervals, until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            await self.exchange()

    async def exchange(self) -> None:
        """Tell the others, and hear them."""
        await self._exchange({subject: count for subject, count in self._here.items() if self._is_told(subject, count)})

    async def withdraw(self) -> None:
        """This process has no sessions any more."""
        await self._exchange({})

    def _is_told(self, subject: str, count: int) -> bool:
        most = self._most[subject.partition(":")[0]]
        return bool(most) and count * TOLD_FROM >= most

    async def _exchange(self, told: dict[str, int]) -> None:
        if not any(self._most.values()):
            return
        good_for = self._seconds * GOOD_FOR
        try:
            self._elsewhere = await self._counts.exchange(told, timedelta(seconds=good_for))
            self._heard_at = time.monotonic()
        except Refused as refused:
            log.warning("cannot exchange counts of sessions", reason=refused.detail)
            if time.monotonic() - self._heard_at > good_for:
                self._elsewhere = {}


@asynccontextmanager
async def service_session_limits(
    runtime: Runtime, database: Database, *, scope: str, of_account: int, of_address: int, seconds: float
) -> AsyncIterator[SessionLimits]:
    """A service's own, exchanged now and every `seconds` until left."""
    # A name that nobody had before: who takes up another's process id must not answer for its sessions.
    replica = f"{runtime.replica}-{uuid4().hex[:12]}"
    counts = SessionCounts(database, scope, replica)
    limits = SessionLimits(counts, of_account=of_account, of_address=of_address, seconds=seconds)
    await limits.exchange()
    async with runtime.running(limits.run(), "session-limits"):
        yield limits
    await limits.withdraw()

"""Keeping a lease while work on it lasts."""

import asyncio
from datetime import timedelta

from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from mailstead.store.queue import Queue
from mailstead.store.queued import Leased

log = get_logger()


class LeaseLost(Exception):
    """Another worker may have this now."""


class Kept:
    """Renews a lease three times in its length while its block runs; when it is lost, the block ends with LeaseLost.

    Most blocks end before the first renewal, so there is no task before it.
    """

    def __init__(self, queue: Queue, leased: Leased, seconds: float) -> None:
        self._queue = queue
        self._leased = leased
        self._seconds = seconds
        self._lost = False
        self._timer: asyncio.TimerHandle | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        block = asyncio.current_task()
        assert block is not None
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._seconds / 3, self._begin, block, loop.time() + self._seconds)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> None:
        block = asyncio.current_task()
        assert self._timer is not None and block is not None
        self._timer.cancel()
        if self._keeper is not None:
            self._keeper.cancel()
        if self._lost:
            block.uncancel()
            raise LeaseLost from None

    def _begin(self, block: "asyncio.Task[None]", ends: float) -> None:
        self._keeper = asyncio.create_task(self._keep(block, ends), name=f"lease {self._leased.queue_id}")

    async def _keep(self, block: "asyncio.Task[None]", ends: float) -> None:
        clock = asyncio.get_running_loop().time
        while clock() < ends:
            try:
                if not await self._queue.renew(self._leased, timedelta(seconds=self._seconds)):
                    break
                ends = clock() + self._seconds
            except Refused as refused:  # perhaps there is still time
                log.warning("lease cannot be renewed yet", reason=str(refused))
            await asyncio.sleep(self._seconds / 3)
        self._lost = True
        block.cancel()

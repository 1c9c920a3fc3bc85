"""Streams of events: each waits here until there is something behind its position. One look a second serves all of a replica.

Streams are bounded in number and in time. One that ends loses nothing: who follows comes back and says what it saw last.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mailstead.model.failure import Failure, Refused
from mailstead.ops.logging import get_logger
from mailstead.store.event_log import EventLog

LOOK_SECONDS = 1.0

log = get_logger()


class EventFeed:
    """One for all streams of a replica."""

    def __init__(self, events: EventLog, *, max_streams: int, max_of_caller: int, seconds: float) -> None:
        self._events = events
        self._max_streams = max_streams
        self._max_of_caller = max_of_caller
        self.seconds = seconds  # that a stream lasts
        self._streams: Counter[str] = Counter()
        self._last = 0
        self._moved = asyncio.Event()  # set, and replaced, when there is something new
        self._closed = False

    def require_room(self, caller: str) -> None:
        """Raises Refused(TOO_MANY) where one more stream would be too much."""
        if self._streams.total() >= self._max_streams or self._streams[caller] >= self._max_of_caller:
            raise Refused(Failure.TOO_MANY, f"{caller} has {self._streams[caller]} of {self._streams.total()} streams")

    def close(self) -> None:
        """This replica goes: every stream ends."""
        self._closed = True
        self._moved.set()

    @property
    def streams(self) -> int:
        """How many there are now."""
        return self._streams.total()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def last(self) -> int:
        """The highest position that is known here."""
        return self._last

    @asynccontextmanager
    async def stream(self, caller: str) -> AsyncIterator[None]:
        """Count one stream of this caller. Raises Refused(TOO_MANY)."""
        self.require_room(caller)
        self._streams[caller] += 1
        try:
            yield
        finally:
            self._streams[caller] -= 1
            if not self._streams[caller]:
                del self._streams[caller]

    async def moved(self, position: int, seconds: float) -> bool:
        """Wait until there is an event behind `position`, or this replica goes. False after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while self._last <= position and not self._closed:
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    async def follow(self) -> None:
        """Look what is new while there are streams. Until cancelled."""
        while True:
            if self._streams:
                try:
                    last = await self._events.last()
                except Refused as refused:
                    log.warning("cannot look for events", reason=refused.detail)
                else:
                    if last > self._last:
                        self._last = last
                        moved, self._moved = self._moved, asyncio.Event()
                        moved.set()
            await asyncio.sleep(LOOK_SECONDS)

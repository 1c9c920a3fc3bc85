"""Streams of events: each waits here until there is something behind its position. All of a replica are woken at once.

Who relays events tells over NATS how far they can be read. What that may have missed a look makes up for: at intervals, once NATS
has the subscription, after each reconnection, and every second while NATS is away (promise D2). It looks only while there are
streams.

Streams are bounded in number and in time. One that ends loses nothing: who follows comes back and says what it saw last.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from mailstead.bus import Bus
from mailstead.events import OUTSIDE_SUBJECT, Event, OutsideTold
from mailstead.model.failure import Failure, Refused
from mailstead.ops.logging import get_logger
from mailstead.store.event_log import EventLog

AWAY_SECONDS = 1.0  # between two looks while NATS is away

log = get_logger()


class EventFeed:
    """One for all streams of a replica."""

    def __init__(
        self, events: EventLog, bus: Bus, *, max_streams: int, max_of_caller: int, seconds: float, look_seconds: float
    ) -> None:
        self._events = events
        self._bus = bus
        self._look_seconds = look_seconds
        self._max_streams = max_streams
        self._max_of_caller = max_of_caller
        self.seconds = seconds  # that a stream lasts
        self._streams: Counter[str] = Counter()
        self._last = 0
        self._moved = asyncio.Event()  # set, and replaced, when there is something new
        self._look_now = asyncio.Event()
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
        self._look_now.set()  # nobody may have looked for long
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
        """Learn what is new while there are streams. Until cancelled."""
        self._bus.on_reconnect(self._look_now.set)
        subscription = self._bus.subscribe(OUTSIDE_SUBJECT, self._heard, attached=self._look_now.set)
        try:
            while True:
                self._look_now.clear()
                if self._streams:
                    await self._look()
                await self._until_look()
        finally:
            subscription.close()

    async def _until_look(self) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + self._look_seconds
        while clock() < until:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), AWAY_SECONDS)
                return
            if not self._bus.connected:
                return

    def _heard(self, event: Event) -> None:
        if isinstance(event, OutsideTold):
            self._move(event.last)

    async def _look(self) -> None:
        try:
            self._move(await self._events.last())
        except Refused as refused:
            log.warning("cannot look for events", reason=refused.detail)

    def _move(self, last: int) -> None:
        if last > self._last:
            self._last = last
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()

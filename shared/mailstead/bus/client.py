"""One connection to NATS for a process: publishing without waiting, subscribing by interest, reconnecting for ever."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from nats.errors import Error as NatsError

from mailstead.events import Event, decode, encode

CONNECT_TIMEOUT = 2.0  # seconds
RECONNECT_WAIT = 1  # seconds between attempts
MAX_PENDING = 8 * 1024 * 1024  # octets kept while disconnected; what does not fit is dropped, being a hint
MAX_EVENT = 64 * 1024  # octets

Handler = Callable[[Event], None]


class Observer(Protocol):
    """Hears how the bus fares; lower floors know no metrics."""

    def happened(self, what: str) -> None:
        """`published`, `received`, `dropped`, `unknown`, `reconnected` or `disconnected`."""

    def lagged(self, seconds: float) -> None:
        """An event came so long after it was sent, by the clocks of two hosts."""


class _Nobody:
    def happened(self, what: str) -> None:
        pass

    def lagged(self, seconds: float) -> None:
        pass


class Subscription:
    """An interest in a subject; it outlives reconnections."""

    def __init__(self, bus: "Bus", subject: str, handler: Handler, attached: Callable[[], None]) -> None:
        self.subject = subject
        self.handler = handler
        self.attached = attached
        self._bus = bus

    def close(self) -> None:
        self._bus._forget(self)


class Bus:
    """Every method may be called whether or not NATS is there, from the loop's thread only."""

    def __init__(self, client: Client | None, observer: Observer | None) -> None:
        self._client = client
        self._observer = observer or _Nobody()
        self._handlers: dict[str, list[Subscription]] = {}
        self._wire: dict[str, NatsSubscription] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._on_reconnect: list[Callable[[], None]] = []

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    def publish(self, events: Iterable[Event]) -> None:
        """Send and forget. While NATS is away events are dropped: those who listen look for themselves (promise D2)."""
        now = time.time()
        frames = [(event.subject, encode(event, now)) for event in events]
        if not frames:
            return
        if self._client is None or not self._client.is_connected:
            self._observer.happened("dropped")
            return
        self._spawn(self._send(self._client, frames))

    async def _send(self, client: Client, frames: list[tuple[str, bytes]]) -> None:
        try:
            for subject, data in frames:
                await client.publish(subject, data)
                self._observer.happened("published")
        except (NatsError, OSError):
            self._observer.happened("dropped")

    def subscribe(self, subject: str, handler: Handler, *, attached: Callable[[], None] = lambda: None) -> Subscription:
        """Call `handler` with each event of the subject, from the loop's thread; it must not block or raise.

        `attached` is called once NATS has the subscription: what was published before then is not heard.
        """
        subscription = Subscription(self, subject, handler, attached)
        self._handlers.setdefault(subject, []).append(subscription)
        if len(self._handlers[subject]) == 1:
            self._spawn(self._attach(subject))
        return subscription

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call after each reconnection: events may have been missed."""
        self._on_reconnect.append(callback)

    def _forget(self, subscription: Subscription) -> None:
        listening = self._handlers.get(subscription.subject, [])
        if subscription in listening:
            listening.remove(subscription)
            if not listening:
                del self._handlers[subscription.subject]
                self._spawn(self._detach(subscription.subject))

    async def _attach(self, subject: str) -> None:
        if self._client is None or subject not in self._handlers or subject in self._wire:
            return
        with contextlib.suppress(NatsError, OSError):
            self._wire[subject] = await self._client.subscribe(subject, cb=self._receive)
            await self._client.flush(int(CONNECT_TIMEOUT))
            for subscription in tuple(self._handlers.get(subject, ())):
                subscription.attached()

    async def _detach(self, subject: str) -> None:
        if subject in self._handlers:
            return  # wanted again meanwhile
        wire = self._wire.pop(subject, None)
        if wire is not None:
            with contextlib.suppress(NatsError, OSError):
                await wire.unsubscribe()

    async def _receive(self, message: Msg) -> None:
        try:
            event, sent_at = decode(message.data) if len(message.data) <= MAX_EVENT else (None, 0.0)
        except ValueError:
            event, sent_at = None, 0.0
        if event is None:
            self._observer.happened("unknown")
            return
        self._observer.happened("received")
        self._observer.lagged(max(0.0, time.time() - sent_at))
        for subscription in tuple(self._handlers.get(message.subject, ())):
            subscription.handler(event)

    async def _reconnected(self) -> None:
        self._observer.happened("reconnected")
        for subject in tuple(self._handlers):
            await self._attach(subject)
        for callback in self._on_reconnect:
            callback()

    async def _disconnected(self) -> None:
        self._observer.happened("disconnected")

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


@asynccontextmanager
async def open_bus(url: str | None, *, name: str, observer: Observer | None = None) -> AsyncIterator[Bus]:
    """The process's bus. Never fails because NATS is away: it goes on trying in the background. Without a URL it stays silent.

    `name` shows in NATS's monitoring.
    """
    if url is None:
        yield Bus(None, observer)
        return
    client = Client()
    bus = Bus(client, observer)
    connecting = asyncio.create_task(_connect(client, bus, url, name), name="connect to NATS")
    try:
        # A server that is there answers within milliseconds; a start without it must not be held up.
        await asyncio.wait([connecting], timeout=CONNECT_TIMEOUT)
        yield bus
    finally:
        connecting.cancel()
        with contextlib.suppress(NatsError, OSError, asyncio.CancelledError, TimeoutError):
            await asyncio.wait_for(client.close(), timeout=2)


async def _connect(client: Client, bus: Bus, url: str, name: str) -> None:
    async def ignore(_error: Exception) -> None:
        """nats-py tells each failed attempt here; the disconnection was counted already."""

    while not client.is_connected:
        try:
            await client.connect(
                url,
                name=name,
                connect_timeout=int(CONNECT_TIMEOUT),
                reconnect_time_wait=RECONNECT_WAIT,
                max_reconnect_attempts=-1,
                allow_reconnect=True,
                pending_size=MAX_PENDING,
                error_cb=ignore,
                reconnected_cb=bus._reconnected,
                disconnected_cb=bus._disconnected,
            )
        except (NatsError, OSError, nats.errors.NoServersError):
            await asyncio.sleep(RECONNECT_WAIT)
    await bus._reconnected()

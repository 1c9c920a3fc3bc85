"""What one POP3 session is made of, and its octets: who it is with, where it stands, what is not yet sent.

Answers of pipelined commands leave together, when no further command is waiting or enough of them have come together.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from mailstead.ops.authentication import Authenticator
from mailstead.ops.connection import Connection
from mailstead.ops.live_sessions import LiveSession
from mailstead.store.maildrop import Maildrops
from mailstead.store.messages import Messages
from pop3.leases import Hold, LeaseKeeper
from pop3.login import Login
from pop3.metrics import Pop3Metrics
from pop3.protocol import Decoder, Reply, ResponseCode
from pop3.reading import Reader
from pop3.settings import Pop3Settings
from pop3.state import Authorization, Closed, Ending, Event, State, Transaction, advance

FLUSH = 64 * 1024  # octets of answers that are written without waiting for more

REVOKED = Reply(False, "this log-in is good no more", ResponseCode.AUTH)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backend:
    """What all sessions of a replica share."""

    settings: Pop3Settings
    authenticator: Authenticator
    login: Login
    keeper: LeaseKeeper
    maildrops: Maildrops
    messages: Messages
    metrics: Pop3Metrics


@dataclass(slots=True)
class Session:
    """`hold`, the lease on the maildrop, and `live` are there in TRANSACTION and UPDATE."""

    connection: Connection
    backend: Backend
    state: State = field(default_factory=Authorization)
    decoder: Decoder = field(default_factory=Decoder)
    hold: Hold | None = None
    live: LiveSession | None = None
    revoked: bool = False
    bad_commands: int = 0
    waiting: list[bytes] = field(default_factory=list)  # answers that are not written yet
    waiting_size: int = 0
    positive: bool | None = None  # whether the answer to the command at work begins with +OK; None until it begins
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(self.backend.maildrops)

    def move(self, event: Event, successor: State) -> None:
        """To another state, if the table of `state` allows it."""
        self.state = advance(self.state, event, successor)

    def close(self, ending: Ending) -> None:
        self.move(Event.BROKEN_OFF, Closed(ending))

    async def bad(self, reason: str) -> None:
        """Answer what was no command, or not now; too many of them end the connection."""
        await self.send(Reply(False, reason).render())
        self.bad_commands += 1
        if self.bad_commands >= self.backend.settings.pop3_max_bad_commands:
            self.close(Ending.TOO_MANY_FAILURES)

    def revoke(self) -> None:
        """What let this session in is good no more: it ends, and deletes nothing."""
        self.revoked = True
        self.connection.wake()

    async def release(self) -> None:
        """Give the maildrop back, if it is held."""
        self.reader.close()
        if self.live is not None:
            self.live.close()
        hold, self.hold = self.hold, None
        if hold is not None:
            await self.backend.keeper.release(hold)

    # ---- octets

    async def next(self, take: Callable[[], T | None]) -> T | None:
        """What `take` finds, reading until it finds something; None when the session is over instead."""
        while True:
            if self.hold is not None and self.hold.lost:
                self.close(Ending.LEASE_LOST)
                return None
            if self.revoked:
                await self.send(REVOKED.render())
                self.close(Ending.REVOKED)
                return None
            found = take()
            if found is not None:
                return found
            await self.flush()
            settings = self.backend.settings
            in_transaction = isinstance(self.state, Transaction)
            self.connection.idle_timeout = settings.pop3_idle_seconds if in_transaction else settings.pop3_login_seconds
            if self.connection.draining.is_set() and not in_transaction:
                self.close(Ending.DRAINED)  # who is in TRANSACTION may finish until the deadline
                return None
            octets = await self.connection.read_or_wake()
            if octets == b"":
                self.close(Ending.DISCONNECTED)
                return None
            if octets is not None:
                self.decoder.feed(octets)

    async def send(self, octets: bytes) -> None:
        if self.positive is None:
            self.positive = octets.startswith(b"+")
        self.waiting.append(octets)
        self.waiting_size += len(octets)
        if self.waiting_size >= FLUSH:
            await self.flush()

    async def send_all(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            await self.send(piece)

    async def flush(self) -> None:
        if self.waiting:
            octets = b"".join(self.waiting)
            self.waiting.clear()
            self.waiting_size = 0
            await self.connection.write(octets)

"""Sessions that wait a moment for the next message to the same host under the same demand, instead of ending."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass

from delivery.route import Endpoint
from delivery.tls_policy import Demand
from delivery.transport import Session


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long a session may wait (seconds), how many may wait in this process, how many transactions one may carry."""

    idle: float = 5
    sessions: int = 200
    transactions: int = 100


class SessionCache:
    """A session is in here or in somebody's hands, never both."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self._idle: defaultdict[tuple[Endpoint, Demand], dict[Session, asyncio.TimerHandle]] = defaultdict(dict)
        self._count = 0
        self._closing: set[asyncio.Task[None]] = set()

    def take(self, endpoint: Endpoint, demand: Demand) -> Session | None:
        """The one that waited least; the caller's from now on."""
        while waiting := self._idle.get((endpoint, demand)):
            session = next(reversed(waiting))
            self._forget((endpoint, demand), session)
            if session.waiting:
                return session
            self._end(session)
        return None

    def keep(self, session: Session, demand: Demand) -> None:
        """The caller is done with it: it waits, or ends."""
        if not session.waiting or self._count >= self._keeping.sessions or session.transactions >= self._keeping.transactions:
            self._end(session)
            return
        key = (session.endpoint, demand)
        self._idle[key][session] = asyncio.get_running_loop().call_later(self._keeping.idle, self._expire, key, session)
        self._count += 1

    async def close(self) -> None:
        """End those that wait."""
        for key in list(self._idle):
            for session in list(self._idle[key]):
                self._expire(key, session)
        if self._closing:
            await asyncio.wait(self._closing)

    def _expire(self, key: tuple[Endpoint, Demand], session: Session) -> None:
        self._forget(key, session)
        self._end(session)

    def _forget(self, key: tuple[Endpoint, Demand], session: Session) -> None:
        self._idle[key].pop(session).cancel()
        self._count -= 1
        if not self._idle[key]:
            del self._idle[key]

    def _end(self, session: Session) -> None:
        """Nobody has to wait for the other side's goodbye."""
        task = asyncio.create_task(session.close(), name=f"closing {session.endpoint.host}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

"""Sessions that end when what let them in is good no more: a changed password, a revoked app password, a disabled account.

They hear of it by the event; where events are lost, each is looked at again after a bounded time all the same (promise D2), by
one statement for all accounts with sessions here.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

from mailstead.bus import Bus
from mailstead.events import DIRECTORY_SUBJECT, AccountChanged, Event, SessionsAsked, SessionTold
from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from mailstead.store.logins import Logins
from mailstead.store.passwords import AuthenticatedAccount

LOOK_BATCH = 5_000  # accounts in one statement
MAX_TOLD = 200  # sessions of one account that a replica tells

log = get_logger()


class LiveSession:
    """One session of an account. `end` is called once, in the loop's thread, when it is to end; it must not raise."""

    __slots__ = ("_live", "account", "end", "peer", "protocol", "since")

    def __init__(
        self, live: "LiveSessions", account: AuthenticatedAccount, end: Callable[[], None], protocol: str, peer: str
    ) -> None:
        self._live = live
        self.account = account
        self.end = end
        self.protocol = protocol
        self.peer = peer
        self.since = int(time.time())

    def close(self) -> None:
        """The session is over, or somebody else's now."""
        self._live._remove(self)


class LiveSessions:
    """Those of one process, by account."""

    def __init__(self, logins: Logins, bus: Bus | None, seconds: float, replica: str) -> None:
        self._logins = logins
        self._bus = bus
        self._replica = replica
        self._seconds = seconds
        self._sessions: dict[int, set[LiveSession]] = {}
        self._doubted: set[int] = set()
        self._doubt = asyncio.Event()
        if bus is not None:
            bus.subscribe(DIRECTORY_SUBJECT, self._heard)
            bus.on_reconnect(self._doubt_all)

    def add(self, account: AuthenticatedAccount, end: Callable[[], None], protocol: str, peer: str) -> LiveSession:
        """From now on; what was revoked since the log-in is found by the next look."""
        session = LiveSession(self, account, end, protocol, peer)
        self._sessions.setdefault(account.account_id, set()).add(session)
        return session

    async def run(self) -> None:
        """Look whenever there is doubt, and at intervals at all."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._doubt.wait(), self._seconds)
            self._doubt.clear()
            accounts = [account for account in self._doubted or self._sessions if account in self._sessions]
            self._doubted.clear()
            for at in range(0, len(accounts), LOOK_BATCH):
                await self._look(accounts[at : at + LOOK_BATCH])

    async def _look(self, accounts: list[int]) -> None:
        try:
            standing = await self._logins.standing(accounts)
        except Refused as refused:
            log.warning("cannot look whether sessions may go on", reason=refused.detail)
            return  # the store is away: the next look makes up for it
        for account_id in accounts:
            found = standing.get(account_id)
            for session in tuple(self._sessions.get(account_id, ())):
                if found is None or not found.admits(session.account):
                    log.info("session ends", account=session.account.address)
                    self._remove(session)
                    session.end()

    def _remove(self, session: LiveSession) -> None:
        account_id = session.account.account_id
        others = self._sessions.get(account_id, set())
        others.discard(session)
        if not others:
            self._sessions.pop(account_id, None)

    def _heard(self, event: Event) -> None:
        if isinstance(event, AccountChanged) and event.account_id in self._sessions:
            self._doubted.add(event.account_id)
            self._doubt.set()

        if isinstance(event, SessionsAsked):
            self._tell(event)

    def _tell(self, asked: SessionsAsked) -> None:
        if self._bus is None:
            return
        told = sorted(self._sessions.get(asked.account_id, ()), key=lambda session: session.since)[:MAX_TOLD]
        self._bus.publish(
            SessionTold(asked.question, self._replica, session.protocol, session.peer, session.since, _proof(session.account))
            for session in told
        )

    def _doubt_all(self) -> None:
        self._doubted.update(self._sessions)
        self._doubt.set()


def _proof(account: AuthenticatedAccount) -> str:
    """What let a session in."""
    if account.app_password_id is not None:
        return "app password"
    return "token" if account.password_version is None else "password"

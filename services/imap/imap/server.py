"""One IMAP session on one connection: reads, dispatches, answers; what a command means is decided in the other modules.

Commands are carried out one after the other; answers to pipelined ones leave together. Nothing is written to a client while a
transaction is open (promise D6).
"""

import asyncio
import random
import time
from collections.abc import Awaitable
from dataclasses import dataclass, replace

from imap.capability import capabilities
from imap.commands import HANDLERS, append
from imap.commands.targets import TryCreate
from imap.commands.telling import tell, tell_unasked
from imap.errors import UNEXPECTED, reply_to
from imap.grammar import requests as ask
from imap.grammar.searching import CHARSETS
from imap.login import limits
from imap.protocol import (
    BadCommand,
    Command,
    MessageBegins,
    MessageChunk,
    MessageEnds,
    NeedContinuation,
    Overflow,
    Protocol,
    TooBig,
)
from imap.protocol import Event as Received
from imap.response import Reply, bad, bye, no, ok
from imap.session import Backend, Bad, BrokenOff, Leave, Session
from imap.state import (
    ALLOWED,
    Ending,
    LoggedOut,
    NotAuthenticated,
    Selected,
    looks_for_changes,
    may_tell_expunge,
    shows_its_work,
)
from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import network_of
from mailstead.ops.connection import Connection, IdleTimeout, SlowReader
from mailstead.ops.logging import bind, get_logger

FULL = bye("too many connections, try again later", "UNAVAILABLE")  # what one too many hears
CROWDED = bye("too many connections from your address", "LIMIT")
CONTINUE = b"+ go on\r\n"
TIMER_GRAIN = 0.01  # seconds by which a timer may be early
DRAINED = "this server is going down, please reconnect"
SPREAD_PER_SESSION = 0.005  # seconds; how far apart sessions leave on drain, so that they do not all come back at once

log = get_logger()


async def serve_session(connection: Connection, backend: Backend) -> None:
    """From the greeting to the end of the connection."""
    session = Session(connection, backend, Protocol(limits(backend.settings, logged_in=False)))
    connection.write_timeout = backend.settings.imap_write_seconds
    with bind(peer=connection.peer_host):
        if not _counts(connection, backend):
            await _Server(session).run()
            return
        seat = backend.limits.address(network_of(connection.peer_host))
        if seat is None:
            log.info("turned away, its address has as many connections as it may")
            backend.metrics.sessions.labels(Ending.TOO_MANY_CONNECTIONS.value).inc()
            await connection.write(CROWDED)
            return
        try:
            await _Server(session).run()
        finally:
            seat.leave()


def _counts(connection: Connection, backend: Backend) -> bool:
    """Whether its address is that of one client; one that was gone before it was looked at has none."""
    return bool(connection.peer_host) and not backend.settings.shares_address(connection.peer_host)


@dataclass(slots=True)
class _Server:
    session: Session
    upload: append.Upload | None = None
    bad_commands: int = 0  # in a row
    login_by: float = 0.0  # in loop time
    leave_at: float | None = None  # in loop time, once draining

    async def run(self) -> None:
        session = self.session
        ending = Ending.DISCONNECTED
        self.login_by = asyncio.get_running_loop().time() + session.backend.settings.imap_login_whole_seconds
        session.backend.sessions.count += 1
        try:
            await session.send(ok("Mailstead ready", f"CAPABILITY {capabilities(session)}").render())
            while not isinstance(session.state, LoggedOut):
                await self._step()
            ending = session.state.ending
            await session.flush()
        except Leave as leave:
            ending = leave.ending
            if leave.text:
                await session.send(bye(leave.text, leave.code))
            await session.flush()
        except IdleTimeout:
            ending = Ending.TIMED_OUT
            slow = isinstance(session.state, NotAuthenticated) and self._login_time_left() <= TIMER_GRAIN
            await session.send(bye("you have taken too long to log in" if slow else "you have been silent for too long"))
            await session.flush()
            raise
        except asyncio.CancelledError:
            ending = Ending.DRAINED
            raise
        except (ConnectionError, SlowReader):
            raise
        except BrokenOff as error:
            ending = Ending.FAILED
            log.error("answer broken off", reason=str(error))
            session.connection.abort()
        except BaseException:
            ending = Ending.FAILED
            raise
        finally:
            self._drop_upload()
            session.stop_watching()
            session.notify.close()
            if session.live is not None:
                session.live.close()
            if session.seat is not None:
                session.seat.leave()
            session.backend.sessions.count -= 1
            session.backend.metrics.sessions.labels(ending.value).inc()

    # ---- input

    async def _step(self) -> None:
        session = self.session
        event = session.protocol.next_event()
        if event is not None:
            await self._take(event)
            return
        if self.upload is None:
            await tell_unasked(session)
        await session.flush()
        session.leave_if_revoked()
        self._drain_if_due()
        self._limit_login()
        data = await session.connection.read_or_wake()
        if data:
            session.protocol.feed(data)
        elif data is not None:
            session.hang_up()

    def _limit_login(self) -> None:
        """Who has not logged in may be silent for so long, and take so long in all. Raises IdleTimeout."""
        session = self.session
        if not isinstance(session.state, NotAuthenticated):
            return
        left = self._login_time_left()
        if left <= 0:
            raise IdleTimeout
        session.connection.idle_timeout = min(session.backend.settings.imap_login_seconds, left)

    def _login_time_left(self) -> float:
        return self.login_by - asyncio.get_running_loop().time()

    def _drain_if_due(self) -> None:
        """Raises Leave when it is this session's turn to go."""
        connection, backend = self.session.connection, self.session.backend
        if not connection.draining.is_set():
            return
        loop = asyncio.get_running_loop()
        if self.leave_at is None:
            spread = min(backend.settings.drain_seconds / 2, SPREAD_PER_SESSION * backend.sessions.count)
            self.leave_at = loop.time() + random.uniform(0, spread)  # noqa: S311 - no secret
            loop.call_at(self.leave_at, connection.wake)
        if loop.time() >= self.leave_at and self.upload is None:
            raise Leave(Ending.DRAINED, DRAINED, "UNAVAILABLE")

    async def _take(self, event: Received) -> None:
        session = self.session
        match event:
            case Command(tag, request):
                session.tag = tag
                await self._answer(tag, request, self._dispatch(request))
            case MessageChunk(data):
                assert self.upload is not None
                self.upload.take(data)
            case MessageBegins():
                await self._begin_message(event)
            case MessageEnds():
                assert self.upload is not None
                await self._answer(self.upload.tag, self.upload.request, append.finish(session, self.upload))
                self._drop_upload()
            case NeedContinuation():
                await session.send(CONTINUE)
            case TooBig(tag):
                limit = session.backend.settings.imap_max_message
                self._drop_upload()
                await session.send(no(f"a message has at most {limit} octets", "TOOBIG").render(tag))
            case BadCommand():
                await self._bad(event)
            case Overflow(text):
                raise Leave(Ending.FAILED, text)

    async def _begin_message(self, event: MessageBegins) -> None:
        """A client that waits for `+` learns before it sends that there is no mailbox; one that does not wait is heard out."""
        session = self.session
        session.tag = event.tag
        if not event.further or self.upload is None:
            self.upload = append.Upload(event.tag, event.request)
        upload = self.upload
        waits = event.synchronizing
        await append.begin(session, upload, event.request, event.size, binary=event.binary, waits=waits)
        if waits and upload.refusal is None:
            session.protocol.accept_message()
            await session.send(CONTINUE)
        elif waits:
            session.protocol.refuse_message()
            await self._answer(event.tag, event.request, append.finish(session, upload))
            self._drop_upload()

    def _drop_upload(self) -> None:
        upload, self.upload = self.upload, None
        if upload is not None:
            append.release(self.session, upload)

    async def _bad(self, command: BadCommand) -> None:
        tag = command.tag or (self.upload.tag if self.upload else None) or b"*"
        self._drop_upload()
        if command.charset:
            reply = no(command.text, f"BADCHARSET ({' '.join(CHARSETS)})")
        else:
            reply = bad(command.text, "CLIENTBUG" if isinstance(self.session.state, NotAuthenticated) else "")
        await self.session.send(reply.render(tag))
        self._count_bad()

    def _count_bad(self) -> None:
        self.bad_commands += 1
        if self.bad_commands >= self.session.backend.settings.imap_max_bad_commands:
            raise Leave(Ending.TOO_MANY_FAILURES, "too many bad commands")

    # ---- commands

    async def _dispatch(self, request: ask.Request) -> Reply | None:
        if type(request) not in ALLOWED[type(self.session.state)]:
            raise Bad("not in this state")
        if self.session.stale:
            await self.session.check_rights()
        return await HANDLERS[type(request)](self.session, request)

    async def _answer(self, tag: bytes, request: ask.Request, work: Awaitable[Reply | None]) -> None:
        """Carry out one command, tell what changed, then the tagged reply."""
        session, name = self.session, type(request).__name__.lower()
        started = time.perf_counter()
        reply = await self._carry_out(name, work)
        if reply is None:
            return
        if not isinstance(session.state, LoggedOut):
            reply = await self._catch_up(request, reply)
        await session.send(reply.render(tag))
        session.backend.metrics.answers.labels(name, reply.outcome).inc()
        if not isinstance(request, ask.Idle):
            session.backend.metrics.commands.labels(name).observe(time.perf_counter() - started)

    async def _carry_out(self, name: str, work: Awaitable[Reply | None]) -> Reply | None:
        """Whatever goes wrong is this command's answer; what nobody had foreseen says nothing of the inside (promise D5)."""
        try:
            reply = await work
        except Bad as error:
            self._count_bad()
            return bad(str(error), error.code)
        except TryCreate as refused:
            return refused.reply
        except Refused as refused:
            if refused.failure in (Failure.UNAVAILABLE, Failure.BUSY):
                log.warning("command failed", command=name, failure=refused.failure.value, reason=refused.detail)
            return reply_to(refused.failure)
        except (OSError, TimeoutError, Leave, BrokenOff):
            raise
        except Exception:
            log.exception("command failed unexpectedly", command=name)
            return UNEXPECTED
        self.bad_commands = 0
        return reply

    async def _catch_up(self, request: ask.Request, reply: Reply) -> Reply:
        """The one point where a command tells what else has changed.

        The answer to one that has expunged tells up to which modseq its client knows all (RFC 7162 §3.2.7), once it does.
        """
        session = self.session
        expunged, session.expunged = session.expunged, False
        try:
            await tell(session, expunge=may_tell_expunge(request), look=looks_for_changes(request), own=shows_its_work(request))
        except Refused as refused:
            # The command itself is done; what changed is told the next time.
            log.warning("cannot look for changes", failure=refused.failure.value, reason=refused.detail)
            return reply
        if expunged and session.dialect.condstore and isinstance(session.state, Selected):
            return replace(reply, code=f"HIGHESTMODSEQ {session.state.view.modseq}")
        return reply

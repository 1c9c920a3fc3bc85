"""One POP3 session on one connection: reads, dispatches, writes; what a command means is decided in the other modules.

Answers of pipelined commands leave together, when no further command is waiting or enough of them have come together. The
lease on the maildrop is given back before the answer to QUIT, so that a client may come again at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Attempt, Authenticator, Peer, known
from mailstead.ops.connection import Connection, IdleTimeout, PlaintextBeforeTls, SlowReader
from mailstead.ops.logging import bind, get_logger
from mailstead.store.messages import Messages
from mailstead.store.passwords import AuthenticatedAccount
from mailstead.wire.sasl import Challenge, encode_challenge
from pop3 import commands
from pop3.errors import UNEXPECTED, reply_to
from pop3.leases import Hold, LeaseKeeper
from pop3.login import (
    USER_ACCEPTED,
    USER_FIRST,
    Login,
    NotBegun,
    begin,
    go_on,
    mechanism_list,
)
from pop3.metrics import Pop3Metrics
from pop3.protocol import (
    Auth,
    BadCommand,
    Capa,
    Command,
    Decoder,
    Dele,
    List,
    Noop,
    Pass,
    Quit,
    Reply,
    ResponseCode,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
)
from pop3.settings import Pop3Settings
from pop3.state import (
    ALLOWED,
    Authorization,
    Challenged,
    Closed,
    Ending,
    Event,
    State,
    Transaction,
    Update,
    advance,
)

FLUSH = 64 * 1024  # octets of answers that are written without waiting for more
FULL = Reply(False, "too many connections, try again later", UNEXPECTED.code).render()  # what one too many hears

GREETING = Reply(True, "Mailstead POP3 ready")
FAREWELL = Reply(True, "bye")
TLS_BEGINS = Reply(True, "begin TLS")

T = TypeVar("T")

log = get_logger()


@dataclass(frozen=True, slots=True)
class Backend:
    """What all sessions of a replica share."""

    settings: Pop3Settings
    authenticator: Authenticator
    login: Login
    keeper: LeaseKeeper
    messages: Messages
    metrics: Pop3Metrics


async def serve_session(connection: Connection, backend: Backend) -> None:
    """From the greeting to the end of the connection."""
    with bind(peer=connection.peer_host):
        await _Session(connection, backend).run()


@dataclass(slots=True)
class _Session:
    connection: Connection
    backend: Backend
    state: State = field(default_factory=Authorization)
    decoder: Decoder = field(default_factory=Decoder)
    hold: Hold | None = None
    bad_commands: int = 0
    waiting: list[bytes] = field(default_factory=list)  # answers that are not written yet
    waiting_size: int = 0

    async def run(self) -> None:
        ending = Ending.DISCONNECTED
        try:
            await self._send(GREETING.render())
            while not isinstance(self.state, Closed):
                await self._step()
            ending = self.state.ending
            await self._flush()
        except IdleTimeout:
            ending = Ending.TIMED_OUT  # RFC 1939 §3: closed without UPDATE and without an answer
            raise
        except asyncio.CancelledError:
            ending = Ending.DRAINED
            raise
        except (ConnectionError, SlowReader):
            raise
        except commands.BrokenOff as error:
            ending = Ending.FAILED
            log.warning("message broken off", reason=str(error))
            self.connection.abort()
        except BaseException:
            ending = Ending.FAILED
            raise
        finally:
            await self._release()
            self.backend.metrics.sessions.labels(ending.value).inc()

    # ---- one line

    async def _step(self) -> None:
        if isinstance(self.state, Challenged):
            challenged = self.state
            line: bytes | BadCommand | None = await self._next(self.decoder.next_response)
            if line is not None:
                await self._answer("auth", self._response(challenged, line))
            return
        command: Command | None = await self._next(self.decoder.next_command)
        if command is not None:
            await self._answer(type(command).__name__.lower(), self._dispatch(command))

    async def _answer(self, name: str, work: Awaitable[None]) -> None:
        """Whatever goes wrong is this command's answer; what nobody had foreseen says nothing of the inside (promise D5)."""
        started = time.perf_counter()
        try:
            await work
        except Refused as refused:
            reply = reply_to(refused.failure)
            if reply is UNEXPECTED:
                log.warning("command failed", command=name, failure=refused.failure.value, reason=refused.detail)
            await self._send(reply.render())
        except (OSError, TimeoutError, commands.BrokenOff):
            raise
        except Exception:
            log.exception("command failed unexpectedly", command=name)
            await self._send(UNEXPECTED.render())
        self.backend.metrics.commands.labels(name).observe(time.perf_counter() - started)

    async def _dispatch(self, command: Command) -> None:
        if type(command) not in ALLOWED[type(self.state)]:
            command = BadCommand("not in this state")
        match command:
            case Capa():
                await self._send(self._capabilities())
            case Quit():
                await self._quit()
            case BadCommand(reason):
                await self._bad(reason)
            case _ if isinstance(self.state, Authorization):
                await self._authorization(command, self.state)
            case _ if isinstance(self.state, Transaction):
                await self._transaction(command, self.state)

    async def _bad(self, reason: str) -> None:
        await self._send(Reply(False, reason).render())
        self.bad_commands += 1
        if self.bad_commands >= self.backend.settings.pop3_max_bad_commands:
            self._close(Ending.TOO_MANY_FAILURES)

    def _capabilities(self) -> bytes:
        return commands.capabilities(stls=self.connection.tls_offered, mechanisms=self._mechanisms())

    # ---- AUTHORIZATION

    async def _authorization(self, command: Command, state: Authorization) -> None:
        match command:
            case Stls():
                await self._start_tls(state)
            case Auth(mechanism=None):
                await self._send(mechanism_list(self._mechanisms()))
            case _ if not self._mechanisms():
                raise Refused(Failure.ENCRYPTION_REQUIRED)
            case User(name):
                self.state = advance(state, Event.USER_NAMED, Authorization(state.failures, name))
                await self._send(USER_ACCEPTED.render())
            case Pass(password) if state.user:
                await self._log_in(self.backend.authenticator.log_in(state.user, password, self._peer()))
            case Pass():
                await self._bad(USER_FIRST)
            case Auth():
                await self._begin(command)

    def _mechanisms(self) -> tuple[str, ...]:
        """None where passwords may not be sent."""
        connection = self.connection
        allowed = connection.tls or self.backend.settings.allows_plaintext_auth(connection.peer_host)
        return self.backend.authenticator.mechanisms(connection.channel_binding) if allowed else ()

    def _peer(self) -> Peer:
        return Peer.of(self.connection, "pop3")

    async def _start_tls(self, state: Authorization) -> None:
        if not self.connection.tls_offered:
            await self._bad("TLS is on already" if self.connection.tls else "TLS is not available")
            return
        if self.decoder.pending:
            raise PlaintextBeforeTls  # RFC 2595 §4: whatever was sent in the clear after STLS is not from our client
        await self._send(TLS_BEGINS.render())
        await self._flush()
        await self.connection.start_tls()
        self.state = advance(state, Event.SECURED, Authorization(state.failures))  # what USER said in the clear is forgotten

    async def _begin(self, command: Auth) -> None:
        try:
            attempt = await begin(command, self.backend.authenticator, self._peer())
        except Refused as refused:
            await self._refuse(refused)
            return
        except NotBegun as ended:
            await self._send(ended.reply.render())
            return
        await self._follow(attempt)

    async def _response(self, challenged: Challenged, line: bytes | BadCommand) -> None:
        try:
            if isinstance(line, BadCommand):
                raise NotBegun(Reply(False, line.reason))
            await go_on(challenged.attempt, line)
        except Refused as refused:
            await self._refuse(refused)
            return
        except NotBegun as ended:
            self.state = advance(challenged, Event.REFUSED, Authorization(challenged.failures))
            await self._send(ended.reply.render())
            return
        await self._follow(challenged.attempt)

    async def _follow(self, attempt: Attempt) -> None:
        """Send the next challenge, or let in whoever it was."""
        outcome = attempt.outcome
        if isinstance(outcome, Challenge):
            self.state = advance(self.state, Event.CHALLENGED, Challenged(self._failures(), attempt))
            await self._send(b"+ " + encode_challenge(outcome) + b"\r\n")
            return
        await self._log_in(known(outcome))

    async def _log_in(self, proof: Awaitable[AuthenticatedAccount]) -> None:
        try:
            opened = await self.backend.login.open(proof, self.connection.wake)
        except Refused as refused:
            await self._refuse(refused)
            return
        self.hold = opened.hold
        self.state = advance(self.state, Event.OPENED, opened.transaction)
        drop = opened.transaction.drop
        log.info("logged in", account=opened.transaction.address, messages=drop.count, tls=self.connection.tls)
        await self._send(Reply(True, f"maildrop has {drop.count} messages ({drop.octets} octets)").render())

    async def _refuse(self, refused: Refused) -> None:
        """Answer a log-in that failed. Only what the client did wrong counts, and waits, and ends the connection in the end."""
        reply = reply_to(refused.failure)
        guilty = reply.code is ResponseCode.AUTH or refused.failure is Failure.LOCKED_OUT
        failures = self._failures() + guilty
        log.info("log-in refused", failure=refused.failure.value, reason=refused.detail, failures=failures)
        self.state = advance(self.state, Event.REFUSED, Authorization(failures))
        if guilty:
            await asyncio.sleep(self.backend.settings.pop3_failure_delay * failures)
        await self._send(reply.render())
        if failures >= self.backend.settings.pop3_max_failures:
            self._close(Ending.TOO_MANY_FAILURES)

    def _failures(self) -> int:
        return self.state.failures if isinstance(self.state, Authorization | Challenged) else 0

    # ---- TRANSACTION and UPDATE

    async def _transaction(self, command: Command, state: Transaction) -> None:
        drop = state.drop
        match command:
            case Stat():
                await self._send(commands.stat(drop))
            case List(None):
                await self._send_all(commands.list_all(drop))
            case List(int(number)):
                await self._send(commands.list_one(drop, number))
            case Uidl(None):
                await self._send_all(commands.uidl_all(drop))
            case Uidl(int(number)):
                await self._send(commands.uidl_one(drop, number))
            case Retr(number):
                await self._retr(number, state)
            case Top(number, lines):
                await commands.top(number, lines, state, self.backend.messages, self._send)
            case Dele(number):
                await self._send(commands.dele(drop, number))
            case Rset():
                await self._send(commands.rset(drop))
            case Noop():
                await self._send(Reply(True, "").render())

    async def _retr(self, first: int, state: Transaction) -> None:
        """This RETR and those that wait right behind it. When the store fails, those not yet answered are refused one by one."""
        numbers = [first, *(retr.number for retr in self.decoder.following_retrs(commands.RETR_BATCH - 1))]
        answered = 0

        def count() -> None:
            nonlocal answered
            answered += 1

        try:
            await commands.retr(numbers, state, self.backend.messages, self.backend.metrics, self._send, count)
        except Refused:
            for _ in numbers[answered + 1 :]:
                await self._send(UNEXPECTED.render())
            raise

    async def _quit(self) -> None:
        if isinstance(self.state, Transaction):
            await self._update(self.state)
            return
        await self._send(FAREWELL.render())
        self.state = advance(self.state, Event.QUIT, Closed(Ending.QUIT))

    async def _update(self, state: Transaction) -> None:
        """+OK means that the deletions are committed (RFC 1939 §6, promise D1)."""
        update = Update(state.account_id, state.address, state.mailbox_id, state.drop.doomed())
        self.state = advance(state, Event.QUIT, update)
        kept, ending = len(update.doomed), Ending.UPDATE_FAILED
        try:
            for at in range(0, len(update.doomed), commands.UPDATE_CHUNK):
                chunk = update.doomed[at : at + commands.UPDATE_CHUNK]
                await self._confirm()
                self.backend.metrics.deleted.inc(await commands.update(update, chunk, self.backend.messages))
                kept -= len(chunk)
            ending = Ending.QUIT
        except Refused as refused:
            log.warning("update failed", account=update.address, kept=kept, failure=refused.failure.value, reason=refused.detail)
        except Exception:
            log.exception("update failed unexpectedly", account=update.address, kept=kept)
        self.state = advance(self.state, Event.SETTLED, Closed(ending))
        await self._release()
        answer = FAREWELL.render() if ending is Ending.QUIT else commands.not_removed(kept, len(update.doomed))
        await self._send(answer)

    async def _confirm(self) -> None:
        """Raises Refused(CONFLICT) when the maildrop is another's by now: who lost the lease deletes nothing more."""
        if self.hold is None:
            raise RuntimeError("an update without a lease")
        await self.backend.keeper.confirm(self.hold)

    async def _release(self) -> None:
        hold, self.hold = self.hold, None
        if hold is not None:
            await self.backend.keeper.release(hold)

    # ---- octets

    async def _next(self, take: Callable[[], T | None]) -> T | None:
        """What `take` finds, reading until it finds something; None when the session is over instead."""
        while True:
            if self.hold is not None and self.hold.lost:
                self._close(Ending.LEASE_LOST)
                return None
            found = take()
            if found is not None:
                return found
            await self._flush()
            settings = self.backend.settings
            in_transaction = isinstance(self.state, Transaction)
            self.connection.idle_timeout = settings.pop3_idle_seconds if in_transaction else settings.pop3_login_seconds
            if self.connection.draining.is_set() and not in_transaction:
                self._close(Ending.DRAINED)  # who is in TRANSACTION may finish until the deadline
                return None
            octets = await self.connection.read_or_wake()
            if octets == b"":
                self._close(Ending.DISCONNECTED)
                return None
            if octets is not None:
                self.decoder.feed(octets)

    def _close(self, ending: Ending) -> None:
        self.state = advance(self.state, Event.BROKEN_OFF, Closed(ending))

    async def _send(self, octets: bytes) -> None:
        self.waiting.append(octets)
        self.waiting_size += len(octets)
        if self.waiting_size >= FLUSH:
            await self._flush()

    async def _send_all(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            await self._send(piece)

    async def _flush(self) -> None:
        if self.waiting:
            octets = b"".join(self.waiting)
            self.waiting.clear()
            self.waiting_size = 0
            await self.connection.write(octets)

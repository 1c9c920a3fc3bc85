"""One ManageSieve session on one connection: reads, dispatches, writes; what a command means is decided in the other modules."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Attempt, Authenticator, Peer
from mailstead.ops.connection import Connection, IdleTimeout, PlaintextBeforeTls
from mailstead.ops.live_sessions import LiveSession
from mailstead.ops.logging import bind, get_logger
from mailstead.store.passwords import AuthenticatedAccount
from mailstead.store.sieve_scripts import SieveScripts
from mailstead.wire.sasl import (
    Cancelled,
    Challenge,
    MalformedResponse,
    UnknownMechanism,
    decode_response,
    encode_challenge,
)
from mailstead.wire.sieve import ADVERTISED, Limits
from smtp_in.managesieve import replies
from smtp_in.managesieve.commands import Desk
from smtp_in.managesieve.protocol import (
    Authenticate,
    BadCommand,
    Capability,
    CheckScript,
    Command,
    Decoder,
    DeleteScript,
    GetScript,
    HaveSpace,
    ListScripts,
    Logout,
    Noop,
    PutScript,
    RenameScript,
    SetActive,
    StartTls,
    TooLarge,
    Unauthenticate,
)
from smtp_in.managesieve.replies import Code, Reply, Status, no, ok, reply_to, string
from smtp_in.managesieve.state import (
    ALLOWED,
    Authenticated,
    Challenged,
    Closed,
    Ending,
    Event,
    NonAuthenticated,
    State,
    advance,
)
from smtp_in.metrics import Metrics
from smtp_in.settings import Settings

SLACK = 1024  # octets of a literal beyond a script's limit that are still read, so that the compiler can say what is wrong

T = TypeVar("T")

log = get_logger()


@dataclass(frozen=True, slots=True)
class Backend:
    """What all sessions of a replica share."""

    settings: Settings
    authenticator: Authenticator
    scripts: SieveScripts
    limits: Limits
    metrics: Metrics


async def serve_session(connection: Connection, backend: Backend) -> None:
    """From the greeting to the end of the connection."""
    with bind(peer=connection.peer_host):
        await _Session(connection, backend, Decoder(backend.limits.octets + SLACK)).run()


@dataclass(slots=True)
class _Session:
    connection: Connection
    backend: Backend
    decoder: Decoder
    state: State = field(default_factory=NonAuthenticated)
    errors: int = 0
    live: LiveSession | None = None  # while somebody is logged in
    revoked: bool = False

    async def run(self) -> None:
        await self.connection.write(self._capabilities())
        try:
            while not isinstance(self.state, Closed):
                await self._step()
        except IdleTimeout:
            await self._send(replies.IDLE)
            raise
        finally:
            self._forget()

    # ---- one command

    async def _step(self) -> None:
        if isinstance(self.state, Challenged):
            response: bytes | BadCommand | None = await self._next(self.decoder.next_response)
            if response is not None and isinstance(self.state, Challenged):
                await self._answer("authenticate", self._response(self.state, response))
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
            if reply is replies.UNEXPECTED:
                log.warning("command failed", command=name, failure=refused.failure.value, reason=refused.detail)
            await self._send(reply)
        except (OSError, TimeoutError):
            raise
        except Exception:
            log.exception("command failed unexpectedly", command=name)
            await self._send(replies.UNEXPECTED)
        self.backend.metrics.managed(name, time.perf_counter() - started)

    async def _dispatch(self, command: Command) -> None:
        if type(command) not in ALLOWED[type(self.state)]:
            command = BadCommand("Not in this state")
        match command:
            case Capability():
                await self.connection.write(self._capabilities())
            case Noop(None):
                await self._send(ok("NOOP completed"))
            case Noop(tag):
                await self._send(Reply(Status.OK, "Done", Code.TAG, tag))
            case Logout():
                await self._send(replies.FAREWELL)
                self.state = advance(self.state, Event.LOGGED_OUT, Closed(Ending.LOGOUT))
            case TooLarge():
                await self._bad(reply_to(Failure.TOO_LARGE))
            case BadCommand(reason):
                await self._bad(no(reason))
            case StartTls():
                await self._start_tls()
            case Authenticate():
                await self._begin(command)
            case _ if isinstance(self.state, Authenticated):
                await self._authenticated(command, self.state)

    async def _bad(self, reply: Reply) -> None:
        self.errors += 1
        if self.errors < self.backend.settings.managesieve_max_errors:
            await self._send(reply)
        else:
            await self._close(replies.TOO_MANY_ERRORS, Ending.TOO_MANY_ERRORS)

    async def _authenticated(self, command: Command, state: Authenticated) -> None:
        desk = Desk(self.backend.scripts, self.backend.limits, state.account.account_id)
        match command:
            case HaveSpace(name, octets):
                await self._send(await desk.have_space(name, octets))
            case PutScript(name, script):
                reply = await desk.put(name, script)
                log.info("script put", account=state.account.address, script=name, octets=len(script), reply=reply.status.value)
                await self._send(reply)
            case CheckScript(script):
                await self._send(await desk.check(script))
            case ListScripts():
                await self.connection.write(await desk.list())
            case SetActive(name):
                await self._send(await desk.set_active(name))
                log.info("script activated", account=state.account.address, script=name)
            case GetScript(name):
                await self.connection.write(await desk.get(name))
            case DeleteScript(name):
                await self._send(await desk.delete(name))
            case RenameScript(old, new):
                await self._send(await desk.rename(old, new))
            case Unauthenticate():
                self._forget()
                self.state = advance(state, Event.LEFT, NonAuthenticated(state.failures))
                await self._send(replies.UNAUTHENTICATED)

    # ---- before authentication

    def _capabilities(self) -> bytes:
        """RFC 5804 §1.7. Nothing is listed that does not hold on this connection now."""
        lines = [
            ("IMPLEMENTATION", "Mailstead"),
            ("VERSION", "1.0"),
            ("SASL", " ".join(self._mechanisms())),
            ("SIEVE", " ".join(ADVERTISED)),
            ("MAXREDIRECTS", str(self.backend.limits.redirects)),
            ("LANGUAGE", "en"),
            ("UNAUTHENTICATE", None),
        ]
        if isinstance(self.state, Authenticated):
            lines.append(("OWNER", self.state.account.address))
        elif self.connection.tls_offered:
            lines.append(("STARTTLS", None))
        rendered = (string(name) + (b"" if value is None else b" " + string(value)) + b"\r\n" for name, value in lines)
        return b"".join(rendered) + ok().render()

    def _mechanisms(self) -> tuple[str, ...]:
        """None where passwords may not be sent."""
        connection = self.connection
        allowed = connection.tls or self.backend.settings.allows_plaintext_auth(connection.peer_host)
        return self.backend.authenticator.mechanisms(connection.channel_binding) if allowed else ()

    async def _start_tls(self) -> None:
        if not self.connection.tls_offered:
            await self._bad(replies.TLS_ON if self.connection.tls else replies.TLS_NOT_OFFERED)
            return
        if self.decoder.pending:
            raise PlaintextBeforeTls  # RFC 5804 §2.2: whatever was sent in the clear after STARTTLS is not from our client
        await self._send(replies.TLS_BEGINS)
        await self.connection.start_tls()
        self.state = advance(self.state, Event.SECURED, NonAuthenticated(self._failures()))
        await self.connection.write(self._capabilities())

    async def _begin(self, command: Authenticate) -> None:
        if not self._mechanisms():
            raise Refused(Failure.ENCRYPTION_REQUIRED)
        try:
            initial = None if command.initial is None else decode_response(command.initial)
            peer = Peer.of(self.connection, "sieve")
            attempt = await self.backend.authenticator.begin(command.mechanism, initial, peer)
        except Refused as refused:
            await self._refuse(refused)
        except UnknownMechanism:
            await self._send(replies.UNKNOWN_MECHANISM)
        except MalformedResponse:
            await self._send(replies.NOT_BASE64)
        except Cancelled:
            await self._send(replies.CANCELLED)
        else:
            await self._follow(attempt)

    async def _response(self, challenged: Challenged, response: bytes | BadCommand) -> None:
        reply: Reply | None = None
        if isinstance(response, BadCommand):
            reply = no(response.reason)
        else:
            try:
                await challenged.attempt.step(decode_response(response))
            except Refused as refused:
                await self._refuse(refused)
                return
            except MalformedResponse:
                reply = replies.NOT_BASE64
            except Cancelled:
                reply = replies.CANCELLED
        if reply is None:
            await self._follow(challenged.attempt)
        else:
            self.state = advance(challenged, Event.REFUSED, NonAuthenticated(challenged.failures))
            await self._send(reply)

    async def _follow(self, attempt: Attempt) -> None:
        """Send the next challenge, or let in whoever it was."""
        match attempt.outcome:
            case Challenge() as challenge:
                self.state = advance(self.state, Event.CHALLENGED, Challenged(self._failures(), attempt))
                await self.connection.write(string(encode_challenge(challenge).decode("ascii")) + b"\r\n")
            case AuthenticatedAccount() as account:
                await self._let_in(account)

    async def _let_in(self, account: AuthenticatedAccount) -> None:
        self.live = self.backend.authenticator.live.add(account, self._revoke, "sieve", self.connection.peer_host)
        self.state = advance(self.state, Event.ACCEPTED, Authenticated(account, self._failures()))
        self.backend.metrics.managing_login("accepted")
        log.info("logged in", account=account.address, tls=self.connection.tls)
        await self._send(replies.AUTHENTICATED)

    def _revoke(self) -> None:
        """What let this session in is good no more."""
        self.revoked = True
        self.connection.wake()

    def _forget(self) -> None:
        if self.live is not None:
            self.live.close()

    async def _refuse(self, refused: Refused) -> None:
        """Answer a log-in that failed. Only what the client did wrong counts, and waits, and ends the connection in the end."""
        guilty = refused.failure in (Failure.BAD_CREDENTIALS, Failure.LOCKED_OUT, Failure.ACCOUNT_DISABLED)
        failures = self._failures() + guilty
        log.info("log-in refused", failure=refused.failure.value, reason=refused.detail, failures=failures)
        self.backend.metrics.managing_login(refused.failure.name.lower())
        self.state = advance(self.state, Event.REFUSED, NonAuthenticated(failures))
        if guilty:
            await asyncio.sleep(self.backend.settings.managesieve_failure_delay * failures)
        if failures >= self.backend.settings.managesieve_max_failures:
            await self._close(replies.TOO_MANY_FAILURES, Ending.TOO_MANY_FAILURES)
        else:
            await self._send(reply_to(refused.failure))

    def _failures(self) -> int:
        return 0 if isinstance(self.state, Closed) else self.state.failures

    # ---- octets

    async def _next(self, take: Callable[[], T | None]) -> T | None:
        """What `take` finds, reading until it finds something; None when the session is over instead."""
        while True:
            if self.revoked:
                await self._close(replies.REVOKED, Ending.REVOKED)
                return None
            found = take()
            if found is not None:
                return found
            settings = self.backend.settings
            logged_in = isinstance(self.state, Authenticated)
            self.connection.idle_timeout = settings.managesieve_idle_seconds if logged_in else settings.managesieve_login_seconds
            if self.connection.draining.is_set() and not self.decoder.pending:
                await self._close(replies.DRAINING, Ending.DRAINED)
                return None
            octets = await self.connection.read_or_wake()
            if octets == b"":
                self.state = advance(self.state, Event.BROKEN_OFF, Closed(Ending.DISCONNECTED))
                return None
            if octets is not None:
                self.decoder.feed(octets)

    async def _close(self, reply: Reply, ending: Ending) -> None:
        self.state = advance(self.state, Event.BROKEN_OFF, Closed(ending))
        await self._send(reply)

    async def _send(self, reply: Reply) -> None:
        await self.connection.write(reply.render())

"""The SMTP conversation on one connection: aiosmtpd's command loop and dispatch, over our connection and our decisions.

Of `aiosmtpd.smtp.SMTP` the loop `_handle_client` and its dispatch by verb stay. What of it must not reach the Internet is
replaced here, each with a test:

1. an exception would be told to the client (`500 Error: (Type) text`): `handle_exception` says 451 and no more, and raises
   nothing, since the loop would tell that;
2. a half-close or time-out would cancel a commit: the transport is `ops.connection`, and `accept.py` shields the commit;
3. `command_size_limits` is one dictionary for all connections that grows at each EHLO: `command_lines.py` holds the limits;
4. EHLO lacks keywords, parameters of RCPT are refused, replies lack enhanced codes: every command is ours;
5. the constructor inspects its handler (about a third of a millisecond), calls `socket.getfqdn`, and authentication blocks:
   the constructor is not run, `_auth` awaits; content comes in blocks and is held once.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, NoReturn, cast

from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Session as AiosmtpdSession

from mailstead.model.failure import Failure, Refused
from mailstead.model.ids import new_trace_id
from mailstead.ops.authentication import Peer
from mailstead.ops.connection import Connection, Disconnected, IdleTimeout, PlaintextBeforeTls, SlowReader
from mailstead.ops.live_sessions import LiveSession
from mailstead.ops.logging import get_logger
from mailstead.store.passwords import AuthenticatedAccount
from mailstead.wire import sasl
from mailstead.wire.trace import Hop, with_protocol
from smtp_in import replies
from smtp_in.arrival import Arrival
from smtp_in.command_lines import MAX_LINE, VERBS, CommandLines
from smtp_in.content import Collector
from smtp_in.handler import Handler
from smtp_in.policy import Role
from smtp_in.replies import NO_CODE, Reply
from smtp_in.session import Session, Transaction

UNKNOWN = (replies.for_failure(Failure.NO_SUCH_ACCOUNT), replies.for_failure(Failure.NO_SUCH_DOMAIN))
FLUSH_ABOVE = 16 * 1024  # octets of replies that may wait for the end of a pipelined group

log = get_logger()

_RUNNING = asyncio.BaseTransport()  # the loop asks only whether there is a transport
_UNLIMITED = dict.fromkeys(VERBS, MAX_LINE)  # see the third trap
Command = Callable[[str | None], Coroutine[Any, Any, None]]


class SessionOver(ConnectionResetError):
    """The conversation ends here; the loop lets this error through. `cause` is how the connection failed, if it did."""

    def __init__(self, cause: Exception | None = None) -> None:
        super().__init__("session over")
        self.cause = cause


class ResponseTooLong(Exception):
    """A line of a SASL exchange that has more octets than any may."""


class SmtpSession(SMTP):
    """One connection. `converse` returns when it is over."""

    def __init__(self, connection: Connection, handler: Handler, *, may_log_in_plainly: bool) -> None:
        # The constructor above is not run: see the fifth trap. What its loop reads is set here.
        self._connection = connection
        self._handler = handler
        mechanisms = handler.mechanisms(connection)
        self._state = Session(handler.service, may_log_in_plainly=may_log_in_plainly, mechanisms=mechanisms)
        self._state.tls = connection.tls
        self._lines = CommandLines()
        self._out: list[bytes] = []
        self._out_size = 0
        self._commands = 0
        self._errors = 0
        self._login_failures = 0
        self._unknown = 0  # recipients
        self._in_content = False
        self._over = False
        self._revoked = False
        self._live: LiveSession | None = None
        self.loop = asyncio.get_running_loop()
        self._ends_at = self.loop.time() + handler.limits.session
        self._is_lmtp = handler.service.role is Role.LMTP
        self._state.is_front_end = handler.is_front_end(connection.peer_host)
        self._chunks: Collector | None = None  # the message that BDAT has begun
        self.hostname, self.__ident__ = handler.service.hostname, "LMTP Mailstead" if self._is_lmtp else "ESMTP Mailstead"
        self.session = AiosmtpdSession(self.loop)
        self.session.peer, self.session.extended_smtp = connection.peer_host, True
        self.transport = _RUNNING
        self.enable_SMTPUTF8 = True
        self.require_starttls = False
        self.command_size_limits = _UNLIMITED
        self._proxy_timeout = None
        self._enforce_call_limit = False
        self._tls_handshake_okay = True
        self._tls_protocol = None
        self._reader = cast(asyncio.StreamReader, self)  # the loop calls `readuntil` only
        self._writer = cast(asyncio.StreamWriter, self)  # and `close`
        self._smtp_methods: dict[str, Command] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "BDAT": self._bdat,
            "LHLO": self._lhlo,
            "XCLIENT": self._xclient,
            "RSET": self._rset,
            "NOOP": self._noop,
            "QUIT": self._quit,
            "VRFY": self._vrfy,
            "EXPN": self._expn,
            "HELP": self._help,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
        }

    async def converse(self) -> None:
        """The whole session. Raises what ended the connection where it was not an ordinary end."""
        self._connection.idle_timeout = self._handler.limits.command_idle
        try:
            refusal = await self._handler.door.greet(self._connection) if self._handler.door is not None else None
            if refusal is not None:
                await self._finish(refusal)
            await self._handle_client()
        except SessionOver as over:
            if over.cause is not None:
                raise over.cause from None
        finally:
            self._forget_chunks()
            if self._live is not None:
                self._live.close()
            self._smtp_methods.clear()  # with these the object refers to itself, and only a full collection would free it
            del self._reader, self._writer

    # ---- what aiosmtpd's loop asks for

    async def readuntil(self, _separator: bytes = b"\n") -> bytes:
        """The next command line. Replies go out when none is waiting, so that those of a pipelined group share a write."""
        while True:
            await self._end_where_due()
            line = self._lines.take()
            if isinstance(line, bytes):
                self._commands += 1
                return line
            if line is not None:
                await self._say(line)
            elif self._lines.hopeless:
                await self._finish(replies.COMMAND_TOO_LONG)
            else:
                await self._flush()
                self._lines.feed(await self._read_command())

    def close(self) -> None:
        """The loop is done with its writer; the listener closes the connection."""

    async def push(self, status: str | bytes) -> None:
        """The loop's own words: the greeting, and what `handle_exception` gave it."""
        await self._send(status.encode("ascii") + b"\r\n" if isinstance(status, str) else status + b"\r\n")

    async def handle_exception(self, error: Exception) -> str:
        """A command failed because the store is away, or for a reason that nobody had foreseen (promise D5).

        Nothing may be raised here, or the loop would tell the client what it was.
        """
        reply = replies.for_failure(error.failure) if isinstance(error, Refused) else replies.TRY_LATER
        self._state.defer()
        self._over = self._in_content  # what would follow is no command
        with contextlib.suppress(Exception):
            self._handler.metrics.command(self._lines.verb, reply)
            if isinstance(error, Refused):
                log.warning("command failed", verb=self._lines.verb, failure=error.failure.value, detail=error.detail)
            else:
                log.error("command failed for an unforeseen reason", verb=self._lines.verb, exc_info=error)
        return reply.wire[:-2].decode("ascii")

    def _reset_timeout(self, duration: float | None = None) -> None:
        """The connection itself knows for how long it has been idle."""

    # ---- commands

    async def _ehlo(self, argument: str | None) -> None:
        await self._greet(argument, extended=True, lmtp=False)

    async def _helo(self, argument: str | None) -> None:
        await self._greet(argument, extended=False, lmtp=False)

    async def _lhlo(self, argument: str | None) -> None:
        await self._greet(argument, extended=True, lmtp=True)

    async def _greet(self, argument: str | None, *, extended: bool, lmtp: bool) -> None:
        if lmtp is not self._is_lmtp:
            await self._say(replies.LHLO_HERE if self._is_lmtp else replies.NO_LMTP_HERE)
            return
        self._forget_chunks()
        await self._say(self._state.greet(argument, extended=extended, now=datetime.now(UTC)))

    async def _xclient(self, argument: str | None) -> None:
        """The peer says whom it speaks for; the session begins anew (Postfix's XCLIENT_README)."""
        told = self._state.xclient(argument)
        if isinstance(told, Reply):
            await self._say(told)
            return
        self._forget_chunks()
        self._connection.peer_host = told.address or self._connection.peer_host
        await self._say(Reply(220, NO_CODE, f"{self.hostname} {self.__ident__}"))

    async def _mail(self, argument: str | None) -> None:
        sender = self._state.mail(argument, datetime.now(UTC))
        door, refusal = self._handler.door, None
        if door is not None and not isinstance(sender, Reply):
            refusal = await door.message(self._connection.peer_host)
        await self._say(refusal or (sender if isinstance(sender, Reply) else await self._handler.mail(self._state, sender)))

    async def _rcpt(self, argument: str | None) -> None:
        asked = self._state.rcpt(argument)
        reply = asked if isinstance(asked, Reply) else await self._handler.rcpt(self._state, asked)
        if reply.is_temporary:
            self._state.defer()
        door = self._handler.door
        if door is not None and reply in UNKNOWN:
            self._unknown += 1
            last_word = await door.unknown(self._connection.peer_host, self._unknown)
            if last_word is not None:
                await self._say(reply)
                await self._finish(last_word)
        await self._say(reply)

    async def _data(self, argument: str | None) -> None:
        transaction = self._state.data(argument)
        if isinstance(transaction, Reply):
            await self._say(transaction)
            return
        await self._say(replies.SEND_CONTENT)
        await self._flush()
        collector = Collector(self._handler.limits.content, self._handler.budget)
        try:
            await self._receive(collector)
            await self._answer(transaction, collector)
        finally:
            collector.release()

    async def _bdat(self, argument: str | None) -> None:
        """A chunk (RFC 3030 §2); what is announced is read whatever becomes of it, or it would be taken for commands."""
        chunk = self._state.bdat(argument)
        if isinstance(chunk, Reply):
            await self._finish(chunk)  # nobody knows where the next command begins
        refusal = self._state.begin_chunk()
        if refusal is None and self._chunks is None:
            self._chunks = Collector(self._handler.limits.content, self._handler.budget, chunked=True)
        await self._receive_chunk(chunk.octets, None if refusal else self._chunks)
        if refusal is not None or self._chunks is None:
            await self._say(refusal or replies.CHUNKS_UNDER_WAY)
        elif not chunk.last:
            await self._say(self._chunks.fault or replies.CHUNK_TAKEN)
        else:
            self._chunks.end_chunks()
            try:
                await self._answer(self._state.end_chunks(), self._chunks)
            finally:
                self._forget_chunks()

    def _forget_chunks(self) -> None:
        if self._chunks is not None:
            self._chunks.release()
            self._chunks = None

    async def _rset(self, argument: str | None) -> None:
        if not argument:
            self._state.reset()
            self._forget_chunks()
        await self._say(replies.NO_ARGUMENT_TAKEN if argument else replies.OK)

    async def _noop(self, argument: str | None) -> None:
        await self._say(replies.OK)

    async def _quit(self, argument: str | None) -> None:
        if argument:
            await self._say(replies.NO_ARGUMENT_TAKEN)
        else:
            await self._finish(replies.BYE)

    async def _vrfy(self, argument: str | None) -> None:
        await self._say(replies.CANNOT_VERIFY if argument else replies.VRFY_SYNTAX)

    async def _expn(self, argument: str | None) -> None:
        await self._say(replies.NOT_IMPLEMENTED)

    async def _help(self, argument: str | None) -> None:
        await self._say(replies.HELP)

    async def _starttls(self, argument: str | None) -> None:
        refusal = self._state.starttls(argument)
        if refusal is not None:
            await self._say(refusal)
            return
        if not self._lines.is_empty:
            await self._finish(replies.TLS_PIPELINED)  # somebody in between may have written it: RFC 3207 §6
        await self._say(replies.READY_FOR_TLS)
        await self._flush()
        try:
            await self._connection.start_tls()
        except (PlaintextBeforeTls, OSError, TimeoutError) as error:
            raise SessionOver(error) from error
        self._state.secured()
        self._state.mechanisms = self._handler.mechanisms(self._connection)  # channel binding is there now

    async def _auth(self, argument: str | None) -> None:
        asked = self._state.auth(argument)
        if isinstance(asked, Reply):
            await self._say(asked)
            return
        reply = await self._exchange(*asked)
        await self._say(reply)
        if self._state.account is not None:
            self._look_after(self._state.account)
        if reply.code in (535, 454):
            self._login_failures += 1
            if self._login_failures >= self._handler.limits.login_failures:
                await self._finish(replies.TOO_MANY_LOGIN_FAILURES)

    # ---- AUTH and DATA

    def _look_after(self, account: AuthenticatedAccount) -> None:
        """The session is to end when what let it in is good no more."""
        if self._live is not None:
            self._live.close()
        self._live = self._handler.authenticator.live.add(account, self._revoke, "smtp", self._connection.peer_host)

    def _revoke(self) -> None:
        self._revoked = True
        self._connection.wake()

    async def _exchange(self, mechanism: str, initial: str | None) -> Reply:
        peer = Peer.of(self._connection, "smtp")
        argument = None if initial is None else initial.encode()
        proof = self._handler.authenticator.authenticate(mechanism, argument, peer, self._ask)
        try:
            return await self._handler.login(self._state, proof, peer.host)
        except sasl.Cancelled:
            return replies.AUTH_CANCELLED
        except sasl.MalformedResponse:
            return replies.AUTH_MALFORMED
        except ResponseTooLong:
            return replies.AUTH_TOO_LONG

    async def _ask(self, challenge: bytes) -> bytes:
        await self._say(Reply(334, NO_CODE, challenge.decode("ascii")))
        while True:
            line = self._lines.take_response(sasl.MAX_RESPONSE)
            if isinstance(line, Reply):
                raise ResponseTooLong
            if line is not None:
                return line
            if self._lines.hopeless:
                await self._finish(replies.AUTH_TOO_LONG)
            await self._flush()
            self._lines.feed(await self._read())

    async def _receive(self, collector: Collector) -> None:
        """Fill the collector up to the final dot; what came after it waits as commands. No dot: the session is over."""
        self._in_content = True
        self._connection.idle_timeout = self._handler.limits.content_idle
        block = self._lines.rest()
        while (rest := collector.feed(block)) is None:
            if collector.hopeless:
                await self._finish(collector.fault or replies.TOO_LARGE)
            if self.loop.time() > self._ends_at:
                await self._finish(replies.SESSION_TOO_LONG)
            block = await self._read()
        self._lines.feed(rest)
        self._connection.idle_timeout = self._handler.limits.command_idle
        self._in_content = False

    async def _receive_chunk(self, left: int, collector: Collector | None) -> None:
        """So many octets, into the collector or into nothing; what came after them waits as commands."""
        self._in_content = True
        self._connection.idle_timeout = self._handler.limits.content_idle
        dropped = 0
        block = self._lines.rest()
        while True:
            mine = block[:left]
            left -= len(mine)
            if collector is not None:
                collector.feed_chunk(mine)
            dropped += len(mine)
            if (collector is None and dropped > self._handler.limits.content.discarded) or (collector and collector.hopeless):
                await self._finish(replies.TOO_LARGE)
            if not left:
                break
            if self.loop.time() > self._ends_at:
                await self._finish(replies.SESSION_TOO_LONG)
            await self._flush()  # the peer may wait for the reply to the chunk before
            block = await self._read()
        self._lines.feed(block[len(mine) :])
        self._connection.idle_timeout = self._handler.limits.command_idle
        self._in_content = False

    async def _answer(self, transaction: Transaction, collector: Collector) -> None:
        """After the last octet: one reply, or on LMTP one for each recipient in order (RFC 2033 §4.2)."""
        if not self._is_lmtp:
            await self._say(collector.fault or await self._accept(transaction, collector))
        elif collector.fault is not None:
            for _ in transaction.targets:
                await self._say(collector.fault)
        else:
            for reply in await self._handler.acceptor.accept_each(self._arrival(transaction, collector)):
                await self._say(reply)

    async def _accept(self, transaction: Transaction, collector: Collector) -> Reply:
        return await self._handler.acceptor.accept(self._arrival(transaction, collector))

    def _arrival(self, transaction: Transaction, collector: Collector) -> Arrival:
        state, cipher = self._state, self._connection.cipher() if self._state.tls else None
        hop = Hop(
            state.hello_name or "",
            self._connection.peer_host,
            self._handler.service.hostname,
            with_protocol(
                extended=state.extended,
                tls=state.tls,
                authenticated=state.account is not None,
                utf8=transaction.sender.utf8,
                lmtp=self._is_lmtp,
            ),
            new_trace_id(),
            cipher[1] if cipher else None,
            state.account.address if state.account and self._handler.service.shows_login else None,
            shows_client=state.account is None or self._handler.service.shows_client,
        )
        return Arrival(self._handler.service.name, hop, transaction, collector.take(), state.account)

    # ---- reading and writing

    async def _end_where_due(self) -> None:
        """Between commands: the ends of a session that are ours to choose."""
        limits = self._handler.limits
        if self._over:
            await self._flush()
            raise SessionOver
        if self._connection.draining.is_set() and self._state.transaction is None:
            await self._finish(replies.DRAINING)
        if self._revoked:
            await self._finish(replies.LOGIN_REVOKED)
        if self._errors > limits.errors:
            await self._finish(replies.TOO_MANY_ERRORS)
        if self._commands >= limits.commands:
            await self._finish(replies.TOO_MANY_COMMANDS)
        if self.loop.time() > self._ends_at and self._state.transaction is None:
            await self._finish(replies.SESSION_TOO_LONG)

    async def _read_command(self) -> bytes:
        """What came, or nothing because draining began."""
        try:
            data = await self._connection.read_or_wake()
        except IdleTimeout:
            await self._finish(replies.IDLE)
        except (Disconnected, ConnectionError) as error:
            raise SessionOver(error) from error
        if data == b"":
            raise SessionOver
        return data or b""

    async def _read(self) -> bytes:
        try:
            data = await self._connection.read()
        except IdleTimeout:
            await self._finish(replies.IDLE)
        if not data:
            raise SessionOver
        return data

    async def _say(self, reply: Reply) -> None:
        self._handler.metrics.command(self._lines.verb, reply)
        self._errors += reply.is_error
        await self._send(reply.wire)

    async def _send(self, octets: bytes) -> None:
        self._out.append(octets)
        self._out_size += len(octets)
        if self._out_size > FLUSH_ABOVE:
            await self._flush()

    async def _flush(self) -> None:
        if not self._out:
            return
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out, self._out_size = [], 0
        try:
            await self._connection.write(data)
        except (Disconnected, SlowReader) as error:
            raise SessionOver(error) from error

    async def _finish(self, reply: Reply) -> NoReturn:
        """Say the last word and end the session."""
        await self._say(reply)
        await self._flush()
        raise SessionOver

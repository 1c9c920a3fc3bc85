"""Plays the SMTP client's machine on a connection: waits as long as RFC 5321 says, streams content, shakes hands."""

import re
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from delivery.commands import Envelope
from delivery.connection import Connection, connect
from delivery.outcome import Result
from delivery.replies import Capabilities, ProtocolError, Reply
from delivery.route import Endpoint, is_address
from delivery.smtp_client import Client, Close, Finished, Ready, Send, SendContent, ShakeHands, Stage, Step, TurnedAway
from mailstead.wire.dots import Stuffer

Content = Callable[[], AsyncIterator[bytes]]
"""Opens the octets of a message, before dot-stuffing; called once for each transaction."""

GOODBYE = 5.0  # seconds for the reply to QUIT: nothing depends on it
_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
_NETWORK_ERRORS = (OSError, TimeoutError, ProtocolError)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait, in each stage (RFC 5321 §4.5.3.2)."""

    connect: float = 30
    tls: float = 60
    greeting: float = 300
    hello: float = 300
    envelope: float = 300
    data: float = 120
    block: float = 180
    final: float = 600

    def of(self, stage: Stage) -> float:
        match stage:
            case Stage.GREETING:
                return self.greeting
            case Stage.ENVELOPE:
                return self.envelope
            case Stage.DATA:
                return self.data
            case Stage.CONTENT:
                return self.block
            case Stage.FINAL:
                return self.final
            case Stage.QUIT:
                return GOODBYE
            case _:
                return self.hello


class HostUnavailable(Exception):
    """No session came about: the next address is to be tried. `reply` is the host's, where it said something.

    `in_tls`: the TLS handshake failed; `tls_result` says how, as reports name it (RFC 8460 §4.3). `insecure`: the host does not
    prove what is demanded of it, and asking it again would not help before its operator has acted.
    """

    def __init__(
        self, reason: str, *, reply: Reply | None = None, in_tls: bool = False, insecure: bool = False, tls_result: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reply = reply
        self.in_tls = in_tls
        self.insecure = insecure
        self.tls_result = tls_result


class Session:
    """An SMTP session that is ready for transactions. Made by `open_session`."""

    def __init__(self, endpoint: Endpoint, connection: Connection, client: Client, timeouts: Timeouts) -> None:
        self.endpoint = endpoint
        self._connection = connection
        self._client = client
        self._timeouts = timeouts
        self.transactions = 0  # begun so far

    @property
    def offers(self) -> Capabilities:
        return self._client.capabilities

    @property
    def tls(self) -> str | None:
        """Version and cipher."""
        return self._connection.tls

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """What the host showed, unverified: DER, its own first; empty without TLS."""
        return self._connection.certificates

    @property
    def usable(self) -> bool:
        """A transaction may begin."""
        return self._client.stage is Stage.READY

    @property
    def waiting(self) -> bool:
        """A transaction may begin, and the host has not said or ended anything in the meantime."""
        return self.usable and not self._connection.has_input

    @property
    def in_doubt(self) -> bool:
        """The final dot has left and its reply has not come: ending here may mean that the message is sent twice."""
        return self._client.stage is Stage.FINAL

    async def transact(self, envelope: Envelope, content: Content) -> Result:
        """One transaction. A connection that breaks is part of the result.

        Raises ValueError for an address that cannot be sent, and what `content` raises; the connection is then of no more use.
        """
        self.transactions += 1
        pending = self._client.begin(envelope)
        try:
            while True:
                for step in pending:
                    match step:
                        case Finished(result):
                            return result
                        case SendContent():
                            await self._stream(content)
                        case _:
                            await perform(step, self._connection, self._timeouts.of(self._client.stage))
                pending = await receive(self._connection, self._client, self._timeouts)
        except _NETWORK_ERRORS as error:
            self._connection.abort()
            lost = self._client.lost(explain(error))
            if lost is None:
                raise
            return lost

    async def _stream(self, content: Content) -> None:
        stuffer = Stuffer()
        async for block in content():
            await self._connection.write(stuffer.feed(block), self._timeouts.block)
            if self._connection.has_input:
                return  # a verdict before the end: read it rather than send on
        self._client.content_sent()
        await self._connection.write(stuffer.end(), self._timeouts.block)

    async def close(self) -> None:
        """Say QUIT where that is possible, and end the connection."""
        try:
            for step in self._client.quit():
                await perform(step, self._connection, GOODBYE)
            while self._client.stage is not Stage.CLOSED:
                await receive(self._connection, self._client, self._timeouts)
        except _NETWORK_ERRORS:
            self._client.lost("closing")
        finally:
            self._connection.abort()


async def open_session(endpoint: Endpoint, name: str, timeouts: Timeouts, tls: ssl.SSLContext | None) -> Session:
    """Connect, say hello, with STARTTLS where `tls` is given and the host offers it, and log in. Raises HostUnavailable."""
    dialogue = endpoint.dialogue
    try:
        connection = await connect(endpoint.address, endpoint.port, timeouts.connect, dialogue.source)
    except (OSError, TimeoutError) as error:
        raise HostUnavailable(f"cannot connect to {where(endpoint)}: {explain(error)}") from error
    client = Client(dialogue.hello or name, tls=tls is not None, lmtp=dialogue.lmtp, credentials=dialogue.credentials)
    try:
        await _greet(endpoint, connection, client, timeouts, tls)
    except _NETWORK_ERRORS as error:
        connection.abort()
        in_tls = client.stage is Stage.HANDSHAKE
        reason = f"{where(endpoint)}: {explain(error)}{' in the TLS handshake' if in_tls else ''}"
        raise HostUnavailable(
            reason,
            in_tls=in_tls,
            insecure=in_tls and isinstance(error, ssl.SSLError),
            tls_result=_tls_result(error) if in_tls else "",
        ) from error
    except BaseException:
        connection.abort()
        raise
    return Session(endpoint, connection, client, timeouts)


async def _greet(
    endpoint: Endpoint, connection: Connection, client: Client, timeouts: Timeouts, tls: ssl.SSLContext | None
) -> None:
    while True:
        for step in await receive(connection, client, timeouts):
            match step:
                case Ready():
                    return
                case TurnedAway(reply):
                    raise HostUnavailable(f"{where(endpoint)} said: {reply.text}", reply=reply)
                case ShakeHands() if tls:
                    await connection.start_tls(tls, _server_name(endpoint.host, tls), timeouts.tls)
                    for following in client.handshake_done():
                        await perform(following, connection, timeouts.hello)
                case _:
                    await perform(step, connection, timeouts.of(client.stage))


async def receive(connection: Connection, client: Client, timeouts: Timeouts) -> list[Step]:
    """The steps that the next octets from the other side ask for."""
    data = await connection.read(timeouts.of(client.stage))
    if not data:
        raise ConnectionError("the host closed the connection")
    return client.receive(data)


async def perform(step: Step, connection: Connection, timeout: float) -> None:
    """Carry out a step that concerns the connection alone."""
    match step:
        case Send(data):
            await connection.write(data, timeout)
        case Close():
            connection.abort()
        case _:
            raise ProtocolError(f"unexpected step {type(step).__name__}")


def _server_name(host: str, context: ssl.SSLContext) -> str | None:
    """The host as a name that a TLS handshake can carry; address literals and odd names from DNS are none.

    Raises ConnectionError where a certificate has to be that of such a name.
    """
    if is_address(host):
        return host if context.check_hostname else None
    if _HOST_NAME.fullmatch(host):
        return host
    if context.check_hostname:
        raise ConnectionError("no certificate can name this host")
    return None


def where(endpoint: Endpoint) -> str:
    """An endpoint in words."""
    return f"{endpoint.host} [{endpoint.address}]:{endpoint.port}"


def _tls_result(error: BaseException) -> str:
    """RFC 8460 §4.3.1; the numbers are OpenSSL's X509_V_ERR_…."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "validation-failure"
    match error.verify_code:
        case 10:
            return "certificate-expired"
        case 62 | 64:
            return "certificate-host-mismatch"
        case 18 | 19 | 20 | 21:
            return "certificate-not-trusted"
        case _:
            return "validation-failure"


def explain(error: BaseException) -> str:
    """A network error in words for people."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or type(error).__name__})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__

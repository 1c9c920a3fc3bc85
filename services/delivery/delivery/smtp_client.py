"""The client's side of SMTP as a machine that never sees a socket (RFC 5321, RFC 2920 pipelining, RFC 3207 STARTTLS).

Octets go in, steps come out: what to send, when to shake hands, when the session is ready, when the content may flow, what a
transaction came to. A session carries any number of transactions, one after another. Where a reply is missing the machine says
in which stage it stands, so that its shell knows how long to wait (RFC 5321 §4.5.3.2) and what a lost connection means.

    GREETING ─ EHLO ─┬─ (HELO) ─────────────────────────┬─ (AUTH) ─ READY ─ ENVELOPE ─ DATA ─ CONTENT ─ FINAL ─ READY …
                     └─ STARTTLS ─ HANDSHAKE ─ EHLO ────┘                                 any stage ─ QUIT ─ CLOSED

By LMTP (RFC 2033) the hello is LHLO, and FINAL lasts until each accepted recipient has had a reply of its own.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from delivery.commands import Envelope, mail_command, recipient_command
from delivery.dialogue import Credentials
from delivery.outcome import Broken, Result
from delivery.replies import Capabilities, ProtocolError, Reply, ReplyReader


class Stage(Enum):
    """What the machine waits for."""

    GREETING = auto()
    EHLO = auto()
    HELO = auto()
    STARTTLS = auto()
    HANDSHAKE = auto()  # the shell's
    AUTH = auto()
    READY = auto()  # for `begin` or `quit`
    ENVELOPE = auto()  # replies to MAIL and RCPT
    DATA = auto()  # 354
    CONTENT = auto()  # the shell's: it streams
    FINAL = auto()  # the reply that takes responsibility
    QUIT = auto()
    CLOSED = auto()


NEXT: dict[Stage, frozenset[Stage]] = {
    Stage.GREETING: frozenset({Stage.EHLO}),
    Stage.EHLO: frozenset({Stage.HELO, Stage.STARTTLS, Stage.AUTH, Stage.READY}),
    Stage.HELO: frozenset({Stage.READY}),
    Stage.STARTTLS: frozenset({Stage.HANDSHAKE, Stage.READY}),
    Stage.HANDSHAKE: frozenset({Stage.EHLO}),
    Stage.AUTH: frozenset({Stage.READY}),
    Stage.READY: frozenset({Stage.ENVELOPE, Stage.QUIT}),
    Stage.ENVELOPE: frozenset({Stage.DATA, Stage.READY}),
    Stage.DATA: frozenset({Stage.CONTENT, Stage.FINAL, Stage.READY}),
    Stage.CONTENT: frozenset({Stage.FINAL}),
    Stage.FINAL: frozenset({Stage.READY}),
    Stage.QUIT: frozenset(),
    Stage.CLOSED: frozenset(),
}
"""The legal transitions; CLOSED may follow any stage."""


@dataclass(frozen=True, slots=True)
class Send:
    """Write these octets, then go on reading."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ShakeHands:
    """Start TLS on the connection, then call `handshake_done`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A transaction may begin."""


@dataclass(frozen=True, slots=True)
class SendContent:
    """Stream the dot-stuffed content and the final dot, then call `content_sent`."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The transaction is over."""

    result: Result


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The host does not serve us now: its reply to the connection, to EHLO, HELO or AUTH."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection; nothing more is to be said."""


Step = Send | ShakeHands | Ready | SendContent | Finished | TurnedAway | Close


class _Command(Enum):
    RSET = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    DOT = auto()  # the lone dot that answers a 354 which nobody wanted any more (RFC 2920 §3.1)


@dataclass(slots=True)
class _Transaction:
    """Commands still to be sent, commands whose replies are still to come, and the replies so far."""

    to_send: deque[tuple[_Command, bytes]]
    awaited: deque[_Command]
    recipients_wanted: int
    mail: Reply | None = None
    recipients: list[Reply] = field(default_factory=list)
    data: Reply | None = None
    final: Reply | None = None
    finals: list[Reply] = field(default_factory=list)  # by LMTP, one for each accepted recipient

    @property
    def accepted(self) -> int:
        """How many would get the content."""
        return sum(r.success for r in self.recipients) if self.mail is not None and self.mail.success else 0

    def result(self, broken: Broken | None = None) -> Result:
        replies: list[Reply | None] = list(self.recipients)
        replies += [None] * (self.recipients_wanted - len(replies))
        finals = iter(self.finals)
        each = tuple(next(finals, None) if r and r.success else None for r in replies) if self.finals else ()
        return Result(self.mail, tuple(replies), self.data, self.final, broken, each)


class Client:
    """One connection's dialogue. `name` is what we call ourselves; with `tls`, STARTTLS is used where it is offered."""

    def __init__(self, name: str, *, tls: bool, lmtp: bool = False, credentials: Credentials | None = None) -> None:
        self.stage = Stage.GREETING
        self.capabilities = Capabilities()
        self.secured = False
        self._name = name
        self._tls = tls
        self._lmtp = lmtp
        self._credentials = credentials
        self._to_prove: list[str] = []  # what LOGIN is still going to ask for
        self._reader = ReplyReader()
        self._transaction: _Transaction | None = None
        self._used = False  # a transaction was begun and not ended by its final dot: RSET before the next

    def receive(self, data: bytes) -> list[Step]:
        """Take what came. Raises ProtocolError when it is not SMTP, or comes where nothing was asked."""
        steps: list[Step] = []
        for reply in self._reader.feed(data):
            if self.stage is Stage.CLOSED:
                break
            self._expect_silence_before_handshake(replies=1)
            steps += self._reply(reply)
        self._expect_silence_before_handshake(replies=0)
        return steps

    def handshake_done(self) -> list[Step]:
        """TLS is up: what was offered before is forgotten (RFC 3207 §4.2)."""
        self.secured = True
        self.capabilities = Capabilities()
        self._go(Stage.EHLO)
        return [self._hello()]

    def begin(self, envelope: Envelope) -> list[Step]:
        """Start a transaction; with PIPELINING all of its commands leave at once. Raises ValueError for a bad address."""
        commands = deque(
            [
                (_Command.MAIL, mail_command(envelope, self.capabilities)),
                *((_Command.RCPT, recipient_command(r, self.capabilities)) for r in envelope.recipients),
                (_Command.DATA, b"DATA\r\n"),
            ]
        )
        if self._used:
            commands.appendleft((_Command.RSET, b"RSET\r\n"))
        self._used = True
        self._transaction = _Transaction(commands, deque(), len(envelope.recipients))
        self._go(Stage.ENVELOPE)
        return [self._send_commands(self._transaction)]

    def content_sent(self) -> None:
        """The final dot has left: from here the other side may have the message even if we never hear so."""
        if self.stage is Stage.CONTENT:
            self._go(Stage.FINAL)

    def quit(self) -> list[Step]:
        """Say goodbye."""
        if self.stage is not Stage.READY:
            self._close()
            return [Close()]
        self._go(Stage.QUIT)
        return [Send(b"QUIT\r\n")]

    def lost(self, detail: str) -> Result | None:
        """The connection is gone: what the transaction that was under way came to."""
        transaction, stage = self._transaction, self.stage
        self._close()
        if transaction is None:
            return None
        return transaction.result(Broken(f"{detail} ({_WAITING.get(stage, 'in the dialogue')})", stage is Stage.FINAL))

    def _expect_silence_before_handshake(self, replies: int) -> None:
        if self.stage is Stage.HANDSHAKE and (replies or not self._reader.empty):
            raise ProtocolError("octets before the TLS handshake")  # an injection: CVE-2011-0411

    # What a reply means depends on what was asked: one method for each stage.

    def _reply(self, reply: Reply) -> list[Step]:
        match self.stage:
            case Stage.GREETING:
                return self._greeting(reply)
            case Stage.EHLO:
                return self._ehlo(reply)
            case Stage.HELO:
                return self._helo(reply)
            case Stage.STARTTLS:
                return self._starttls(reply)
            case Stage.AUTH:
                return self._auth(reply)
            case Stage.ENVELOPE | Stage.DATA | Stage.CONTENT | Stage.FINAL if self._transaction:
                return self._in_transaction(reply, self._transaction)
            case Stage.QUIT:
                self._close()
                return [Close()]
            case Stage.READY if reply.code == 421:  # RFC 5321 §3.8: said at any time
                self._close()
                return [Close()]
        raise ProtocolError(f"a reply to nothing: {reply.text}")

    def _greeting(self, reply: Reply) -> list[Step]:
        if reply.code != 220:
            return self._turned_away(reply)
        self._go(Stage.EHLO)
        return [self._hello()]

    def _ehlo(self, reply: Reply) -> list[Step]:
        if reply.success:
            self.capabilities = Capabilities.of(reply)
            if self._tls and not self.secured and "STARTTLS" in self.capabilities:
                self._go(Stage.STARTTLS)
                return [Send(b"STARTTLS\r\n")]
            return self._ready()
        if 500 <= reply.code < 600 and not self.secured and not self._lmtp:  # RFC 5321 §3.2: a host that does not know EHLO
            self._go(Stage.HELO)
            return [Send(f"HELO {self._name}\r\n".encode("ascii"))]
        return self._turned_away(reply)

    def _helo(self, reply: Reply) -> list[Step]:
        return self._ready() if reply.success else self._turned_away(reply)

    def _starttls(self, reply: Reply) -> list[Step]:
        if reply.code == 220:
            self._go(Stage.HANDSHAKE)
            return [ShakeHands()]
        if reply.code == 421:
            return self._turned_away(reply)
        return self._ready()  # opportunistic: offered and then refused is as good as not offered

    def _auth(self, reply: Reply) -> list[Step]:
        if reply.code == 334 and self._to_prove:
            return [Send(f"{self._to_prove.pop(0)}\r\n".encode("ascii"))]
        if reply.code == 235:
            self._go(Stage.READY)
            return [Ready()]
        return self._turned_away(reply)

    def _in_transaction(self, reply: Reply, transaction: _Transaction) -> list[Step]:
        if self.stage in (Stage.CONTENT, Stage.FINAL) and not transaction.awaited:
            if self.stage is Stage.CONTENT and reply.success:
                raise ProtocolError("content accepted before its end")
            if self._lmtp and self.stage is Stage.FINAL:
                return self._final_of_one(reply, transaction)
            transaction.final = reply
            # A verdict before the final dot leaves the connection in the middle of content: it cannot be used again.
            return self._finish(transaction, close=self.stage is Stage.CONTENT or reply.code == 421)
        command = transaction.awaited.popleft()
        match command:
            case _Command.MAIL:
                transaction.mail = reply
            case _Command.RCPT:
                transaction.recipients.append(reply)
            case _Command.DATA:
                transaction.data = reply
            case _Command.RSET | _Command.DOT:
                pass
        if reply.code == 421:
            return self._finish(transaction, close=True)
        if transaction.awaited:
            self._await_data(transaction)
            return []
        return self._go_on(transaction)

    def _final_of_one(self, reply: Reply, transaction: _Transaction) -> list[Step]:
        """RFC 2033 §4.2: the replies come in the order of the accepted recipients."""
        transaction.finals.append(reply)
        if len(transaction.finals) < transaction.accepted:
            return []
        return self._finish(transaction, close=reply.code == 421)

    def _go_on(self, transaction: _Transaction) -> list[Step]:
        """All replies so far are in: the next command, the content, or the end."""
        if transaction.to_send:
            hopeless = transaction.mail is not None and not transaction.mail.success
            if hopeless or (transaction.to_send[0][0] is _Command.DATA and not transaction.accepted):
                return self._finish(transaction)
            return [self._send_commands(transaction)]
        if transaction.data is None or transaction.data.code != 354 or self.stage is Stage.FINAL:
            return self._finish(transaction)
        if transaction.accepted:
            self._go(Stage.CONTENT)
            return [SendContent()]
        if self._lmtp:  # nobody to have a reply for
            return self._finish(transaction, close=True)
        transaction.awaited.append(_Command.DOT)  # RFC 2920 §3.1: 354 although every recipient was refused
        self._go(Stage.FINAL)
        return [Send(b".\r\n")]

    def _send_commands(self, transaction: _Transaction) -> Send:
        """All that are left with PIPELINING, else the next one."""
        count = len(transaction.to_send) if "PIPELINING" in self.capabilities else 1
        batch = [transaction.to_send.popleft() for _ in range(count)]
        transaction.awaited.extend(command for command, _ in batch)
        self._await_data(transaction)
        return Send(b"".join(octets for _, octets in batch))

    def _await_data(self, transaction: _Transaction) -> None:
        if self.stage is Stage.ENVELOPE and transaction.awaited[0] is _Command.DATA:
            self._go(Stage.DATA)

    def _finish(self, transaction: _Transaction, *, close: bool = False) -> list[Step]:
        result = transaction.result(Broken("the host closed the session (421)") if close else None)
        self._transaction = None
        if close:
            self._close()
            return [Finished(result), Close()]
        self._used = result.final is None and not result.finals  # after the final dot both sides start afresh
        self._go(Stage.READY)
        return [Finished(result)]

    def _ready(self) -> list[Step]:
        if self._credentials is not None:
            return [self._log_in(self._credentials)]
        self._go(Stage.READY)
        return [Ready()]

    def _log_in(self, credentials: Credentials) -> Send:
        if not self.secured:
            raise ProtocolError("no TLS, and a password is not sent without it")
        if "PLAIN" in self.capabilities.mechanisms:
            command = f"AUTH PLAIN {credentials.plain}"
        elif "LOGIN" in self.capabilities.mechanisms:
            command = "AUTH LOGIN"
            self._to_prove = list(credentials.login)
        else:
            raise ProtocolError("neither AUTH PLAIN nor AUTH LOGIN is offered")
        self._go(Stage.AUTH)
        return Send(f"{command}\r\n".encode("ascii"))

    def _turned_away(self, reply: Reply) -> list[Step]:
        self._close()
        return [TurnedAway(reply), Close()]

    def _hello(self) -> Send:
        return Send(f"{'LHLO' if self._lmtp else 'EHLO'} {self._name}\r\n".encode("ascii"))

    def _go(self, stage: Stage) -> None:
        if stage not in NEXT[self.stage]:
            raise ProtocolError(f"{self.stage.name} is not followed by {stage.name}")
        self.stage = stage

    def _close(self) -> None:
        self.stage = Stage.CLOSED
        self._transaction = None


_WAITING = {
    Stage.ENVELOPE: "while waiting for the reply to MAIL or RCPT",
    Stage.DATA: "while waiting for the reply to DATA",
    Stage.CONTENT: "while sending the content",
    Stage.FINAL: "after the final dot, before the reply: the other host may have the message",
}

"""Where a client stands and what it may do next: the state machine of a session, without socket, clock or look-up.

    NEW --EHLO/HELO--> GREETED --MAIL--> SENDER --RCPT--> RECIPIENTS --DATA--> GREETED
                                                              |
                                                              +--BDAT--> CHUNKS --BDAT LAST--> GREETED

EHLO, HELO and RSET lead back to GREETED from everywhere; STARTTLS leads back to NEW (RFC 3207 §4.2). What must be looked up
(a recipient, a sender's owner) is asked for by returning a value; the shell looks it up, `policy.py` judges, and the session
is told by `begin` and `add`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum

from mailstead.store.passwords import AuthenticatedAccount
from smtp_in import extensions, grammar, replies, xclient
from smtp_in.extensions import Offer, RecipientAsked, Sender
from smtp_in.grammar import BadParameters, BadPath, Postmaster
from smtp_in.policy import Role
from smtp_in.replies import NO_CODE, Reply
from smtp_in.targets import Target
from smtp_in.xclient import FrontEnd

MAX_CHUNK_DIGITS = 12  # of BDAT's octets
MAX_KNOWN_HELLOS = 16  # answers to EHLO that are kept rendered


class Phase(Enum):
    """See the picture above."""

    NEW = "new"
    GREETED = "greeted"
    SENDER = "sender"
    RECIPIENTS = "recipients"
    CHUNKS = "chunks"


OUT_OF_ORDER: Mapping[str, Mapping[Phase, Reply]] = {
    "MAIL": {
        Phase.NEW: replies.HELLO_FIRST,
        Phase.SENDER: replies.NESTED_MAIL,
        Phase.RECIPIENTS: replies.NESTED_MAIL,
        Phase.CHUNKS: replies.CHUNKS_UNDER_WAY,
    },
    "RCPT": {Phase.NEW: replies.HELLO_FIRST, Phase.GREETED: replies.MAIL_FIRST, Phase.CHUNKS: replies.CHUNKS_UNDER_WAY},
    "DATA": {
        Phase.NEW: replies.HELLO_FIRST,
        Phase.GREETED: replies.MAIL_FIRST,
        Phase.SENDER: replies.NO_VALID_RECIPIENTS,
        Phase.CHUNKS: replies.CHUNKS_UNDER_WAY,  # RFC 3030 §2: DATA and BDAT do not mix
    },
    "BDAT": {
        Phase.NEW: replies.HELLO_FIRST,
        Phase.GREETED: replies.MAIL_FIRST,
        Phase.SENDER: replies.NO_VALID_RECIPIENTS,
    },
    "AUTH": {
        Phase.NEW: replies.EHLO_FIRST,
        Phase.SENDER: replies.AUTH_IN_TRANSACTION,  # RFC 4954 §4
        Phase.RECIPIENTS: replies.AUTH_IN_TRANSACTION,
        Phase.CHUNKS: replies.AUTH_IN_TRANSACTION,
    },
    "STARTTLS": {
        Phase.NEW: replies.EHLO_FIRST,
        Phase.SENDER: replies.NESTED_MAIL,
        Phase.RECIPIENTS: replies.NESTED_MAIL,
        Phase.CHUNKS: replies.NESTED_MAIL,
    },
}
"""What each command is told in a phase where it may not be used; commands that are not named may always be."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """What one listener offers. `future_release`: how long a message may be held (RFC 4865)."""

    name: str
    role: Role
    hostname: str
    max_size: int
    max_recipients: int
    offers_tls: bool
    offers_auth: bool = False
    offers_dsn: bool = False
    future_release: timedelta = timedelta(0)
    shows_login: bool = False  # in Received, of who submits
    shows_client: bool = True
    hello: Reply = field(init=False)
    _extended: dict[tuple[bool, tuple[str, ...], bool, date], Reply] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "hello", Reply(250, NO_CODE, self.hostname))

    def extended_hello(self, *, tls: bool, auth: tuple[str, ...], xclient: bool, now: datetime) -> Reply:
        """The answer to EHLO, by whether TLS is on, what AUTH may be used with, and the peer is a front end of ours."""
        key = (tls, auth, xclient, now.date())
        if key not in self._extended:
            if len(self._extended) > MAX_KNOWN_HELLOS:
                self._extended.clear()
            self._extended[key] = self._extended_hello(*key)
        return self._extended[key]

    def _extended_hello(self, tls: bool, auth: tuple[str, ...], xclient: bool, today: date) -> Reply:
        keywords = ["PIPELINING", f"SIZE {self.max_size}", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES"]
        keywords += ["DSN"] if self.offers_dsn else []
        keywords += [f"LIMITS RCPTMAX={self.max_recipients}"]  # RFC 9422 §3
        keywords += ["REQUIRETLS"] if tls else []  # RFC 8689 §2
        if self.future_release:  # RFC 4865 §3
            keywords.append(f"FUTURERELEASE {int(self.future_release.total_seconds())} {today + self.future_release}T00:00:00Z")
        keywords += ["STARTTLS"] if self.offers_tls and not tls else []
        keywords += ["AUTH " + " ".join(auth)] if auth else []
        keywords += ["XCLIENT NAME ADDR PORT PROTO HELO"] if xclient else []
        return Reply(250, NO_CODE, "\n".join([self.hostname, *keywords, "HELP"]))


@dataclass(frozen=True, slots=True)
class Chunk:
    """A BDAT command that is in order: so many octets follow."""

    octets: int
    last: bool


@dataclass(slots=True)
class Transaction:
    """The envelope collected so far; `deferred` where a recipient was refused for now."""

    sender: Sender
    targets: list[Target] = field(default_factory=list)
    deferred: bool = False
    placements: int = 0  # that all targets come to
    chunked: bool = False  # BDAT has begun


class Session:
    """One connection's protocol state. Methods take a command's argument and return a Reply, or what has to be looked up."""

    __slots__ = (
        "account",
        "extended",
        "hello_name",
        "is_front_end",
        "may_log_in_plainly",
        "mechanisms",
        "service",
        "tls",
        "transaction",
    )

    def __init__(self, service: Service, *, may_log_in_plainly: bool = False, mechanisms: tuple[str, ...] = ()) -> None:
        self.service = service
        self.may_log_in_plainly = may_log_in_plainly  # the peer stands in a network from which passwords may come without TLS
        self.mechanisms = mechanisms  # of AUTH, on this connection as it is now
        self.is_front_end = False  # the peer may say whom it speaks for: XCLIENT
        self.tls = False
        self.hello_name: str | None = None
        self.extended = False
        self.account: AuthenticatedAccount | None = None
        self.transaction: Transaction | None = None

    @property
    def phase(self) -> Phase:
        if self.hello_name is None:
            return Phase.NEW
        if self.transaction is None:
            return Phase.GREETED
        if self.transaction.chunked:
            return Phase.CHUNKS
        return Phase.RECIPIENTS if self.transaction.targets else Phase.SENDER

    @property
    def may_auth(self) -> bool:
        return self.service.offers_auth and self.account is None and (self.tls or self.may_log_in_plainly)

    @property
    def offer(self) -> Offer:
        """Which parameters MAIL and RCPT may have now."""
        return Offer(self.service.offers_auth, self.service.offers_dsn, self.tls, self.service.future_release)

    def greet(self, argument: str | None, *, extended: bool, now: datetime) -> Reply:
        """EHLO, LHLO or HELO (RFC 5321 §4.1.1.1, RFC 2033 §4.1); a transaction under way is forgotten."""
        name = grammar.hello_name(argument or "")
        if name is None:
            return replies.BAD_HELLO
        self.hello_name, self.extended, self.transaction = name, extended, None
        if not extended:
            return self.service.hello
        mechanisms = self.mechanisms if self.may_auth else ()
        return self.service.extended_hello(tls=self.tls, auth=mechanisms, xclient=self.is_front_end, now=now)

    def reset(self) -> None:
        """RSET, or the end of a transaction."""
        self.transaction = None

    def secured(self) -> None:
        """TLS has begun: all that was said before it is forgotten (RFC 3207 §4.2)."""
        self.tls = True
        self.hello_name, self.extended, self.account, self.transaction = None, False, None, None

    def starttls(self, argument: str | None) -> Reply | None:
        """STARTTLS (RFC 3207 §4): None where it may begin."""
        if argument:
            return replies.NO_ARGUMENT_TAKEN
        if self.tls:
            return replies.TLS_ALREADY
        if not self.service.offers_tls:
            return replies.TLS_NOT_OFFERED
        return OUT_OF_ORDER["STARTTLS"].get(self.phase)

    def auth(self, argument: str | None) -> Reply | tuple[str, str | None]:
        """AUTH (RFC 4954 §4): the mechanism and the initial response, as it came."""
        if not self.service.offers_auth:
            return replies.AUTH_NOT_OFFERED
        if refusal := OUT_OF_ORDER["AUTH"].get(self.phase):
            return refusal
        if not self.extended:
            return replies.EHLO_FIRST
        if self.account is not None:
            return replies.AUTH_ALREADY
        if not self.may_auth:
            return replies.AUTH_NEEDS_TLS
        words = (argument or "").split(" ")
        if not words[0] or len(words) > 2:
            return replies.AUTH_BAD_SYNTAX
        if words[0].upper() not in self.mechanisms:
            return replies.AUTH_UNKNOWN_MECHANISM
        return words[0].upper(), words[1] if len(words) == 2 else None

    def xclient(self, argument: str | None) -> Reply | FrontEnd:
        """XCLIENT from a front end of ours: whom it speaks for; the session is then as new."""
        if not self.is_front_end:
            return replies.NOT_IMPLEMENTED
        if self.transaction is not None:
            return replies.NESTED_MAIL
        told = xclient.parse(argument or "")
        if told is None:
            return replies.BAD_PARAMETER
        self.hello_name, self.extended, self.account = None, False, None
        return told

    def mail(self, argument: str | None, now: datetime) -> Reply | Sender:
        """MAIL (RFC 5321 §4.1.1.2)."""
        if refusal := OUT_OF_ORDER["MAIL"].get(self.phase):
            return refusal
        if self.service.role is Role.SUBMISSION and self.account is None:
            return replies.AUTH_FIRST if self.may_auth or not self.service.offers_tls else replies.TLS_FIRST
        if argument is None or argument[:5].upper() != "FROM:":
            return replies.BAD_MAIL_SYNTAX
        try:
            address, rest = grammar.reverse_path(argument[5:])
        except BadPath:
            return replies.BAD_SENDER
        try:
            given = grammar.parameters(rest)
        except BadParameters:
            return replies.BAD_PARAMETER
        if given and not self.extended:
            return replies.PARAMETERS_NEED_EHLO
        sender = extensions.sender(address, given, self.offer, now)
        if isinstance(sender, Reply):
            return sender
        if sender.size > self.service.max_size:
            return replies.TOO_LARGE  # RFC 1870 §6.1
        if address is not None and not sender.utf8 and not str(address).isascii():
            return replies.UTF8_NOT_ASKED
        return sender

    def begin(self, sender: Sender) -> None:
        """The sender was found good."""
        self.transaction = Transaction(sender)

    def rcpt(self, argument: str | None) -> Reply | RecipientAsked:
        """RCPT (RFC 5321 §4.1.1.3)."""
        if refusal := OUT_OF_ORDER["RCPT"].get(self.phase):
            return refusal
        assert self.transaction is not None
        if len(self.transaction.targets) >= self.service.max_recipients:
            return replies.TOO_MANY_RECIPIENTS
        if argument is None or argument[:3].upper() != "TO:":
            return replies.BAD_RCPT_SYNTAX
        try:
            address, rest = grammar.forward_path(argument[3:])
        except BadPath:
            return replies.BAD_RECIPIENT
        try:
            given = grammar.parameters(rest)
        except BadParameters:
            return replies.BAD_PARAMETER
        if given and not self.extended:
            return replies.PARAMETERS_NEED_EHLO
        if not self.transaction.sender.utf8 and not argument.isascii():
            return replies.UTF8_NOT_ASKED  # RFC 6531 §3.5
        return extensions.recipient(None if isinstance(address, Postmaster) else address, given, self.offer)

    def add(self, target: Target) -> None:
        """The recipient was found good."""
        assert self.transaction is not None
        self.transaction.targets.append(target)
        self.transaction.placements += len(target.placements)

    def defer(self) -> None:
        """A recipient was refused for now, for whatever reason."""
        if self.transaction is not None:
            self.transaction.deferred = True

    def data(self, argument: str | None) -> Reply | Transaction:
        """DATA (RFC 5321 §4.1.1.4): the whole envelope, which is no longer the session's."""
        if argument:
            return replies.NO_ARGUMENT_TAKEN
        return self._not_now("DATA") or self._taken()

    def bdat(self, argument: str | None) -> Reply | Chunk:
        """BDAT (RFC 3030 §2): what follows. The octets that are announced come in any case, unless the reply is BAD_CHUNK."""
        words = (argument or "").split()
        if not (words and words[0].isascii() and words[0].isdigit() and len(words[0]) <= MAX_CHUNK_DIGITS):
            return replies.BAD_CHUNK
        if [word.upper() for word in words[1:]] not in ([], ["LAST"]):
            return replies.BAD_CHUNK
        return Chunk(int(words[0]), len(words) == 2)

    def begin_chunk(self) -> Reply | None:
        """Why the chunk is not wanted, or None."""
        refusal = self._not_now("BDAT")
        if refusal is None and self.transaction is not None:
            self.transaction.chunked = True
        return refusal

    def end_chunks(self) -> Transaction:
        """The whole envelope, which is no longer the session's."""
        return self._taken()

    def _not_now(self, verb: str) -> Reply | None:
        if self.phase is Phase.SENDER and self.transaction and self.transaction.deferred:
            return replies.NO_RECIPIENTS_NOW  # a client that looks at this reply only must try again, too
        return OUT_OF_ORDER[verb].get(self.phase)

    def _taken(self) -> Transaction:
        transaction, self.transaction = self.transaction, None
        assert transaction is not None
        return transaction

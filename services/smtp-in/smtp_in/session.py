"""Where a client stands and what it may do next: the state machine of a session, without socket, clock or look-up.

    NEW --EHLO/HELO--> GREETED --MAIL--> SENDER --RCPT--> RECIPIENTS --DATA--> GREETED

EHLO, HELO and RSET lead back to GREETED from everywhere; STARTTLS leads back to NEW (RFC 3207 §4.2). What must be looked up
(a recipient, a sender's owner) is asked for by returning a value; the shell looks it up, `policy.py` judges, and the session
is told by `begin` and `add`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from mailstead.model.address import Address
from mailstead.store.delivery import Notify
from mailstead.store.passwords import AuthenticatedAccount
from smtp_in import grammar, replies
from smtp_in.grammar import BadParameters, BadPath, Postmaster
from smtp_in.policy import Role
from smtp_in.replies import NO_CODE, Reply
from smtp_in.targets import Target

MAX_ENVID = 100  # octets, RFC 3461 §4.4
MAX_ORCPT = 500  # octets, RFC 3461 §4.2
MAX_SIZE_DIGITS = 20  # RFC 1870 §4


class Phase(Enum):
    """See the picture above."""

    NEW = "new"
    GREETED = "greeted"
    SENDER = "sender"
    RECIPIENTS = "recipients"


OUT_OF_ORDER: Mapping[str, Mapping[Phase, Reply]] = {
    "MAIL": {
        Phase.NEW: replies.HELLO_FIRST,
        Phase.SENDER: replies.NESTED_MAIL,
        Phase.RECIPIENTS: replies.NESTED_MAIL,
    },
    "RCPT": {Phase.NEW: replies.HELLO_FIRST, Phase.GREETED: replies.MAIL_FIRST},
    "DATA": {
        Phase.NEW: replies.HELLO_FIRST,
        Phase.GREETED: replies.MAIL_FIRST,
        Phase.SENDER: replies.NO_VALID_RECIPIENTS,
    },
    "AUTH": {
        Phase.NEW: replies.EHLO_FIRST,
        Phase.SENDER: replies.AUTH_IN_TRANSACTION,  # RFC 4954 §4
        Phase.RECIPIENTS: replies.AUTH_IN_TRANSACTION,
    },
    "STARTTLS": {
        Phase.NEW: replies.EHLO_FIRST,
        Phase.SENDER: replies.NESTED_MAIL,
        Phase.RECIPIENTS: replies.NESTED_MAIL,
    },
}
"""What each command is told in a phase where it may not be used; commands that are not named may always be."""


@dataclass(frozen=True)
class Service:
    """What one listener offers. The answers to EHLO are rendered once."""

    name: str
    role: Role
    hostname: str
    max_size: int
    max_recipients: int
    offers_tls: bool
    mechanisms: tuple[str, ...] = ()
    hello: Reply = field(init=False)
    _extended: dict[tuple[bool, bool], Reply] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hello", Reply(250, NO_CODE, self.hostname))
        answers = {(tls, auth): self._extended_hello(tls, auth) for tls in (False, True) for auth in (False, True)}
        object.__setattr__(self, "_extended", answers)

    @property
    def offers_dsn(self) -> bool:
        """Strangers are not promised reports; who logs in is (RFC 3461 §5)."""
        return self.role is Role.SUBMISSION

    def extended_hello(self, *, tls: bool, auth: bool) -> Reply:
        """The answer to EHLO, by whether TLS is on and whether AUTH may be used."""
        return self._extended[tls, auth]

    def _extended_hello(self, tls: bool, auth: bool) -> Reply:
        keywords = ["PIPELINING", f"SIZE {self.max_size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        keywords += ["DSN"] if self.offers_dsn else []
        keywords += ["STARTTLS"] if self.offers_tls and not tls else []
        keywords += ["AUTH " + " ".join(self.mechanisms)] if auth and self.mechanisms else []
        return Reply(250, NO_CODE, "\n".join([self.hostname, *keywords, "HELP"]))


@dataclass(frozen=True, slots=True)
class Sender:
    """A MAIL command that is in order. `address` None is the null reverse-path; `size` is what was declared, or 0."""

    address: Address | None
    size: int = 0
    utf8: bool = False
    envelope_id: str | None = None
    return_full: bool = False

    @property
    def path(self) -> str:
        """As it stands between the brackets of MAIL FROM."""
        return str(self.address) if self.address else ""


@dataclass(frozen=True, slots=True)
class RecipientAsked:
    """A RCPT command that is in order. `address` None is `<Postmaster>`."""

    address: Address | None
    notify: frozenset[Notify] = frozenset()
    original: str | None = None


@dataclass(slots=True)
class Transaction:
    """The envelope collected so far; `deferred` where a recipient was refused for now."""

    sender: Sender
    targets: list[Target] = field(default_factory=list)
    deferred: bool = False
    placements: int = 0  # that all targets come to


class Session:
    """One connection's protocol state. Methods take a command's argument and return a Reply, or what has to be looked up."""

    __slots__ = ("account", "extended", "hello_name", "may_log_in_plainly", "service", "tls", "transaction")

    def __init__(self, service: Service, *, may_log_in_plainly: bool = False) -> None:
        self.service = service
        self.may_log_in_plainly = may_log_in_plainly  # the peer stands in a network from which passwords may come without TLS
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
        return Phase.RECIPIENTS if self.transaction.targets else Phase.SENDER

    @property
    def may_auth(self) -> bool:
        return bool(self.service.mechanisms) and self.account is None and (self.tls or self.may_log_in_plainly)

    def greet(self, argument: str | None, *, extended: bool) -> Reply:
        """EHLO or HELO (RFC 5321 §4.1.1.1); a transaction under way is forgotten."""
        name = grammar.hello_name(argument or "")
        if name is None:
            return replies.BAD_HELLO
        self.hello_name, self.extended, self.transaction = name, extended, None
        return self.service.extended_hello(tls=self.tls, auth=self.may_auth) if extended else self.service.hello

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
        if not self.service.mechanisms:
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
        if words[0].upper() not in self.service.mechanisms:
            return replies.AUTH_UNKNOWN_MECHANISM
        return words[0].upper(), words[1] if len(words) == 2 else None

    def mail(self, argument: str | None) -> Reply | Sender:
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
        sender = self._sender(address, given)
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
        return self._recipient(None if isinstance(address, Postmaster) else address, given)

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
        if self.phase is Phase.SENDER and self.transaction and self.transaction.deferred:
            return replies.NO_RECIPIENTS_NOW  # a client that looks at this reply only must try again, too
        if refusal := OUT_OF_ORDER["DATA"].get(self.phase):
            return refusal
        transaction, self.transaction = self.transaction, None
        assert transaction is not None
        return transaction

    def _sender(self, address: Address | None, given: dict[str, str | None]) -> Reply | Sender:
        size, utf8, envelope_id, return_full = 0, False, None, False
        for keyword, value in given.items():
            match keyword:
                case "SIZE":  # RFC 1870 §4
                    if not (value and value.isascii() and value.isdigit() and len(value) <= MAX_SIZE_DIGITS):
                        return replies.BAD_PARAMETER
                    size = int(value)
                case "BODY":  # RFC 6152 §3; 8-bit content is taken either way
                    if (value or "").upper() not in ("7BIT", "8BITMIME"):
                        return replies.BAD_PARAMETER
                case "SMTPUTF8":  # RFC 6531 §3.4
                    if value is not None:
                        return replies.BAD_PARAMETER
                    utf8 = True
                case "AUTH" if self.service.mechanisms:  # RFC 4954 §5: no client is trusted to say it, so it is dropped
                    if not (value and (value == "<>" or _is_xtext(value))):
                        return replies.BAD_PARAMETER
                case "RET" if self.service.offers_dsn:  # RFC 3461 §4.3
                    if (value or "").upper() not in ("FULL", "HDRS"):
                        return replies.BAD_PARAMETER
                    return_full = (value or "").upper() == "FULL"
                case "ENVID" if self.service.offers_dsn:  # RFC 3461 §4.4
                    if not (value and len(value) <= MAX_ENVID and _is_xtext(value)):
                        return replies.BAD_PARAMETER
                    envelope_id = value
                case _:
                    return replies.UNKNOWN_PARAMETER  # RFC 5321 §4.1.1.11
        return Sender(address, size, utf8, envelope_id, return_full)

    def _recipient(self, address: Address | None, given: dict[str, str | None]) -> Reply | RecipientAsked:
        notify: frozenset[Notify] = frozenset()
        original = None
        for keyword, value in given.items():
            match keyword:
                case "NOTIFY" if self.service.offers_dsn:  # RFC 3461 §4.1
                    words = (value or "").upper().split(",")
                    if len(set(words)) < len(words) or not all(word in Notify.__members__ for word in words):
                        return replies.BAD_PARAMETER
                    if "NEVER" in words and len(words) > 1:
                        return replies.BAD_PARAMETER
                    notify = frozenset(Notify[word] for word in words)
                case "ORCPT" if self.service.offers_dsn:  # RFC 3461 §4.2
                    kind, semicolon, path = (value or "").partition(";")
                    if not (
                        semicolon and kind and path and len(path) <= MAX_ORCPT and (_is_xtext(path) or kind.lower() == "utf-8")
                    ):
                        return replies.BAD_PARAMETER
                    original = value
                case _:
                    return replies.UNKNOWN_PARAMETER
        return RecipientAsked(address, notify, original)


def _is_xtext(value: str) -> bool:
    return grammar.XTEXT.fullmatch(value) is not None

"""Everything this server ever says, as values: one `Reply`, the constants, and the table from failures to replies.

A reply has an enhanced status code (RFC 2034, RFC 3463) except where RFC 2034 §3 forbids one: the greeting, the answers to
HELO and EHLO, and the intermediate 334 and 354. What the log says of the same event is said elsewhere.
"""

from dataclasses import dataclass, field

from mailstead.model.failure import Failure

NO_CODE = ""  # in place of an enhanced status code


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. `text` may have several lines; `wire` is what goes out, rendered once."""

    code: int
    enhanced: str
    text: str
    wire: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # RFC 2034 §4: the enhanced code stands in every line of a reply of several lines.
        lines = [f"{self.enhanced} {line}" if self.enhanced else line for line in self.text.split("\n")]
        rendered = "".join(f"{self.code}-{line}\r\n" for line in lines[:-1]) + f"{self.code} {lines[-1]}\r\n"
        object.__setattr__(self, "wire", rendered.encode("ascii"))

    @property
    def is_error(self) -> bool:
        """Counts towards the limit on errors: what the client did wrong, not what we could not do."""
        return self.code >= 500

    @property
    def outcome(self) -> str:
        """The reply's class for metrics: `2xx`, `3xx`, `4xx` or `5xx`."""
        return _CLASSES[self.code // 100]

    @property
    def is_temporary(self) -> bool:
        return 400 <= self.code < 500


_CLASSES = {2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}

# What went well.
OK = Reply(250, "2.0.0", "OK")
SENDER_OK = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient OK")
BYE = Reply(221, "2.0.0", "Bye")
READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
SEND_CONTENT = Reply(354, NO_CODE, "Send the message, end with <CRLF>.<CRLF>")
AUTHENTICATED = Reply(235, "2.7.0", "Authenticated")
CHUNK_TAKEN = Reply(250, "2.0.0", "Chunk received")
CANNOT_VERIFY = Reply(252, "2.0.0", "Addresses are not verified, send the message and see")  # RFC 5321 §3.5.3
HELP = Reply(
    214,
    "2.0.0",
    "Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT STARTTLS AUTH\n"
    "What is offered now is in the answer to EHLO",
)

# Syntax and order.
BARE_LINE_END = Reply(500, "5.5.2", "Lines end in CRLF")
UNKNOWN_COMMAND = Reply(500, "5.5.2", "Command not recognized")
NOT_ASCII = Reply(500, "5.5.2", "Command is neither ASCII nor UTF-8")
COMMAND_TOO_LONG = Reply(500, "5.5.6", "Command line too long")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
NO_ARGUMENT_TAKEN = Reply(501, "5.5.4", "This command takes no argument")
BAD_HELLO = Reply(501, NO_CODE, "Give the host's name or its address in brackets")
BAD_MAIL_SYNTAX = Reply(501, "5.5.2", "Syntax: MAIL FROM:<address> [parameters]")
BAD_RCPT_SYNTAX = Reply(501, "5.5.2", "Syntax: RCPT TO:<address> [parameters]")
BAD_SENDER = Reply(501, "5.1.7", "Sender address is malformed")
BAD_RECIPIENT = Reply(501, "5.1.3", "Recipient address is malformed")
BAD_PARAMETER = Reply(501, "5.5.4", "Parameter is malformed, repeated or out of range")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "Parameter not recognized")
PARAMETERS_NEED_EHLO = Reply(555, "5.5.4", "Parameters need EHLO")
BAD_CHUNK = Reply(501, "5.5.4", "Syntax: BDAT octets [LAST]")
CHUNKS_UNDER_WAY = Reply(503, "5.5.1", "BDAT or RSET is expected")  # RFC 3030 §2
LHLO_HERE = Reply(500, "5.5.1", "This is LMTP, say LHLO")  # RFC 2033 §4.1
NO_LMTP_HERE = Reply(500, "5.5.1", "This is SMTP, say EHLO")
HOLD_TOO_LONG = Reply(501, "5.5.4", "Held for longer than is offered")  # RFC 4865 §5
VRFY_SYNTAX = Reply(501, "5.5.4", "Syntax: VRFY address")
UTF8_NOT_ASKED = Reply(553, "5.6.7", "Non-ASCII addresses need MAIL with SMTPUTF8")  # RFC 6531 §3.5
HELLO_FIRST = Reply(503, "5.5.1", "Say EHLO or HELO first")
EHLO_FIRST = Reply(503, "5.5.1", "Say EHLO first")
MAIL_FIRST = Reply(503, "5.5.1", "MAIL first")
RCPT_FIRST = Reply(503, "5.5.1", "RCPT first")
NESTED_MAIL = Reply(503, "5.5.1", "A transaction is under way, RSET ends it")
NO_VALID_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")  # RFC 2920 §3.1
NO_RECIPIENTS_NOW = Reply(451, "4.5.0", "No recipient can be taken now, try again later")

# TLS and AUTH.
TLS_FIRST = Reply(530, "5.7.0", "STARTTLS first")  # RFC 3207 §4
TLS_NOT_OFFERED = Reply(502, "5.5.1", "STARTTLS not offered")
TLS_ALREADY = Reply(503, "5.5.1", "TLS is on already")
TLS_PIPELINED = Reply(554, "5.5.1", "Nothing may follow STARTTLS before its answer")  # RFC 3207 §4.2, RFC 2920 §3.1
AUTH_FIRST = Reply(530, "5.7.0", "Authentication required")  # RFC 4954 §6
AUTH_ALREADY = Reply(503, "5.5.1", "Authenticated already")  # RFC 4954 §4
AUTH_IN_TRANSACTION = Reply(503, "5.5.1", "No AUTH within a transaction")
AUTH_NOT_OFFERED = Reply(502, "5.5.1", "AUTH not offered here")
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "Encryption required for authentication")
AUTH_BAD_SYNTAX = Reply(501, "5.5.4", "Syntax: AUTH mechanism [initial response]")
AUTH_UNKNOWN_MECHANISM = Reply(504, "5.5.4", "Mechanism not offered")
AUTH_MALFORMED = Reply(501, "5.5.2", "Response is not base64")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
AUTH_TOO_LONG = Reply(500, "5.5.6", "Response too long")

# Policy, limits and content.
RELAY_DENIED = Reply(550, "5.7.1", "Relaying denied")
SUPPRESSED = Reply(550, "5.7.1", "This address is on the suppression list of your organization")
DISABLED_FOR_NOW = Reply(450, "4.2.1", "Recipient's mailbox is disabled, try again later")
FULL_FOR_GOOD = Reply(552, "5.2.2", "Recipient's mailbox is full")
MEMBERS_ONLY = Reply(550, "5.7.2", "Only members may write to this address")
REPORTS_ONLY = Reply(550, "5.7.1", "This address takes delivery reports only")
# An operator's slip is no reason for a bounce (promise D5): who sends tries again, until it is mended.
ADDRESS_EXPANDS_TOO_FAR = Reply(451, "4.3.5", "Recipient stands for too many others")
ADDRESS_LEADS_NOWHERE = Reply(451, "4.3.5", "Recipient stands for nobody")
SENDER_NOT_OWNED = Reply(553, "5.7.1", "Sender address does not belong to this login")
AUTHOR_NOT_OWNED = Reply(550, "5.7.1", "From or Sender names an address that does not belong to this login")
SENDING_LIMIT = Reply(451, "4.7.1", "Sending limit reached, try again later")
TOO_LARGE = Reply(552, "5.3.4", "Message exceeds the size limit")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients, send the rest in another transaction")  # RFC 5321 §4.5.3.1.10
NO_ROOM = Reply(452, "4.3.1", "Out of room for messages, try again later")
BARE_LINE_END_IN_CONTENT = Reply(550, "5.6.11", "Bare CR or LF in the message")  # RFC 5321 §2.3.8
LINE_TOO_LONG = Reply(500, "5.6.0", "Line in the message is too long")  # RFC 5321 §4.5.3.1.6
REFUSED_BY_FILTER = Reply(550, "5.7.1", "Refused by the recipient's filter")  # RFC 5429 §2.1.1
LOOP = Reply(554, "5.4.6", "Mail loop: too many Received fields")  # RFC 5321 §6.3
TOO_MANY_MESSAGES = Reply(451, "4.7.0", "Too many messages from your network, try again later")

# Replies after which the connection is closed.
NOT_FOR_YOU = Reply(554, NO_CODE, "No service for this address")  # RFC 5321 §3.1
DRAINING = Reply(421, "4.3.2", "Going down, connect again")
IDLE = Reply(421, "4.4.2", "Nothing heard for too long")
SESSION_TOO_LONG = Reply(421, "4.4.2", "Session has lasted too long")
TOO_MANY_CONNECTIONS = Reply(421, "4.3.2", "Too many connections, try again later")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors")
TOO_MANY_COMMANDS = Reply(421, "4.7.0", "Too many commands")
LOGIN_REVOKED = Reply(421, "4.7.0", "This login is good no more, log in again")
TOO_FAST = Reply(421, "4.7.0", "Too many connections from your network, try again later")
EARLY_TALKER = Reply(421, "4.7.0", "Wait for the greeting")
TOO_MANY_UNKNOWN = Reply(421, "4.7.0", "Too many unknown recipients")
TOO_MANY_LOGIN_FAILURES = Reply(421, "4.7.0", "Too many failed logins")

TRY_LATER = Reply(451, "4.3.0", "Temporary failure, try again later")

FAILURES: dict[Failure, Reply] = {
    Failure.UNAVAILABLE: TRY_LATER,
    Failure.BUSY: Reply(451, "4.3.2", "Busy, try again later"),
    Failure.BAD_CREDENTIALS: Reply(535, "5.7.8", "Credentials not valid"),
    Failure.EASILY_GUESSED: TRY_LATER,
    Failure.LOCKED_OUT: Reply(454, "4.7.0", "Too many failed logins, try again later"),  # RFC 4954 §6
    Failure.TOO_MANY_SESSIONS: Reply(454, "4.7.0", "Too many connections of this account, try again later"),
    Failure.ENCRYPTION_REQUIRED: AUTH_NEEDS_TLS,
    Failure.NO_SUCH_ACCOUNT: Reply(550, "5.1.1", "No such recipient"),
    Failure.ACCOUNT_DISABLED: Reply(550, "5.2.1", "Recipient's mailbox is disabled"),
    Failure.NO_SUCH_DOMAIN: Reply(550, "5.1.2", "No such domain here"),
    Failure.NO_SUCH_MAILBOX: Reply(550, "5.1.1", "Recipient's mailbox does not exist"),
    Failure.NO_SUCH_MESSAGE: TRY_LATER,
    Failure.NO_SUCH_SCRIPT: TRY_LATER,
    Failure.NO_SUCH_KEY: TRY_LATER,
    Failure.NO_SUCH_RULE: TRY_LATER,
    Failure.MAILBOX_EXISTS: TRY_LATER,
    Failure.MAILBOX_HAS_CHILDREN: TRY_LATER,
    Failure.INVALID_NAME: TRY_LATER,
    Failure.INVALID_SCRIPT: TRY_LATER,
    Failure.NO_SUCH_TENANT: TRY_LATER,
    Failure.NO_SUCH_ENTRY: TRY_LATER,
    Failure.DELETED: TRY_LATER,
    Failure.CHANGED: TRY_LATER,
    Failure.NOT_PERMITTED: Reply(550, "5.7.1", "Not permitted"),
    Failure.OVER_QUOTA: Reply(452, "4.2.2", "Recipient's mailbox is full"),
    Failure.TOO_LARGE: TOO_LARGE,
    Failure.TOO_MANY: TOO_MANY_RECIPIENTS,
    Failure.IN_USE: Reply(451, "4.2.0", "Recipient's mailbox is in use, try again later"),
    Failure.CONFLICT: TRY_LATER,
}
"""For each failure what the client is told. Those that cannot arise from taking in a message would be our own error."""

LOGIN_FAILURES: dict[Failure, Reply] = {
    Failure.BAD_CREDENTIALS: FAILURES[Failure.BAD_CREDENTIALS],
    Failure.ACCOUNT_DISABLED: Reply(525, "5.7.13", "Account disabled"),  # RFC 5248 §2.4
    Failure.LOCKED_OUT: FAILURES[Failure.LOCKED_OUT],
    Failure.BUSY: Reply(454, "4.7.0", "Busy, try again later"),  # RFC 4954 §6
}
LOGIN_TRY_LATER = Reply(454, "4.7.0", "Temporary authentication failure")  # RFC 4954 §6


def for_failure(failure: Failure) -> Reply:
    """What a client hears when taking or placing its message failed so."""
    return FAILURES[failure]


def for_login_failure(failure: Failure) -> Reply:
    """What a client hears when its AUTH failed so."""
    return LOGIN_FAILURES.get(failure, LOGIN_TRY_LATER)


def accepted(trace_id: str) -> Reply:
    """The promise (D1): the message with this trace id is committed."""
    return Reply(250, "2.0.0", f"Accepted as {trace_id}")

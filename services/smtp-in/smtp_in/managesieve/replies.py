"""What a ManageSieve server says: status, response code, text (RFC 5804 §1.2, §1.3), and the one table from failures to replies.

TRYLATER lets a program try again by itself, ENCRYPT-NEEDED and the QUOTA codes tell it what to do. What the log says stands in
`Refused.detail` and never here.
"""

from dataclasses import dataclass
from enum import Enum

from mailstead.model.failure import Failure

MAX_QUOTED = 1024  # octets, RFC 5804 §4


class Status(Enum):
    """RFC 5804 §1.2."""

    OK = "OK"
    NO = "NO"
    BYE = "BYE"


class Code(Enum):
    """RFC 5804 §1.3."""

    ACTIVE = "ACTIVE"
    ALREADYEXISTS = "ALREADYEXISTS"
    ENCRYPT_NEEDED = "ENCRYPT-NEEDED"
    MAXSCRIPTS = "QUOTA/MAXSCRIPTS"
    MAXSIZE = "QUOTA/MAXSIZE"
    NONEXISTENT = "NONEXISTENT"
    TAG = "TAG"
    TRYLATER = "TRYLATER"
    WARNINGS = "WARNINGS"


def string(text: str) -> bytes:
    """Quoted where it can be, else a literal (RFC 5804 §4)."""
    octets = text.encode()
    if len(octets) > MAX_QUOTED or any(octet in b"\r\n\0" for octet in octets):
        return b"{%d}\r\n%b" % (len(octets), octets)
    return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of an answer. `value` belongs to the code TAG only."""

    status: Status
    text: str = ""
    code: Code | None = None
    value: str | None = None

    def render(self) -> bytes:
        octets = self.status.value.encode()
        if self.code is not None:
            value = b"" if self.value is None else b" " + string(self.value)
            octets += b" (" + self.code.value.encode() + value + b")"
        if self.text:
            octets += b" " + string(self.text)
        return octets + b"\r\n"


def ok(text: str = "", code: Code | None = None) -> Reply:
    return Reply(Status.OK, text, code)


def no(text: str, code: Code | None = None) -> Reply:
    return Reply(Status.NO, text, code)


def bye(text: str, code: Code | None = None) -> Reply:
    return Reply(Status.BYE, text, code)


UNEXPECTED = no("Temporary failure, try again later", Code.TRYLATER)
FULL = bye("Too many connections, try again later", Code.TRYLATER)
DRAINING = bye("Going down, connect again", Code.TRYLATER)
IDLE = bye("Nothing heard for too long")
REVOKED = bye("This log-in is good no more")
TOO_MANY_FAILURES = bye("Too many failed authentication attempts")
TOO_MANY_ERRORS = bye("Too many errors")
FAREWELL = ok("Bye")
TLS_BEGINS = ok("Begin TLS")
AUTHENTICATED = ok("Authenticated")
UNAUTHENTICATED = ok("No longer authenticated")
CANCELLED = no("Authentication cancelled")
NOT_BASE64 = no("That is not base64")
UNKNOWN_MECHANISM = no("Authentication mechanism not offered")
TLS_ON = no("TLS is on already")
TLS_NOT_OFFERED = no("TLS is not available")
EMPTY_SCRIPT = no("A script is not empty")  # RFC 5804 §2.6
NOT_UTF_8 = no("That is not UTF-8")

REPLIES: dict[Failure, Reply] = {
    Failure.UNAVAILABLE: UNEXPECTED,
    Failure.BUSY: no("Too busy, try again later", Code.TRYLATER),
    Failure.BAD_CREDENTIALS: no("Authentication failed"),
    Failure.EASILY_GUESSED: UNEXPECTED,
    Failure.LOCKED_OUT: no("Too many failed log-ins, try again later", Code.TRYLATER),
    Failure.TOO_MANY_SESSIONS: no("Too many connections of this account, try again later", Code.TRYLATER),
    Failure.ENCRYPTION_REQUIRED: no("Encryption is required: use STARTTLS first", Code.ENCRYPT_NEEDED),
    Failure.NO_SUCH_ACCOUNT: no("There is no such account"),
    Failure.ACCOUNT_DISABLED: no("Account is disabled"),
    Failure.NO_SUCH_DOMAIN: no("Authentication failed"),
    Failure.NO_SUCH_MAILBOX: UNEXPECTED,
    Failure.NO_SUCH_MESSAGE: UNEXPECTED,
    Failure.NO_SUCH_SCRIPT: no("There is no script by that name", Code.NONEXISTENT),
    Failure.NO_SUCH_KEY: UNEXPECTED,
    Failure.NO_SUCH_RULE: UNEXPECTED,
    Failure.MAILBOX_EXISTS: UNEXPECTED,
    Failure.MAILBOX_HAS_CHILDREN: UNEXPECTED,
    Failure.INVALID_NAME: no("A script cannot have that name"),
    Failure.NO_SUCH_TENANT: UNEXPECTED,
    Failure.NO_SUCH_ENTRY: UNEXPECTED,
    Failure.DELETED: UNEXPECTED,
    Failure.CHANGED: UNEXPECTED,
    Failure.INVALID_SCRIPT: no("That is no script"),
    Failure.NOT_PERMITTED: no("Not permitted"),
    Failure.OVER_QUOTA: UNEXPECTED,
    Failure.TOO_LARGE: no("The script is too large", Code.MAXSIZE),
    Failure.TOO_MANY: no("There are too many scripts", Code.MAXSCRIPTS),
    Failure.IN_USE: no("You may not delete an active script", Code.ACTIVE),
    Failure.CONFLICT: no("A script by that name exists already", Code.ALREADYEXISTS),
}


def reply_to(failure: Failure) -> Reply:
    """The NO for `failure`."""
    return REPLIES[failure]

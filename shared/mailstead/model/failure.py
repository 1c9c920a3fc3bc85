"""Why something could not be done, as one closed list.

Each protocol has exactly one table from these to its own words (`imap/errors.py`, `smtp_in/replies.py`, `pop3/errors.py`,
`api/errors.py`); a test holds each table complete.
"""

from enum import Enum


class Failure(Enum):
    """A reason that a client may be told. What the log says travels separately, in `Refused.detail`."""

    UNAVAILABLE = "unavailable"  # ours: the database is away, a deadline passed, a bug; always temporary
    BUSY = "busy"  # a protective limit of this process or tenant is reached; temporary
    BAD_CREDENTIALS = "bad credentials"
    EASILY_GUESSED = "easily guessed"  # a password that was to be set
    LOCKED_OUT = "locked out"  # too many log-ins failed; temporary, and whether there is such an account is not told
    TOO_MANY_SESSIONS = "too many sessions"  # of an account; temporary
    ENCRYPTION_REQUIRED = "encryption required"
    NO_SUCH_ACCOUNT = "no such account"
    ACCOUNT_DISABLED = "account disabled"
    NO_SUCH_DOMAIN = "no such domain"
    NO_SUCH_MAILBOX = "no such mailbox"
    NO_SUCH_MESSAGE = "no such message"
    NO_SUCH_SCRIPT = "no such script"
    NO_SUCH_KEY = "no such key"
    NO_SUCH_TENANT = "no such tenant"
    NO_SUCH_RULE = "no such rule"
    NO_SUCH_ENTRY = "no such entry"  # of a list that an operator keeps, as pauses of the queue
    MAILBOX_EXISTS = "mailbox exists"
    MAILBOX_HAS_CHILDREN = "mailbox has children"
    INVALID_NAME = "invalid name"
    INVALID_SCRIPT = "invalid script"
    NOT_PERMITTED = "not permitted"
    OVER_QUOTA = "over quota"
    TOO_LARGE = "too large"
    TOO_MANY = "too many"
    IN_USE = "in use"
    CONFLICT = "conflict"  # it exists already, or changed meanwhile
    DELETED = "deleted"  # it, or what has its name; it can still be restored
    CHANGED = "changed"  # it is no longer what the client has seen


class Refused(Exception):
    """An operation was not carried out, and nothing of it remains.

    `failure` chooses what the client is told; `detail` is for the log and for operators, never for strangers.
    """

    def __init__(self, failure: Failure, detail: str = "") -> None:
        super().__init__(detail or failure.value)
        self.failure = failure
        self.detail = detail

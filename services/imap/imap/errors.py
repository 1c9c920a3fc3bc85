"""What an IMAP client hears of each failure: the one table, with the response codes of RFC 5530 and RFC 9051 §7.1.

Codes tell a program what to do: [UNAVAILABLE] try again later, [NONEXISTENT] forget that mailbox, [OVERQUOTA] make room. What the
log says stands in `Refused.detail` and never here.
"""

from imap.response import Reply, no
from mailstead.model.failure import Failure

UNEXPECTED = no("temporary failure, try again later", "UNAVAILABLE")

REPLIES: dict[Failure, Reply] = {
    Failure.UNAVAILABLE: UNEXPECTED,
    Failure.BUSY: no("too busy, try again later", "UNAVAILABLE"),
    Failure.BAD_CREDENTIALS: no("authentication failed", "AUTHENTICATIONFAILED"),
    Failure.EASILY_GUESSED: UNEXPECTED,
    Failure.LOCKED_OUT: no("too many failed log-ins, try again later", "LIMIT"),  # RFC 5530 §3
    Failure.TOO_MANY_SESSIONS: no("this account has too many connections, close others first", "LIMIT"),
    Failure.ENCRYPTION_REQUIRED: no("encryption is required: use STARTTLS first", "PRIVACYREQUIRED"),
    Failure.NO_SUCH_ACCOUNT: no("authentication failed", "AUTHENTICATIONFAILED"),
    Failure.ACCOUNT_DISABLED: no("account is disabled", "AUTHORIZATIONFAILED"),
    Failure.NO_SUCH_DOMAIN: no("authentication failed", "AUTHENTICATIONFAILED"),
    Failure.NO_SUCH_MAILBOX: no("no such mailbox", "NONEXISTENT"),
    Failure.NO_SUCH_MESSAGE: no("no such message", "EXPUNGEISSUED"),
    Failure.NO_SUCH_SCRIPT: UNEXPECTED,
    Failure.NO_SUCH_KEY: UNEXPECTED,
    Failure.NO_SUCH_RULE: UNEXPECTED,
    Failure.MAILBOX_EXISTS: no("mailbox exists already", "ALREADYEXISTS"),
    Failure.MAILBOX_HAS_CHILDREN: no("mailbox has mailboxes below it", "HASCHILDREN"),
    Failure.INVALID_NAME: no("that cannot be a mailbox name", "CANNOT"),
    Failure.INVALID_SCRIPT: UNEXPECTED,
    Failure.NO_SUCH_TENANT: UNEXPECTED,
    Failure.NO_SUCH_ENTRY: UNEXPECTED,
    Failure.DELETED: UNEXPECTED,
    Failure.CHANGED: UNEXPECTED,
    Failure.NOT_PERMITTED: no("not permitted", "NOPERM"),
    Failure.OVER_QUOTA: no("quota is exceeded", "OVERQUOTA"),
    Failure.TOO_LARGE: no("too large", "TOOBIG"),
    Failure.TOO_MANY: no("there are too many", "LIMIT"),
    Failure.IN_USE: no("in use, try again later", "INUSE"),
    Failure.CONFLICT: no("changed meanwhile, try again", "UNAVAILABLE"),
}

# COPY, MOVE and APPEND tell the client to create the mailbox first (RFC 9051 §6.3.12, §6.4.7).
TRY_CREATE = no("no such mailbox", "TRYCREATE")


def reply_to(failure: Failure) -> Reply:
    """The tagged NO for `failure`."""
    return REPLIES[failure]

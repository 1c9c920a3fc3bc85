"""What a POP3 client hears of each failure: the one table, with the response codes of RFC 2449 §8.1, RFC 3206 §4 and RFC 6856 §5.

[AUTH] sends a program back to its user for other credentials, [SYS/TEMP] lets it try again by itself, [IN-USE] says that
another session has the maildrop. What the log says stands in `Refused.detail` and never here.
"""

from mailstead.model.failure import Failure
from pop3.protocol import Reply, ResponseCode

UNEXPECTED = Reply(False, "temporary failure, try again later", ResponseCode.SYS_TEMP)

REPLIES: dict[Failure, Reply] = {
    Failure.UNAVAILABLE: UNEXPECTED,
    Failure.BUSY: Reply(False, "too busy, try again later", ResponseCode.SYS_TEMP),
    Failure.BAD_CREDENTIALS: Reply(False, "authentication failed", ResponseCode.AUTH),
    Failure.EASILY_GUESSED: UNEXPECTED,
    Failure.LOCKED_OUT: Reply(False, "too many failed log-ins, try again later", ResponseCode.SYS_TEMP),
    Failure.TOO_MANY_SESSIONS: Reply(False, "too many connections, try again later", ResponseCode.SYS_TEMP),
    Failure.ENCRYPTION_REQUIRED: Reply(False, "encryption is required: use STLS first"),
    Failure.NO_SUCH_ACCOUNT: Reply(False, "authentication failed", ResponseCode.AUTH),
    Failure.ACCOUNT_DISABLED: Reply(False, "account is disabled", ResponseCode.AUTH),
    Failure.NO_SUCH_DOMAIN: Reply(False, "authentication failed", ResponseCode.AUTH),
    Failure.NO_SUCH_MAILBOX: UNEXPECTED,
    Failure.NO_SUCH_MESSAGE: Reply(False, "no such message"),
    Failure.NO_SUCH_SCRIPT: UNEXPECTED,
    Failure.NO_SUCH_KEY: UNEXPECTED,
    Failure.NO_SUCH_RULE: UNEXPECTED,
    Failure.MAILBOX_EXISTS: UNEXPECTED,
    Failure.MAILBOX_HAS_CHILDREN: UNEXPECTED,
    Failure.INVALID_NAME: UNEXPECTED,
    Failure.INVALID_SCRIPT: UNEXPECTED,
    Failure.NO_SUCH_TENANT: UNEXPECTED,
    Failure.NO_SUCH_ENTRY: UNEXPECTED,
    Failure.DELETED: UNEXPECTED,
    Failure.CHANGED: UNEXPECTED,
    Failure.NOT_PERMITTED: Reply(False, "not permitted"),
    Failure.OVER_QUOTA: UNEXPECTED,
    Failure.TOO_LARGE: UNEXPECTED,
    Failure.TOO_MANY: Reply(False, "logged in too recently, try again later", ResponseCode.LOGIN_DELAY),  # of log-ins, here
    Failure.IN_USE: Reply(False, "maildrop is in use by another session", ResponseCode.IN_USE),
    Failure.CONFLICT: UNEXPECTED,
}


def reply_to(failure: Failure) -> Reply:
    """The -ERR line for `failure`."""
    return REPLIES[failure]

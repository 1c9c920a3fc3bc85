"""LOGIN (RFC 9051 §6.2.3)."""

from imap.capability import passwords_allowed
from imap.grammar.requests import Login
from imap.login import log_in
from imap.response import Reply
from imap.session import Session
from mailstead.model.failure import Failure, Refused
from mailstead.wire.sasl import Credentials


async def login(session: Session, request: Login) -> Reply:
    if not passwords_allowed(session):
        raise Refused(Failure.ENCRYPTION_REQUIRED)
    return await log_in(session, Credentials("", request.user, request.password))

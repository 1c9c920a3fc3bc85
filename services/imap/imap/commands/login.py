"""LOGIN (RFC 9051 §6.2.3)."""

from imap.capability import login_allowed
from imap.grammar.requests import Login
from imap.login import log_in
from imap.response import Reply
from imap.session import Session
from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Peer


async def login(session: Session, request: Login) -> Reply:
    if not login_allowed(session):
        raise Refused(Failure.ENCRYPTION_REQUIRED)
    proof = session.backend.authenticator.log_in(request.user, request.password, Peer.of(session.connection, "imap"))
    return await log_in(session, proof)
